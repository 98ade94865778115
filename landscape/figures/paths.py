"""Contours with the paths of optimizers, and how far off the plane they are."""

from collections.abc import Sequence
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.figures.captions import caption, put_above, write
from landscape.figures.labels import label
from landscape.figures.parts import logarithmic, name_axes, path_style, plain
from landscape.figures.surfaces import Picture
from landscape.surface import Surface


def draw_paths(
    surfaces: Sequence[Surface],
    picture: Picture,
    size: tuple[float, float] | None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw contours with paths, and beside them their distances and losses by step.

    Args:
        surfaces: With paths.
        picture: What they share.
        size: Width and height in inches.
        captions: What stands above each, instead of what is known of it.
        title: What stands above all.
    """
    rows = len(surfaces)
    figure = plt.figure(figsize=size or (10.4, 4.8 * rows), layout="constrained")
    if title:
        put_above(figure, title)
    grid = figure.add_gridspec(2 * rows, 2, width_ratios=(1.5, 1))
    contours = []
    for row, surface in enumerate(surfaces):
        flat: Any = figure.add_subplot(grid[2 * row : 2 * row + 2, 0])
        contours.append(picture.draw_contour(flat, surface.median))
        name_axes(flat, surface)
        picture.add_bar(figure, [flat], location="bottom", aspect=30)
        away = [path.is_off_plane for path in surface.paths]
        losses: Any = figure.add_subplot(grid[2 * row + any(away) : 2 * row + 2, 1])
        every = [losses]
        if any(away):
            off: Any = figure.add_subplot(grid[2 * row, 1], sharex=losses)
            off.set_ylabel("distance off the plane")
            off.tick_params(labelbottom=False)
            every.append(off)
        for number, (path, is_away) in enumerate(zip(surface.paths, away, strict=True)):
            style, name = path_style(number), plain(path.name)
            losses.plot(path.steps, path.losses, "o-", label=name + ", its own" * is_away, **style)
            if is_away:
                off.plot(path.steps, path.distances, "o-", label=name, **style)
                losses.plot(
                    path.steps, path.plane_losses, "--", label="on the plane below", **style
                )
        if any(away):
            off.set_ylim(bottom=0)
        losses.set_ylabel(picture.scale.quantity)
        if picture.scale.log:
            logarithmic(losses)
        losses.set_xlabel(surface.paths[0].unit)
        for axes in every:
            axes.grid(alpha=0.3)
            axes.legend(fontsize="x-small")
    maps = [each.axes for each in contours]
    write(maps, captions or [caption(surface) for surface in surfaces])
    label(figure, contours)
    return figure
