"""What the range shows: a shape, not a constant, a hole or a spike."""

import math
from collections.abc import Sequence

import numpy as np

from landscape.captions import percent
from landscape.diagnostics.finding import Finding
from landscape.diagnostics.network import at_most
from landscape.diagnostics.subject import Subject
from landscape.scale import Scale

_ROUNDING = 1e-6  # of a loss in float32

_MOST = 0.5

# A basin must rise above this fraction of the height of the picture beyond one cell.
_PLATEAU = 0.9

_FEWEST = 5  # points along an axis: of fewer the neighbors of the center are the border

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
    if not subject.is_shaped:
        return None
    losses = subject.losses
    rounding = _ROUNDING * float(np.nanmax(np.abs(losses)))
    remedy = (
        "check that the loss depends on the weights that move (frozen or zero parameters, an "
        "output that is not used), or take a wider range"
    )
    if np.nanmax(losses) - np.nanmin(losses) <= rounding:
        return Finding(f"the loss is {Scale.label(float(np.nanmin(losses)))} everywhere", remedy)
    if subject.is_line:
        return None
    for axis, name in enumerate("αβ"):
        several = np.isfinite(losses).sum(axis) > 1
        spans = np.ptp(np.where(np.isfinite(losses), losses, 0.0), axis)  # of complete lines
        complete = np.isfinite(losses).all(axis)
        if several.any() and complete.any() and spans[complete].max() <= rounding:
            return Finding(f"the loss does not change along {name}", remedy)
    return None


def too_wide(subject: Subject) -> Finding | None:
    """The basin of the center is one cell of the grid.

    With classes: only the center is better than guessing, and none of its neighbors along the
    axes. Without: these stand on the plateau already, at 90 % of the height from the center to
    the median of the picture.
    """
    center = subject.middle.center
    if not subject.is_shaped or not subject.is_around_a_net or center is None:
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
    """Return a text if all points around stand on the plateau of the picture; else nothing."""
    usual = float(np.nanmedian(subject.heights))
    if subject.relief <= 0 or usual - low < subject.relief / 2:
        return ""
    lowest = min(float(subject.heights[place]) for place in around)
    is_plateau = lowest >= low + _PLATEAU * (usual - low)
    return "all points next to the center stand on the plateau" if is_plateau else ""


def too_narrow(subject: Subject) -> Finding | None:
    """The standard error of the losses exceeds their whole range."""
    if not subject.is_shaped:
        return None
    errors = subject.middle.standard_errors[subject.known]
    errors = errors[np.isfinite(errors)]
    span = float(np.nanmax(subject.losses) - np.nanmin(subject.losses))
    if not errors.size or float(np.median(errors)) <= span:
        return None
    return Finding(
        f"the losses span {span:.2g}, less than their standard error "
        f"{float(np.median(errors)):.2g}",
        "take a wider range, or more images",
        "doubtful",
    )
