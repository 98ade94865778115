"""Evaluated points, trajectories and marks over a flat panel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.figures.picture import Picture
from landscape.figures.style import escape_mathtext, path_style, width
from landscape.grid import Grid
from landscape.surface import Surface

_DOT = 0.35  # of a cell
_SMALLEST, _LARGEST = 0.6, 2.5  # dots, in points


def draw_dots(
    axes: Any, grid: Grid, evaluated: NDArray[np.bool_], colors: NDArray[np.float64]
) -> None:
    """Draw dots at evaluated points.

    Args:
        axes: The axes.
        grid: The grid.
        evaluated: Mask of the evaluated points, shape of the grid.
        colors: Their RGB, shape (evaluated points, 3).
    """
    i, j = np.nonzero(evaluated)
    size = np.clip(_DOT * width(axes) * 72 / max(grid.shape), _SMALLEST, _LARGEST)
    axes.scatter(grid.alphas[i], grid.betas[j], s=size**2, c=colors, linewidths=0, zorder=2.5)


def draw_overlay(axes: Any, surface: Surface, picture: Picture) -> None:
    """Draw trajectories, marks and, if wanted, evaluated points over a flat panel.

    Args:
        axes: The axes.
        surface: The surface.
        picture: What all panels share.
    """
    if picture.evaluated:
        heights = picture.scale.heights(surface.losses[surface.evaluated])
        draw_dots(axes, surface.grid, surface.evaluated, picture.inks(heights))
    for number, path in enumerate(surface.trajectories):
        style = path_style(number)
        axes.plot(path.alphas, path.betas, color="white", linewidth=2.6, zorder=3)
        axes.plot(
            path.alphas, path.betas, "o-", zorder=4, label=escape_mathtext(path.name), **style
        )
        axes.plot(
            path.alphas[-1],
            path.betas[-1],
            "*",
            color=style["color"],
            markersize=12,
            markeredgecolor="white",
            zorder=5,
        )
    for mark in surface.marks:
        axes.plot(mark.alpha, mark.beta, "^", color="white", markeredgecolor="k", zorder=5)
        axes.annotate(
            escape_mathtext(mark.title),
            (mark.alpha, mark.beta),
            (5, 5),
            textcoords="offset points",
            fontsize="small",
            color="k",
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0},
        )
    if surface.trajectories:
        axes.legend(fontsize="small", loc="best")
