"""What the range shows: a shape, not a constant, a hole or a spike."""

import math
from collections.abc import Sequence

import numpy as np

from landscape.captions import percent
from landscape.diagnostics.finding import Finding
from landscape.diagnostics.network import at_most
from landscape.diagnostics.subject import Subject
from landscape.scale import Scale

_MOST = 0.5

# Of points on a plateau the mean rank is a half, with a standard deviation of 0.14 for four of
# them; around the minimum of a bowl it is 0.2 at most on so many points along an axis.
_RANK, _FEWEST = 1 / 3, 9

# Better than guessing by this accuracy, a network has a basin.
_HAS_BASIN = 0.2


def not_finite(subject: Subject) -> Finding | None:
    """The loss is NaN or infinite at the center, or at most points."""
    middle = subject.middle
    place = middle.center
    if place is not None and middle.evaluated[place] and not math.isfinite(middle.losses[place]):
        return Finding(
            f"the loss at the center is {middle.losses[place]}",
            "check weights, data and loss: of a trained net it is finite",
        )
    losses = middle.losses[middle.evaluated]
    if not losses.size or not subject.surface.is_complete:
        return None
    part = 1 - float(np.isfinite(losses).mean())
    if part <= _MOST:
        return None
    return Finding(
        f"{part:.0%} of the points are not finite",
        "take a narrower range, and --precision float32 if it was computed in less",
    )


def constant(subject: Subject) -> Finding | None:
    """All losses are equal up to rounding, or all along one axis."""
    if not subject.is_complete:
        return None
    losses, rounding = subject.losses, subject.rounding
    remedy = (
        "check that the loss depends on the weights that move (frozen or zero parameters, an "
        "output that is not used), or take a wider range"
    )
    if subject.span <= rounding:
        return Finding(f"the loss is {Scale.label(float(np.nanmin(losses)))} everywhere", remedy)
    if subject.is_line:
        return None
    finite = np.isfinite(losses)
    for axis, name in enumerate("αβ"):
        highest = np.where(finite, losses, -np.inf).max(axis)
        lowest = np.where(finite, losses, np.inf).min(axis)
        several = finite.sum(axis) > 1
        if several.any() and (highest - lowest)[several].max() <= rounding:
            return Finding(f"the loss does not change along {name}", remedy)
    return None


def too_wide(subject: Subject) -> Finding | None:
    """The basin of the center is one cell of the grid.

    With classes: only the center is better than guessing, and none of its neighbors along the
    axes. Without: the center is far below the median of the picture, and these are no lower than
    other points.
    """
    center = subject.middle.center
    if not subject.has_shape or not subject.is_around_a_net or center is None:
        return None
    around = [place for pair in subject.crosses() for place in pair]
    is_fine = min(n for n in subject.losses.shape if n > 1) >= _FEWEST
    if not around or not is_fine or not all(subject.known[k] for k in (center, *around)):
        return None
    knows_chance = subject.number("guess_accuracy") is not None
    if knows_chance and subject.middle.center_accuracy is not None:
        text = _chance_around(subject, around)
    else:
        text = _plateau_around(subject, float(subject.heights[center]), around)
    if not text:
        return None
    return Finding(
        f"the basin is one cell of the grid: {text}",
        "take a narrower range, or more points",
        "doubtful",
    )


def _chance_around(subject: Subject, around: Sequence[tuple[int, int]]) -> str:
    """Return the accuracies if the center alone is better than guessing; else nothing."""
    chance, accuracy = subject.number("guess_accuracy"), subject.middle.center_accuracy
    best = max(float(subject.middle.accuracies[place]) for place in around)
    if chance is None or accuracy is None or accuracy < chance + _HAS_BASIN:
        return ""
    if not best <= at_most(chance, subject.images):
        return ""
    return f"accuracy {percent(accuracy)} at the center, at most {percent(best)} next to it"


def _plateau_around(subject: Subject, low: float, around: Sequence[tuple[int, int]]) -> str:
    """Return a text if the points around are no lower than others; else nothing."""
    heights = subject.heights[subject.known]
    usual = float(np.median(heights))
    if usual - low < subject.relief / 2:
        return ""
    ranks = [float((heights < subject.heights[place]).mean()) for place in around]
    return "points next to the center are no lower than others" if np.mean(ranks) > _RANK else ""


def too_narrow(subject: Subject) -> Finding | None:
    """The standard error of the losses exceeds their whole range."""
    if not subject.has_shape:
        return None
    errors = subject.middle.standard_errors[subject.known]
    errors = errors[np.isfinite(errors)]
    if not errors.size or float(np.median(errors)) <= subject.span:
        return None
    return Finding(
        f"the losses span {subject.span:.2g}, less than their standard error "
        f"{float(np.median(errors)):.2g}",
        f"take a wider range, or more {subject.unit.name}",
        "doubtful",
    )
