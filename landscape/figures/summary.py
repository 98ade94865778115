"""A surface as the value of a notebook's cell: a small picture and the facts."""

import base64
import io
from html import escape

import numpy as np
from matplotlib.figure import Figure

from landscape.captions import notes, unfinished
from landscape.diagnostics import warnings
from landscape.errors import LandscapeError
from landscape.figures.figure import plot
from landscape.progress import duration
from landscape.scale import Scale
from landscape.surface import Surface

_SIZE, _DPI = (4.4, 3.4), 100  # inches, pixels per inch


def html_summary(surface: Surface) -> str:
    """Return a picture and what must be known of it, in one piece of HTML.

    Args:
        surface: Finished or not.
    """
    rows = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(text)}</td></tr>'
        for name, text in facts(surface).items()
    )
    table = f"<table><caption><b>{escape(surface.name)}</b></caption>{rows}</table>"
    picture = _picture(surface)
    if picture is None:
        return f"<div>{table}</div>"
    data = base64.b64encode(picture).decode()
    image = f'<img alt="{escape(repr(surface))}" src="data:image/png;base64,{data}">'
    style = "display: flex; flex-wrap: wrap; align-items: center; gap: 1em"
    return f'<div style="{style}">{image}{table}</div>'


def facts(surface: Surface) -> dict[str, str]:
    """Return what is known of a surface, as texts by their names."""
    found = {"grid": str(surface.grid)}
    entries = unfinished(surface) + notes(surface)
    if entries:
        found["notes"] = ", ".join(entries)
    if found_wrong := warnings(surface):
        found["warning" if len(found_wrong) == 1 else "warnings"] = "; ".join(map(str, found_wrong))
    losses = surface.median.losses[surface.median.evaluated]
    losses = losses[np.isfinite(losses)]
    if losses.size:
        found[surface.quantity] = f"{Scale.label(losses.min())} to {Scale.label(losses.max())}"
    for name in ("images", "tolerance", "seed", "normalize", "batchnorm", "precision"):
        if name in surface.settings:
            found[surface.unit.renamed(name)] = str(surface.settings[name])
    found["time"] = duration(sum(each.seconds for each in surface.seeds))
    return found


def _picture(surface: Surface) -> bytes | None:
    """Return a PNG; None if nothing can be drawn."""
    figure = Figure(_SIZE, _DPI, layout="constrained")  # none of pyplot's
    kind = "line" if surface.is_line else "surface"
    axes = figure.add_subplot(projection="3d" if kind == "surface" else "rectilinear")
    try:
        plot(surface, kind=kind, ax=axes)
    except LandscapeError:
        return None
    axes.set_title("")  # it would repeat the table
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
