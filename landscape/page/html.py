"""The page as one file: everything that it needs stands in it, and nothing leaves it."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from plotly.offline import get_plotlyjs

from landscape.colors import MAP_COLORS
from landscape.scale import ScaleKind

# The browser itself sees to it that no request leaves the page.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src {connect}; base-uri 'none'; form-action 'none'"
)


def page(
    index: list[Mapping[str, Any]],
    surfaces: Mapping[str, Any],
    *,
    live: bool,
    gallery: bool,
    scale: ScaleKind,
    maximum: float | None,
) -> str:
    """Return the page's text.

    Args:
        index: The status of every surface, as :func:`landscape.page.status.status` has it.
        surfaces: Their content by identifier; empty for a live page, which asks for it.
        live: Whether a server is behind the page.
        gallery: Whether to begin with thumbnails to choose from.
        scale: Of the loss, to begin with.
        maximum: Where to clip, to begin with; by default as the page sees fit.
    """
    content = {
        "live": live,
        "gallery": gallery,
        "index": index,
        "surfaces": surfaces,
        "colorscale": _colors(MAP_COLORS),
        "defaults": {"scale": scale, "clip": _clip(maximum)},
    }
    names = ", ".join(str(status["name"]) for status in index)
    title = "landscape" if gallery or not names else f"{names[:100]} · landscape"
    return Template(_static("page.html")).substitute(
        title=escape(title),
        policy=_POLICY.format(connect="'self'" if live else "'none'"),
        style=_static("page.css"),
        content=_inline(content),
        plotly=get_plotlyjs(),
        modules=_inline({"imports": _modules()}),
    )


def _clip(maximum: float | None) -> float | str | None:
    """Return where to clip as the page has it: None is nowhere."""
    if maximum is None:
        return "auto"
    return maximum if math.isfinite(maximum) else None


def _inline(value: Any) -> str:
    """Return JSON that cannot end the script element that it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _colors(names: Sequence[str]) -> list[tuple[float, str]]:
    return [(k / (len(names) - 1), name) for k, name in enumerate(names)]


@cache
def _static(name: str) -> str:
    return files("landscape.page").joinpath("static").joinpath(name).read_text(encoding="utf-8")


@cache
def _modules() -> Mapping[str, str]:
    """Return our scripts by the names under which they import each other."""
    folder = files("landscape.page").joinpath("static")
    return {
        f"landscape/{file.name}": "data:text/javascript;base64,"
        + base64.b64encode(file.read_bytes()).decode()
        for file in folder.iterdir()
        if file.name.endswith(".js")
    }
