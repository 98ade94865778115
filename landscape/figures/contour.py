"""The figure kind ``contour``: filled contours with labeled lines."""

from functools import partial
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from landscape.figures.between import finer
from landscape.figures.contour_labels import Contours
from landscape.figures.kinds import CAMERA, FigureKind, needs_area, register
from landscape.figures.overlay import draw_overlay
from landscape.figures.panels import side_by_side
from landscape.figures.picture import Picture
from landscape.figures.style import flat, outlined
from landscape.scale import Scale
from landscape.surface import Surface

_PIXELS, _POINTS = 600, 400  # along an axis: of colors, of lines


def draw_contour(axes: Any, surface: Surface, picture: Picture) -> Contours:
    """Draw filled contours with lines.

    Args:
        axes: The axes.
        surface: The surface.
        picture: What all panels share.

    Returns:
        The lines, to be labeled when the layout is known.
    """
    flat(axes, surface)
    grid = surface.grid
    ends = [(axis[0], axis[-1]) for axis in (grid.alphas, grid.betas)]
    # Filled contours would leave seams in PDF: an image of so many shades has none.
    centers = (np.arange(_PIXELS) + 0.5) / _PIXELS
    cells = [a + (b - a) * centers for a, b in ends]
    axes.imshow(
        np.ma.masked_invalid(picture.heights_between(surface, *cells).T),
        extent=(*ends[0], *ends[1]),
        origin="lower",
        aspect=axes.get_aspect(),
        norm=picture.norm,
        cmap=picture.cmap,
    )
    picture.draw_alone(axes, surface)
    losses, levels, inks = picture.contours
    alphas, betas = finer(grid.alphas, _POINTS), finer(grid.betas, _POINTS)
    drawn = axes.contour(
        alphas,
        betas,
        np.ma.masked_invalid(picture.heights_between(surface, alphas, betas).T),
        levels=levels,
        colors=[(*color, 0.8) for color in inks] or "k",
        linewidths=0.6,
        linestyles="solid",
    )
    texts = dict(zip(levels, map(Scale.label, losses), strict=True))
    if surface.center_loss is not None and not surface.marks:
        size = 0.7 * plt.rcParams["font.size"]
        axes.plot(0, 0, "+", markersize=size, **outlined("w", "k", 2.5))
    draw_overlay(axes, surface, picture)
    return Contours(axes, drawn, texts)


register(
    FigureKind(
        "contour",
        "filled contours with labeled lines",
        partial(side_by_side, draw=draw_contour),
        unsuitable=needs_area,
        ignores=CAMERA,
    )
)
