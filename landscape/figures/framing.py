"""How near the camera is: surfaces in 3-D fill their axes, and their labels stay inside."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib import rcParams
from mpl_toolkits.mplot3d import proj3d
from numpy.typing import NDArray

from landscape.scale import BOX

_ROUNDS = 4  # text does not grow with the picture, so that it takes some


def fill_axes(every: Sequence[Any], zoom: float) -> None:
    """Bring the cameras of axes in 3-D so near that these are filled, all equally near.

    Call it when everything else is drawn: the room depends on the layout.

    Args:
        every: The axes.
        zoom: How much nearer than that.
    """
    figure = every[0].figure.canvas.figure
    heavy = [part for axes in every for part in axes.collections if part.get_visible()]
    for part in heavy:
        part.set_visible(False)
    near = 1.0
    for _ in range(_ROUNDS):
        for axes in every:
            axes.set_box_aspect(BOX, zoom=near)
        figure.draw_without_rendering()
        near *= min(_room(axes, every) for axes in every)
    for part in heavy:
        part.set_visible(True)
    for axes in every:
        axes.set_box_aspect(BOX, zoom=near * zoom)


def _room(axes: Any, every: Sequence[Any]) -> float:
    """Return by how much the picture could grow until it meets what is around it."""
    points = [_corners(axes)]
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        low, high = sorted(axis.get_view_interval())
        texts = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts = [text for text in (axis.label, *texts) if text.get_text()]
        points += [text.get_window_extent().get_points() for text in texts]
    needed = np.concatenate(points)
    frame = axes.get_window_extent()
    middle = (frame.max + frame.min) / 2
    free = _free(axes, every)
    below = (middle - free[0]) / (middle - needed.min(axis=0))
    above = (free[1] - middle) / (needed.max(axis=0) - middle)
    return float(min(*below, *above))


def _free(axes: Any, every: Sequence[Any]) -> NDArray[np.float64]:
    """Return the corners of the part of the figure that axes may fill, in pixels, shape (2, 2)."""
    figure = axes.figure.canvas.figure
    frame = axes.get_window_extent()
    (left, bottom), (right, top) = figure.bbox.get_points()
    if axes.get_title():
        top = axes.title.get_window_extent().y0
    for other in figure.axes:
        box = other.get_window_extent()
        if other is axes:
            continue
        if box.y0 < frame.y1 and box.y1 > frame.y0:
            shared = (box.x0 + box.x1 + frame.x0 + frame.x1) / 4
            if box.x0 >= frame.x1:
                right = min(right, shared if other in every else box.x0)
            elif box.x1 <= frame.x0:
                left = max(left, shared if other in every else box.x1)
        elif box.x0 < frame.x1 and box.x1 > frame.x0 and box.y1 <= frame.y0:
            bottom = max(bottom, box.y1, other.title.get_window_extent().y1)
    margin = 0.3 * rcParams["font.size"] * figure.dpi / 72
    return np.array([(left + margin, bottom + margin), (right - margin, top - margin)])


def _corners(axes: Any) -> NDArray[np.float64]:
    """Return where the corners of the box are, in pixels, shape (8, 2)."""
    limits = axes.get_xlim(), axes.get_ylim(), axes.get_zlim()
    x, y, z = np.array(list(product(*limits))).T
    flat = proj3d.proj_transform(x, y, z, axes.get_proj())
    corners: NDArray[np.float64] = axes.transData.transform(np.column_stack(flat[:2]))
    return corners
