"""Trajectories and marks over a flat panel."""

from typing import Any

from landscape.figures.style import escape_mathtext, path_style
from landscape.surface import Surface


def draw_overlay(axes: Any, surface: Surface) -> None:
    """Draw trajectories and marks over a flat panel.

    Args:
        axes: The axes.
        surface: The surface.
    """
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
