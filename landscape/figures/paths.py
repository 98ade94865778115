"""Contours with the paths of optimizers, and how far off the plane they are."""

from collections.abc import Sequence
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.errors import LandscapeError
from landscape.figures.parts import path_style, plain, title
from landscape.figures.surfaces import Picture
from landscape.surface import Surface

_ROUNDING = 1e-5  # of float32 weights


def draw_paths(surfaces: Sequence[Surface], picture: Picture) -> Figure:
    """Draw contours with paths, and beside them their distances and losses by step."""
    without = [surface.name for surface in surfaces if not surface.paths]
    if without:
        raise LandscapeError(
            f"{without[0]} holds no path: scan it with --paths, or draw it as a contour"
        )
    rows = len(surfaces)
    figure = plt.figure(figsize=(10.4, 4.8 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, 2, width_ratios=(1.5, 1))
    for row, surface in enumerate(surfaces):
        flat: Any = figure.add_subplot(grid[2 * row : 2 * row + 2, 0])
        picture.draw_contour(flat, surface.median)
        flat.set_title(title(surface))
        flat.set_xlabel("α")
        flat.set_ylabel("β")
        picture.add_bar(figure, [flat], pad=0.02)
        off: Any = figure.add_subplot(grid[2 * row, 1])
        losses: Any = figure.add_subplot(grid[2 * row + 1, 1], sharex=off)
        for number, path in enumerate(surface.paths):
            style, name = path_style(number), plain(path.name)
            away = path.distances.max() > _ROUNDING * path.length
            off.plot(path.steps, path.distances * away, "o-", label=name, **style)
            losses.plot(
                path.steps, path.losses, "o-", label=name + ", its own" * bool(away), **style
            )
            if away:
                losses.plot(
                    path.steps, path.plane_losses, "--", label="on the plane below", **style
                )
        off.set_ylabel("distance off the plane")
        off.set_ylim(bottom=0)
        off.tick_params(labelbottom=False)
        losses.set_ylabel("mean loss")
        losses.set_yscale("log" if picture.scale.log else "linear")
        losses.set_xlabel(surface.paths[0].unit)
        for axes in (off, losses):
            axes.grid(alpha=0.3)
            axes.legend(fontsize=7)
    return figure
