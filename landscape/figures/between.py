"""Heights between the samples, for smooth pictures of what was measured at few points.

The interactive page has the same rules (``page/static/between.js``).
"""

import numpy as np
from numpy.typing import NDArray

from landscape.grid import Grid

Array = NDArray[np.float64]


def finer(axis: Array, num: int) -> Array:
    """Return about ``num`` coordinates: those of an axis, and evenly spaced ones in between."""
    pieces = max(1, int(num / len(axis) + 0.5))
    places = np.arange((len(axis) - 1) * pieces + 1) / pieces
    result: Array = np.interp(places, np.arange(len(axis)), axis)
    return result


def alone(heights: Array) -> NDArray[np.bool_]:
    """Return which samples belong to no area: those of no cell whose corners are all known.

    A surface or contours do not show them.

    Args:
        heights: nan where unknown, shape (A, B).
    """
    known = np.isfinite(heights)
    cells = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:] & known[1:, 1:]
    shown = np.zeros_like(known)
    for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)):
        rows, columns = cells.shape
        shown[i : i + rows, j : j + columns] |= cells
    lonely: NDArray[np.bool_] = known & ~shown
    return lonely


def between(grid: Grid, heights: Array, alphas: Array, betas: Array) -> Array:
    """Interpolate heights without adding hills or holes.

    Monotone cubic along one axis, then along the other (PCHIP; the mean of both orders, which
    prefers neither axis). The result equals the samples at their points, its slopes are
    continuous, and between four samples it is nowhere above the highest or below the lowest of
    them: ruggedness that is drawn was measured. A missing sample divides its line into two
    curves (scipy's PchipInterpolator, which has the same values elsewhere, takes no missing ones).

    Args:
        grid: Where the samples are, two or more along both axes.
        heights: The samples, shape of the grid; nan where missing.
        alphas: Where to interpolate along α, shape (A,), within the grid.
        betas: Likewise along β, shape (B,).

    Returns:
        Heights, shape (A, B); nan between four samples of which one is nan.
    """
    one = along(grid.betas, along(grid.alphas, heights, alphas).T, betas).T
    other = along(grid.alphas, along(grid.betas, heights.T, betas).T, alphas)
    result: Array = (one + other) / 2
    return result


def along(where: Array, values: Array, to: Array) -> Array:
    """Return the monotone cubics through the columns of ``values``, shape (len(to), columns).

    Args:
        where: Coordinates of the samples, two or more.
        values: The samples, shape (len(where), columns); nan where missing.
        to: Where to interpolate, within the samples.
    """
    steps = np.diff(where)[:, None]
    slopes = _slopes(steps, np.diff(values, axis=0) / steps)
    k = np.clip(np.searchsorted(where, to, side="right") - 1, 0, len(where) - 2)
    step = steps[k]
    t = (to - where[k])[:, None] / step
    s = 1 - t
    curve = values[k] + t * t * (1 + 2 * s) * (values[k + 1] - values[k])
    curve += t * s * step * (s * slopes[k] - t * slopes[k + 1])
    # Next to a missing sample a known one keeps its value.
    return np.where(t == 0, values[k], np.where(t == 1, values[k + 1], curve))


def _slopes(steps: Array, rises: Array) -> Array:
    """Return the slopes at all samples (Fritsch and Butland, 1984); ``rises`` are per step."""
    none = np.full((1, rises.shape[1]), np.nan)
    before, after = np.concatenate([none, rises]), np.concatenate([rises, none])
    left, right = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
    weights = 2 * right + left, right + 2 * left
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        harmonic = sum(weights) / (weights[0] / before + weights[1] / after)
    inner = np.where(np.sign(before) * np.sign(after) > 0, harmonic, 0.0)
    begin = _at_end(right, np.roll(right, -1, 0), after, np.concatenate([after[1:], none]))
    end = _at_end(left, np.roll(left, 1, 0), before, np.concatenate([none, before[:-1]]))
    return np.where(np.isnan(before), begin, np.where(np.isnan(after), end, inner))


def _at_end(step: Array, following: Array, rise: Array, next_rise: Array) -> Array:
    """Return the slope at an end: of a parabola, limited so that the curve stays monotone."""
    slope = ((2 * step + following) * rise - step * next_rise) / (step + following)
    turns = np.sign(rise) != np.sign(next_rise)
    slope = np.where(turns & (abs(slope) > 3 * abs(rise)), 3 * rise, slope)
    slope = np.where(np.sign(slope) == np.sign(rise), slope, 0.0)
    return np.where(np.isnan(next_rise), rise, slope)  # of two samples: a straight line
