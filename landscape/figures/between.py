"""Heights between the samples, for smooth pictures of what was measured at few points."""

import numpy as np
from numpy.typing import NDArray

from landscape.grid import Grid
from landscape.interpolation import interpolate_missing

Array = NDArray[np.float64]


def finer(axis: Array, num: int) -> Array:
    """Return about ``num`` coordinates: those of an axis, and evenly spaced ones in between."""
    pieces = max(1, round(num / len(axis)))
    places = np.arange((len(axis) - 1) * pieces + 1) / pieces
    result: Array = np.interp(places, np.arange(len(axis)), axis)
    return result


def between(grid: Grid, heights: Array, alphas: Array, betas: Array) -> Array:
    """Interpolate heights without adding hills or holes.

    Monotone cubic along one axis, then along the other (PCHIP; the mean of both orders, which
    prefers neither axis). The result equals the samples at their points, its slopes are
    continuous, and between four samples it is nowhere above the highest or below the lowest of
    them: ruggedness that is drawn was measured.

    Args:
        grid: Where the samples are, two or more along both axes.
        heights: The samples, shape of the grid; nan where missing.
        alphas: Where to interpolate along α, shape (A,).
        betas: Likewise along β, shape (B,).

    Returns:
        Heights, shape (A, B); nan between four samples of which one is nan.
    """
    from scipy.interpolate import PchipInterpolator  # takes a quarter of a second to import

    known = np.isfinite(heights)
    if not known.any():
        return np.full((len(alphas), len(betas)), np.nan)
    solid = heights if known.all() else interpolate_missing(heights, known)
    result: Array = np.zeros((len(alphas), len(betas)))
    for order in ((0, 1), (1, 0)):
        values = solid
        for axis in order:
            where, to = ((grid.alphas, alphas), (grid.betas, betas))[axis]
            values = PchipInterpolator(where, values, axis=axis)(to)
        result += values / 2
    return result if known.all() else np.where(_holds(grid, known, alphas, betas), result, np.nan)


def _holds(grid: Grid, known: NDArray[np.bool_], alphas: Array, betas: Array) -> NDArray[np.bool_]:
    """Return where all samples around are known, shape (A, B)."""
    values = np.where(known, 0.0, np.nan)
    columns = np.array([np.interp(alphas, grid.alphas, column) for column in values.T])
    rows = np.array([np.interp(betas, grid.betas, row) for row in columns.T])
    whole: NDArray[np.bool_] = np.isfinite(rows)
    return whole
