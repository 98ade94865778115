"""Roughness against the best quadratic."""

import math

import numpy as np

from landscape.geometry.region import ROUNDING, cell_areas, complete_losses, largest_radius, radii
from landscape.surface import Surface


def quadratic_residual(surface: Surface) -> float:
    r"""Return the fraction of the variance of the loss that no quadratic explains, 0 to 1.

    .. math:: 1 - R^2 = \min_q \frac{\int (f - q)^2}{\int (f - \bar f)^2}

    over polynomials q of degree 2 in α and β, on the largest disk around (0, 0) inside the grid:
    in the corners, losses of a deep network may be a hundred times as high, and would decide
    alone. It is 0 for every quadratic bowl or saddle, and the same for a multiple of the loss.
    A basin that is smooth but not quadratic, for one rising exponentially, has a value as well.
    Points that are not finite are left out.

    Args:
        surface: A complete surface that contains (0, 0); of several seeds the first.

    Returns:
        The fraction; 0 for a constant loss, nan if no loss is finite.

    References:
        Draper & Smith, Applied Regression Analysis, 3rd ed. 1998, chapter 12 (response
        surfaces); :math:`R^2` is the coefficient of determination.
    """
    losses, grid = complete_losses(surface), surface.grid
    radius = largest_radius(grid)
    is_inside = np.isfinite(losses) & (radii(grid) <= radius * (1 + 1e-9))
    if not is_inside.any():
        return math.nan
    axes = np.meshgrid(grid.alphas / radius, grid.betas / radius, indexing="ij")
    alphas, betas = (axis[is_inside] for axis in axes)
    values, areas = losses[is_inside], cell_areas(grid)[is_inside]
    terms = np.stack([alphas**k * betas**m for k in range(3) for m in range(3 - k)], axis=-1)
    root = np.sqrt(areas)
    quadratic = np.linalg.lstsq(terms * root[:, None], values * root, rcond=None)[0]
    unexplained = areas @ (values - terms @ quadratic) ** 2
    variation = areas @ (values - np.average(values, weights=areas)) ** 2
    is_constant = variation <= areas @ (ROUNDING * values) ** 2
    return 0.0 if is_constant else float(unexplained / variation)
