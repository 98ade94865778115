"""The figure kind ``heatmap``: one cell for each point."""

from functools import partial
from typing import Any

import numpy as np

from landscape.figures.kinds import CAMERA, FigureKind, register
from landscape.figures.overlay import draw_overlay
from landscape.figures.panels import side_by_side
from landscape.figures.picture import Picture
from landscape.figures.style import edges, flat
from landscape.surface import Surface


def draw_heatmap(axes: Any, surface: Surface, picture: Picture) -> None:
    """Draw one cell for each point.

    Args:
        axes: The axes.
        surface: The surface.
        picture: What all panels share.
    """
    flat(axes, surface)
    axes.pcolormesh(
        edges(surface.grid.alphas),
        edges(surface.grid.betas),
        np.ma.masked_invalid(picture.scale.heights(surface.interpolated()).T),
        norm=picture.norm,
        cmap=picture.cmap,
        rasterized=True,
    )
    draw_overlay(axes, surface, picture)


register(
    FigureKind(
        "heatmap",
        "one cell for each point",
        partial(side_by_side, draw=draw_heatmap),
        ignores=("levels", *CAMERA),
    )
)
