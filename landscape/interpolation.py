"""Interpolate unevaluated points of an incomplete scan, for plotting only."""

import numpy as np
from numpy.typing import NDArray

_LOG_FROM_RATIO = 100.0


def interpolate_missing(
    values: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Keep evaluated values; interpolate the others piecewise linearly.

    In log space if the values are positive and span two decades; nearest neighbor outside the
    convex hull. Blocks or ripples would look like the ruggedness that surfaces are drawn for.

    Args:
        values: Over a grid, shape (num_alphas, num_betas).
        known: Mask of evaluated values; those that are not finite are not interpolated from.

    Returns:
        All values, shape (num_alphas, num_betas).
    """
    result = np.where(known, values, np.nan)
    good = known & np.isfinite(values)
    if known.all() or not good.any():
        return result
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
    from scipy.spatial import QhullError

    numbers = values[good]
    log = numbers.min() > 0 and numbers.max() > _LOG_FROM_RATIO * numbers.min()
    numbers = np.log(numbers) if log else numbers
    size = np.maximum(np.array(values.shape) - 1, 1)
    places, missing = np.argwhere(good) / size, np.argwhere(~known) / size
    filled = NearestNDInterpolator(places, numbers)(missing)
    if min(values.shape) == 1:
        filled = np.interp(missing.sum(1), places.sum(1), numbers)
    else:
        try:
            between = LinearNDInterpolator(places, numbers)(missing)
            filled = np.where(np.isnan(between), filled, between)
        except (QhullError, ValueError):
            pass  # too few points, or all on a line
    result[~known] = np.exp(filled) if log else filled
    return result
