"""The figure kind ``path``: contours with trajectories, and their off-plane distances."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.figures.captions import caption, put_above, with_planes, write
from landscape.figures.contour import draw_contour
from landscape.figures.contour_labels import label
from landscape.figures.kinds import CAMERA, FigureKind, Request, needs_area, register
from landscape.figures.style import escape_mathtext, logarithmic, name_axes, path_style
from landscape.surface import Surface


def draw_paths(request: Request) -> Figure:
    """Draw contours with trajectories, and their off-plane distances and losses by step.

    Args:
        request: What is drawn.

    Returns:
        The figure.
    """
    surfaces, picture = request.surfaces, request.picture()
    rows = len(surfaces)
    figure = plt.figure(figsize=request.size or (10.4, 4.8 * rows), layout="constrained")
    if request.title:
        put_above(figure, request.title)
    grid = figure.add_gridspec(2 * rows, 2, width_ratios=(1.5, 1))
    contours = []
    for row, surface in enumerate(surfaces):
        flat: Any = figure.add_subplot(grid[2 * row : 2 * row + 2, 0])
        contours.append(draw_contour(flat, surface.median, picture))
        name_axes(flat, surface)
        picture.add_bar(figure, [flat], location="bottom", aspect=30)
        away = [path.is_off_plane for path in surface.trajectories]
        losses: Any = figure.add_subplot(grid[2 * row + any(away) : 2 * row + 2, 1])
        every = [losses]
        if any(away):
            off: Any = figure.add_subplot(grid[2 * row, 1], sharex=losses)
            off.set_ylabel("off-plane distance")
            off.tick_params(labelbottom=False)
            every.append(off)
        for number, (path, is_away) in enumerate(zip(surface.trajectories, away, strict=True)):
            style, name = path_style(number), escape_mathtext(path.name)
            losses.plot(path.steps, path.losses, "o-", label=name + ", its own" * is_away, **style)
            if is_away:
                off.plot(path.steps, path.distances, "o-", label=name, **style)
                losses.plot(path.steps, path.plane_losses, "--", label="at the projection", **style)
        if any(away):
            off.set_ylim(bottom=0)
        if not any(np.isfinite(path.losses).any() for path in surface.trajectories):
            losses.text(0.5, 0.5, "losses unknown", ha="center", transform=losses.transAxes)
        losses.set_ylabel(picture.scale.quantity)
        if picture.scale.log:
            logarithmic(losses)
        losses.set_xlabel(surface.trajectories[0].unit)
        for axes in every:
            axes.grid(alpha=0.3)
            axes.legend(fontsize="x-small")
    maps = [each.axes for each in contours]
    captions = [caption(surface, evaluated=request.evaluated) for surface in surfaces]
    write(maps, request.captions or with_planes(surfaces, captions))
    label(figure, contours)
    return figure


def _needs_trajectory(surface: Surface) -> str | None:
    if surface.trajectories:
        return needs_area(surface)
    return " has no trajectory: scan it with planes.pca, or plot it as a contour"


register(
    FigureKind(
        "path",
        "contours with trajectories, and their off-plane distances",
        draw_paths,
        unsuitable=_needs_trajectory,
        ignores=("quantity", *CAMERA),
        quantities=False,
        columns=2,
        takes_axes=False,
    )
)
