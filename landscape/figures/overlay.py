"""Evaluated points, trajectories and marks over a flat panel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.figures.picture import Picture
from landscape.figures.style import escape_mathtext, outlined, path_style, width
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
    if not evaluated.any():
        return
    i, j = np.nonzero(evaluated)
    size = np.clip(_DOT * width(axes) * 72 / max(grid.shape), _SMALLEST, _LARGEST)
    style: Any = {"linewidths": 0, "zorder": 2.5, "clip_on": False}  # whole also at the border
    axes.scatter(grid.alphas[i], grid.betas[j], s=size**2, c=colors, **style)


def draw_crosses(axes: Any, grid: Grid, where: NDArray[np.bool_]) -> None:
    """Draw crosses.

    Args:
        axes: The axes.
        grid: The grid.
        where: Mask of the points, shape of the grid.
    """
    if not where.any():  # nothing that is not clipped would have no extent for the layout
        return
    i, j = np.nonzero(where)
    style = {**outlined("w", "k", 2), "clip_on": False}
    axes.plot(grid.alphas[i], grid.betas[j], "x", markersize=3, **style)


def draw_overlay(axes: Any, surface: Surface, picture: Picture) -> None:
    """Draw trajectories, marks, dots and crosses over a flat panel.

    Args:
        axes: The axes.
        surface: The surface.
        picture: What all panels share.
    """
    dotted = picture.dots(surface)
    inks = picture.inks(picture.scale.heights(surface.losses[dotted]))
    draw_dots(axes, surface.grid, dotted, inks)
    draw_crosses(axes, surface.grid, picture.crosses(surface))
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
