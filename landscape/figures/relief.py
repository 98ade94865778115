"""The figure kind ``surface``: surfaces in 3-D."""

from functools import partial
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from landscape.figures.between import between, finer
from landscape.figures.kinds import FigureKind, needs_area, register
from landscape.figures.panels import side_by_side
from landscape.figures.picture import Picture
from landscape.figures.polygons import CROSS, DOT, polygons, symbols
from landscape.figures.style import escape_mathtext, loss_ticks, outlined, path_style, width
from landscape.scale import BOX
from landscape.surface import Surface

_POLYGONS = 120  # along an axis
_LINE = 0.4  # of contour lines, in points; polygons overlap by half of it


def draw_relief(axes: Any, surface: Surface, picture: Picture) -> None:
    """Draw a surface in 3-D, with trajectories and marks at their own losses.

    Args:
        axes: Axes in 3-D.
        surface: The surface.
        picture: What all panels share.
    """
    low, high = picture.scale.limits
    alphas, betas = (finer(a, _POLYGONS) for a in (surface.grid.alphas, surface.grid.betas))
    _, levels, inks = picture.contours
    samples = picture.scale.heights(surface.interpolated())
    heights = between(surface.grid, samples, alphas, betas)
    shape = polygons(
        alphas,
        betas,
        heights,
        (BOX[0] / np.ptp(alphas), BOX[1] / np.ptp(betas), BOX[2] / (high - low)),
        lambda heights: plt.get_cmap(picture.cmap)(picture.norm(np.nan_to_num(heights, nan=low))),
        levels,
        np.column_stack([inks, np.full(len(inks), 0.6)]),
    )
    for where, form in ((picture.dots(surface), DOT), (picture.crosses(surface), CROSS)):
        if not where.any():
            continue
        rows, columns = where.shape
        marked = np.zeros(heights.shape, dtype=bool)
        steps = (len(alphas) - 1) // (rows - 1), (len(betas) - 1) // (columns - 1)
        marked[:: steps[0], :: steps[1]] = where
        shape += symbols(alphas, betas, heights, marked, picture.inks, form)
    axes.add_collection3d(
        Poly3DCollection(
            shape.corners,
            facecolors=shape.fill,
            edgecolors=shape.edge,
            linewidths=_LINE,
            zsort="max",  # pieces of lines come after the polygons they lie on
            rasterized=True,
        )
    )
    picture.draw_alone(axes, surface)
    axes.auto_scale_xyz(alphas[[0, -1]], betas[[0, -1]], [low, high])
    axes.set_zlim(low, high)
    _furnish(axes, picture)
    for number, path in enumerate(surface.trajectories):
        # At their own losses: a path does not lie on the surface.
        if not np.isfinite(path.losses).any():
            continue
        at = np.clip(picture.scale.heights(path.losses), low, high)
        below = np.clip(picture.scale.heights(path.plane_losses), low, high)
        name = escape_mathtext(path.name)
        axes.plot(path.alphas, path.betas, at, "o-", zorder=10, label=name, **path_style(number))
        for x0, y0, z0, z1 in zip(path.alphas, path.betas, below, at, strict=True):
            axes.plot([x0, x0], [y0, y0], [z0, z1], color="0.4", linewidth=0.5, zorder=9)
    if axes.lines:
        axes.legend(fontsize="small", loc="upper left")
    for mark in surface.marks:
        x0, y0 = mark.alpha, mark.beta
        losses = np.array([surface.loss_at(x0, y0), mark.loss])
        below, at = np.clip(picture.scale.heights(losses), low, high)
        axes.plot([x0, x0], [y0, y0], [below, at], color="0.4", linewidth=0.5, zorder=9)
        axes.plot(
            [x0], [y0], [at], "^", color="white", markeredgecolor="k", markersize=5, zorder=10
        )
        axes.text(
            x0, y0, at, f" {escape_mathtext(mark.name)}", zorder=11, **outlined("k", "w", 1.5)
        )


def _furnish(axes: Any, picture: Picture) -> None:
    """Place the camera, and let ticks and labels fit."""
    size = plt.rcParams["font.size"]
    room = width(axes) * 72 / size
    axes.view_init(elev=picture.camera.elevation, azim=picture.camera.azimuth)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0, 0, 0, 0))
    # Distances of labels are in points and would not shrink with the font.
    for axis in (axes.xaxis, axes.yaxis):
        axis.labelpad = 5.5 + 2.2 * min(0, size - 10)
    axes.tick_params(pad=2 + 0.9 * min(0, size - 10))
    loss_ticks(axes.zaxis, picture.scale, int(np.clip(room / 4, 2, 7)))


register(
    FigureKind(
        "surface",
        "3-D surface",
        partial(side_by_side, draw=draw_relief, is_3d=True),
        unsuitable=needs_area,
        projection="3d",
        ignores=(),
    )
)
