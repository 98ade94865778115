"""Interpolate unevaluated points of a scan, for plotting only."""

import numpy as np
from numpy.typing import NDArray

_LOG_FROM_RATIO = 100.0

_NONE = 1e-9  # a share that is zero but for rounding


def interpolate_missing(
    values: NDArray[np.float64], known: NDArray[np.bool_], *, smooth: bool = False
) -> NDArray[np.float64]:
    """Keep evaluated values; interpolate the others piecewise linearly, or smoothly.

    In log space if the values are positive and span two decades; nearest neighbor outside the
    convex hull. Blocks or ripples would look like the ruggedness that surfaces are drawn for, so
    the smooth interpolation is for surfaces whose deviation from it is measured: piecewise cubic
    with continuous slopes (Clough and Tocher), within the range of the known values.
    A point that lies among values which are not finite is nan: no height is made up for it. These
    are all corners of its triangle, in the smooth interpolation most.

    Args:
        values: Over a grid, shape (num_alphas, num_betas).
        known: Mask of evaluated values; those that are not finite are not interpolated from.
        smooth: Whether the interpolation is smooth.

    Returns:
        All values, shape (num_alphas, num_betas).
    """
    result = np.where(known, values, np.nan)
    good = known & np.isfinite(values)
    if known.all() or not good.any():
        return result
    numbers = values[good]
    log = bool(numbers.min() > 0 and numbers.max() > _LOG_FROM_RATIO * numbers.min())
    filled = _between(np.log(numbers) if log else numbers, good, ~known, smooth=smooth)
    filled = np.clip(np.exp(filled) if log else filled, numbers.min(), numbers.max())
    if not good[known].all():
        finite = _between(good[known].astype(np.float64), known, ~known, outside=1.0)
        filled = np.where(finite >= (0.5 if smooth else _NONE), filled, np.nan)
    result[~known] = filled
    return result


def _between(
    numbers: NDArray[np.float64],
    known: NDArray[np.bool_],
    missing: NDArray[np.bool_],
    *,
    smooth: bool = False,
    outside: float | None = None,
) -> NDArray[np.float64]:
    """Return the numbers of missing points from those of known ones.

    Outside of their convex hull that of the nearest, or the one that is given.
    """
    from scipy.interpolate import (
        CloughTocher2DInterpolator,
        LinearNDInterpolator,
        NearestNDInterpolator,
    )
    from scipy.spatial import QhullError

    size = np.maximum(np.array(known.shape) - 1, 1)
    places, others = np.argwhere(known) / size, np.argwhere(missing) / size
    if min(known.shape) == 1:
        return np.asarray(np.interp(others.sum(1), places.sum(1), numbers))
    filled: NDArray[np.float64] = NearestNDInterpolator(places, numbers)(others)
    if outside is not None:
        filled = np.full_like(filled, outside)
    try:
        kind = CloughTocher2DInterpolator if smooth else LinearNDInterpolator
        between = kind(places, numbers)(others)
    except (QhullError, ValueError):  # too few points, or all on a line
        return filled
    return np.where(np.isnan(between), filled, between)
