"""Figures of one panel for each surface, side by side on one scale."""

import math
from collections.abc import Callable
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.figures.captions import caption, convergence, put_above, with_planes, write
from landscape.figures.contour_labels import Contours, label
from landscape.figures.framing import fill_axes
from landscape.figures.kinds import Request
from landscape.figures.picture import Picture
from landscape.figures.style import name_axes
from landscape.surface import Surface

WIDTH, HEIGHT = 5.2, 4.6
"""Size of one panel, in inches."""

_PER_ROW = 4

Draw = Callable[[Any, Surface, Picture], Contours | None]
"""Draws a surface into axes; returns contour lines that need labels, if any."""


def side_by_side(request: Request, draw: Draw, is_3d: bool = False) -> Figure:
    """Draw one panel for each surface.

    Args:
        request: What is drawn.
        draw: Draws one panel.
        is_3d: Whether the panels are in 3-D.

    Returns:
        The figure.
    """
    picture = request.picture()
    every = list(request.axes) or _new_axes(request, is_3d)
    figure: Figure = every[0].figure.canvas.figure  # also of a figure within a figure
    contours: list[Contours] = []
    for axes, surface in zip(every, request.shown, strict=True):
        drawn = draw(axes, surface, picture)
        contours += [] if drawn is None else [drawn]
        name_axes(axes, surface)
    picture.add_bar(figure, every, pad=0.08 if is_3d else 0.02)
    captions = [_caption(surface, picture) for surface in request.surfaces]
    write(every, request.captions or with_planes(request.surfaces, captions))
    if is_3d:
        fill_axes(every, picture.camera.zoom)
    label(figure, contours)
    return figure


def _caption(surface: Surface, picture: Picture) -> str:
    curvature = surface.curvature if picture.curvature else None
    entries = [] if curvature is None else convergence(curvature)
    return caption(surface, *entries, evaluated=picture.evaluated)


def shape_of(num: int) -> tuple[int, int]:
    """Return the rows and columns of panels that stay readable.

    Args:
        num: Number of panels.
    """
    rows = math.ceil(num / _PER_ROW)
    return rows, math.ceil(num / rows)


def _new_axes(request: Request, is_3d: bool) -> list[Axes]:
    num = len(request.surfaces)
    rows, columns = shape_of(num)
    size = request.size or (WIDTH * columns + 0.6, HEIGHT * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    if request.title:
        put_above(figure, request.title)
    projection: dict[str, Any] = {"projection": "3d"} if is_3d else {}
    return [figure.add_subplot(rows, columns, k + 1, **projection) for k in range(num)]
