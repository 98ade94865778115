"""The interactive page: surfaces side by side, in one file that works offline, or live."""

import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.naming import numbered
from landscape.notebook import is_notebook, show_page
from landscape.page.catalog import part, reason_not_drawn
from landscape.page.html import page
from landscape.page.payload import content, thumbnail
from landscape.page.status import status, with_different_names
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

__all__ = ["open_in_browser", "view"]


def view(
    *surfaces: Surface,
    html: str | Path | None = None,
    scale: ScaleKind = "auto",
    maximum: float | None = None,
    names: Sequence[str] | None = None,
    files: Mapping[str, str] | None = None,
    gallery: bool = False,
    open_browser: bool | None = None,
) -> Path | None:
    """Open an interactive page with surfaces side by side and lines in one chart.

    In a notebook it is displayed in the cell. It is one file that works offline and sends nothing
    anywhere.

    Args:
        *surfaces: One or more.
        html: File of the page; by default a temporary file, or the cell of a notebook.
        scale: Loss axis: ``linear``, ``log``, or ``auto``: log if the losses span more than two
            decades.
        maximum: Clip losses above this value.
        names: Different names of the surfaces, for links, and in the page where their own are
            equal.
        files: File of each surface by its name in ``names``, for the command that draws the same
            with ``landscape plot``; by default the name with ``.h5``.
        gallery: Start with thumbnails to select from, not with all of them.
        open_browser: By default only if ``html`` is not given, and not in a notebook. Without a
            display nothing is opened.

    Returns:
        The page's path; None if the page is displayed in a notebook.

    Raises:
        ValueError: No surfaces, or names that are not different.
        LandscapeError: No surface can be drawn.
        OSError: The page cannot be written.

    Example:
        >>> import landscape
        >>> surface = landscape.load("surfaces/resnet56.h5")  # doctest: +SKIP
        >>> landscape.view(surface, html="resnet56.html")  # doctest: +SKIP
    """
    if not surfaces:
        raise ValueError("expected one surface or more")
    for surface in surfaces:
        if reason := reason_not_drawn(surface):
            raise LandscapeError(reason)
    Scale.covering([surface.median for surface in surfaces], scale, maximum)  # says what is wrong
    if names is None:
        names = numbered([surface.name for surface in surfaces])
    if len(set(names)) != len(surfaces):
        raise ValueError(f"expected {len(surfaces)} different names, not {', '.join(names)}")
    index: list[Mapping[str, Any]] = []
    contents: dict[str, Any] = {}
    for name, surface in zip(names, surfaces, strict=True):
        done, total = surface.done
        is_whole = done == total
        index.append(
            status(
                name,
                surface.name,
                "file",
                "complete" if is_whole else "unfinished",
                "" if is_whole else part(done, total),
                done,
                total,
                surface.grid.shape,
                thumbnail(surface),
                (files or {}).get(name, f"{name}.h5"),
            )
        )
        contents[name] = content(surface, name, "file")
    index = with_different_names(index)
    text = page(index, contents, live=False, gallery=gallery, scale=scale, maximum=maximum)
    if html is None and open_browser is None and is_notebook():
        show_page(text, f"the interactive page of {', '.join(names)}")
        return None
    if html is None:
        path = Path(tempfile.mkdtemp(prefix="landscape-")) / "landscape.html"
    else:
        path = Path(html)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if open_browser or (open_browser is None and html is None):
        open_in_browser(path.resolve().as_uri())
    return path


def open_in_browser(address: str) -> None:
    """Open an address in the browser, on a machine with a display.

    Args:
        address: The address.
    """
    needs_display = sys.platform not in ("darwin", "win32")
    if needs_display and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    webbrowser.open(address)
