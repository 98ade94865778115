"""Are grid, images, seeds and precision enough for what is drawn?"""

import numpy as np

from landscape.captions import unfinished
from landscape.diagnostics.finding import Finding
from landscape.diagnostics.subject import Array, Subject

# Of the height of the picture: half of all points are further than this from what their
# neighbors predict. Of white noise it is a quarter, of the surfaces in results/ at most 0.05.
_UNPREDICTABLE = 0.1

# Points that are predicted, at least. On a logarithmic scale a minimum near 0 is a cusp, which five
# points along an axis miss: they must be fewer than half.
_FEWEST = 11

# Of the distance of contours: a line that one standard error moves as far could as well be the
# next one. Of the surfaces in results/ it is 0.3 at most.
_OF_CONTOURS = 1.0

# Of the height of the picture; of the surfaces in results/ 0.3 at most.
_OF_RELIEF = 0.5

_DEVIATION = 0.01  # of the loss: what precision auto accepts


def too_coarse(subject: Subject) -> Finding | None:
    """The surface between neighbors is not predictable, measured by leaving points out.

    Every point with two neighbors on either side along an axis is predicted by the cubic through
    these four; along two axes by the mean of both. That is exact for a quadratic bowl.
    """
    if not subject.has_shape:
        return None
    heights, grid = subject.heights, subject.middle.grid
    one, other = _predicted(grid.alphas, heights), _predicted(grid.betas, heights.T).T
    both = np.where(np.isnan(one), other, np.where(np.isnan(other), one, (one + other) / 2))
    off = np.abs(both - heights)
    off = off[np.isfinite(off)]
    if subject.surface.is_refined:  # what is left out was predicted
        off = np.concatenate([off, np.zeros(int((~subject.middle.evaluated).sum()))])
    if off.size < _FEWEST:
        return None
    part = float(np.median(off)) / subject.relief
    if part <= _UNPREDICTABLE:
        return None
    return Finding(
        f"the grid is too coarse: half of the points are {part:.0%} of the height or more from "
        "what their neighbors predict",
        "take more points, or a narrower range",
        "doubtful",
    )


def _predicted(axis: Array, heights: Array) -> Array:
    """Return what two neighbors on either side along the first axis predict; nan without four."""
    result = np.full(heights.shape, np.nan)
    for k in range(2, len(axis) - 2):
        places = [k - 2, k - 1, k + 1, k + 2]
        weights = [
            np.prod([(axis[k] - axis[m]) / (axis[p] - axis[m]) for m in places if m != p])
            for p in places
        ]
        result[k] = np.tensordot(weights, heights[places], 1)
    return result


def too_few_images(subject: Subject) -> Finding | None:
    """The loss is of one example, or most standard errors are the distance of contours or more.

    One example has no standard error, nor has the mean of a batch of one.
    """
    unit, known = subject.unit, subject.surface.examples[subject.surface.evaluated]
    if known.size and known.max() == 1:
        return Finding(
            f"the loss is that of a single {unit.single}, so its standard error is unknown",
            f"take more {unit.name}",
            "doubtful",
        )
    if not subject.has_shape or subject.is_line:
        return None
    errors = subject.errors[np.isfinite(subject.errors)]
    levels = subject.scale.unclipped(subject.scale.levels())
    if not errors.size or len(levels) < 2:
        return None
    step, error = float(np.median(np.diff(levels))), float(np.median(errors))
    if error <= _OF_CONTOURS * step:
        return None
    return Finding(
        f"too few {unit.name} for the contours: the standard error is {error / step:.2g} of their "
        "distance",
        f"take more {unit.name}",
        "doubtful",
    )


def seeds_disagree(subject: Subject) -> Finding | None:
    """At most points the seeds differ by more than half of the height of their median."""
    seeds = subject.surface.seeds
    if len(seeds) < 2 or not subject.has_shape:
        return None
    losses = [
        np.where(each.final & np.isfinite(each.losses), each.losses, np.nan) for each in seeds
    ]
    heights = subject.scale.unclipped(np.stack(losses))
    spans = np.ptp(heights, axis=0)
    spans = spans[np.isfinite(spans)]
    if not spans.size or float(np.median(spans)) <= _OF_RELIEF * subject.relief:
        return None
    part = float(np.median(spans)) / subject.relief
    return Finding(
        f"the {len(seeds)} seeds differ by {part:.0%} of the height at half of the points",
        "the picture depends on the random directions: show several seeds, or --repeats more",
        "doubtful",
    )


def imprecise(subject: Subject) -> Finding | None:
    """Values deviate from the reference by more than 1 %."""
    checked, probed = subject.number("deviation_checked"), subject.number("deviation")
    worst = max(checked or 0.0, probed or 0.0)
    if worst <= _DEVIATION:
        return None
    precision = str(subject.surface.provenance.get("computed_in", "unknown precision"))
    is_reduced = precision not in ("float32", "float64")
    return Finding(
        f"losses in {precision} deviate from the reference by up to {worst:.0%}",
        "scan again with --precision float32"
        if is_reduced
        else "scan again, and check this machine with landscape doctor",
        "wrong" if (checked or 0.0) > _DEVIATION else "doubtful",
    )


def incomplete(subject: Subject) -> Finding | None:
    """The scan is not complete."""
    progress = unfinished(subject.surface)
    if not progress or subject.surface.is_complete:
        return None
    return Finding(
        f"incomplete: {progress[0]}", "give the same command again to resume the scan", "doubtful"
    )
