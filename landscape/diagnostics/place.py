"""Where the center lies: on the grid, and at a minimum."""

import math

import numpy as np

from landscape.diagnostics.finding import Finding
from landscape.diagnostics.subject import Subject
from landscape.scale import Scale

_SIGMAS = 2.0
# Of the loss at the center: of another point, and of its neighbor, which is lower by an eighth next
# to the trained residual network of Li et al. (56 layers, loss 0.0006 on 512 images).
_CLEARLY, _NEXT = 0.05, 0.2


def no_center(subject: Subject) -> Finding | None:
    """The range does not contain (0, 0), or no point lies on it."""
    surface = subject.surface
    if not subject.is_around_a_net or surface.center is not None:
        return None
    if not surface.grid.holds(0, 0):
        return Finding(
            "the range does not contain the center (0, 0)",
            "take ranges that contain 0, such as -1:1",
        )
    return Finding(
        "the center (0, 0) lies between points of the grid",
        "take an odd number of points and a range symmetric about 0",
    )


def not_lowest(subject: Subject) -> Finding | None:
    """A point not next to the center is clearly lower.

    Clearly is by more than two standard errors of the difference, as if both were of
    different images, and by 5 % of the loss at the center.
    """
    middle, center = subject.middle, subject.middle.center
    if not subject.is_around_a_net or center is None:
        return None
    if not middle.final[center] or not subject.known.any():
        return None
    i, j = (int(k) for k in np.unravel_index(np.nanargmin(subject.losses), subject.losses.shape))
    is_adjacent = max(abs(i - center[0]), abs(j - center[1])) <= 1
    if is_adjacent or not _is_lower(subject, (i, j), center, _CLEARLY):
        return None
    place = subject.place(middle.grid.alphas[i], middle.grid.betas[j])
    return _no_minimum(
        f"the center is not the lowest point: loss {Scale.label(middle.losses[i, j])} at {place}"
    )


def sloped(subject: Subject) -> Finding | None:
    """The loss falls through the center: by its slope and curvature, past the next point.

    A parabola through three points has its minimum beyond the outer one if and only if the slope
    at the center exceeds curvature times step; where the center is higher than both neighbors, it
    has none. The lower neighbor is lower by two standard errors and 20 % of the loss.
    """
    center = subject.middle.center
    if not subject.is_around_a_net or center is None or not subject.known[center]:
        return None
    grid, losses = subject.middle.grid, subject.losses
    coordinates = np.add.outer(grid.alphas, grid.betas)  # along an axis: distances from the center
    for before, after in subject.crosses():
        if not (subject.known[before] and subject.known[after]):
            continue
        pair = (before, after)
        lower = min(pair, key=lambda k: losses[k])
        steps = [abs(coordinates[k] - coordinates[center]) for k in pair]
        rises = [float(losses[k] - losses[center]) / s for k, s in zip(pair, steps, strict=True)]
        slope = (rises[1] * steps[0] - rises[0] * steps[1]) / sum(steps)
        curvature = 2 * sum(rises) / sum(steps)
        if abs(slope) > curvature * max(steps) and _is_lower(subject, lower, center, _NEXT):
            place = subject.place(grid.alphas[lower[0]], grid.betas[lower[1]])
            return _no_minimum(
                f"the loss falls through the center: {Scale.label(losses[center])} there, "
                f"{Scale.label(losses[lower])} at {place}"
            )
    return None


def _is_lower(
    subject: Subject, place: tuple[int, int], center: tuple[int, int], part: float
) -> bool:
    """Return whether a point is lower than the center by two standard errors and by a part."""
    middle = subject.middle
    loss, lower = float(middle.losses[center]), float(middle.losses[place])
    errors = np.nan_to_num([middle.standard_errors[each] for each in (center, place)])
    margin = max(_SIGMAS * float(np.hypot(*errors)), part * abs(loss))
    return not math.isfinite(loss) or loss - lower > margin


def _no_minimum(text: str) -> Finding:
    return Finding(
        text,
        "check that the weights are those of a trained net, and that data and preprocessing "
        "are those of its training",
        "doubtful",
    )
