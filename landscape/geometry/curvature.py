"""Measures of curvature: second differences of the loss on the grid."""

import math

import numpy as np
from numpy.typing import NDArray

from landscape.geometry.region import cell_areas, complete_losses, errors, radii
from landscape.surface import Surface

_SIGMAS = 2.0
_STEPS = 16  # across the plane
_SHORTEST = 0.6  # of a step; the multiple of the spacing nearest to a step is 2/3 of it or more

Array = NDArray[np.float64]


def largest_curvature(surface: Surface) -> float:
    r"""Return the larger eigenvalue of the Hessian within the plane, at the center.

    .. math:: \lambda_{\max}(P^\top H P), \quad P = (\delta, \eta)

    By differences between neighboring points of the grid. It depends on the length of the
    directions: compare it between planes of one normalization.

    Args:
        surface: A complete surface with the point (0, 0); of several seeds the first.

    References:
        Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 6
        (principal curvatures of the plane are weighted averages of the Hessian's eigenvalues).
    """
    return _center_curvatures(surface)[1]


def curvature_ratio(surface: Surface) -> float:
    r"""Return the ratio of the principal curvatures at the center, 1 for a round basin.

    .. math:: \lambda_{\min} / \lambda_{\max}

    of the Hessian within the plane; negative at a saddle. The paper draws the absolute value of
    the same ratio of the whole Hessian.

    Args:
        surface: A complete surface with the point (0, 0); of several seeds the first.

    References:
        Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 6.
    """
    low, high = _center_curvatures(surface)
    return low / high if high else math.nan


def negative_curvature(surface: Surface, radius: float = np.inf) -> float:
    r"""Return the fraction of the plane on which the loss has a negative curvature, 0 to 1.

    .. math:: \lvert \{ \lambda_{\min} < 0 \} \rvert / \lvert \text{plane} \rvert

    with the smaller eigenvalue of the Hessian within the plane, by differences over 1/16 of the
    plane's width (or the spacing of the grid, if that is wider), so that the fraction does not
    depend on the number of points. A curvature counts if it is below zero by two standard errors,
    those of the points taken as independent. Points next to one that is not finite, and those at
    the edge, are left out. A negative curvature within the plane is one of the whole Hessian as
    well; the converse need not hold.

    Args:
        surface: A complete surface; of several seeds the first.
        radius: Of the disk around (0, 0) that is measured, by default the whole plane.

    References:
        Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 6.
    """
    grid = surface.grid
    widths = [float(np.ptp(axis)) for axis in (grid.alphas, grid.betas) if len(axis) > 1]
    low, _, error = principal_curvatures(surface, min(widths, default=0.0) / _STEPS)
    areas = np.where(np.isfinite(low) & (radii(grid) <= radius), cell_areas(grid), 0.0)
    negative = low < -_SIGMAS * error
    return float(areas[negative].sum() / areas.sum()) if areas.any() else math.nan


def principal_curvatures(surface: Surface, step: float = 0.0) -> tuple[Array, Array, Array]:
    """Return both eigenvalues of the Hessian within the plane, and their standard error.

    By three-point differences along both axes; nan at the edge, and where a loss that is not
    finite would enter. A line has one curvature.

    Args:
        surface: A complete surface; of several seeds the first.
        step: Distance over which differences are taken; the nearest points are used, at least
            the neighbors.

    Returns:
        The smaller and the larger eigenvalue and the standard error, each in the shape of the
        grid.
    """
    along_a, first_a, second_a = _stencil(surface.grid.alphas, step)
    along_b, first_b, second_b = _stencil(surface.grid.betas, step)
    places = along_a[:, None, :, None], along_b[None, :, None, :]
    losses = complete_losses(surface)[places]  # at the 3×3 points around each, (3, 3, A, B)
    variances = errors(surface)[places] ** 2
    is_known = np.isfinite(losses).all(axis=(0, 1))
    losses = np.where(is_known, losses, 0.0)
    aa = np.einsum("pa,pab->ab", second_a, losses[:, 1])
    bb = np.einsum("qb,qab->ab", second_b, losses[1])
    ab = np.einsum("pa,qb,pqab->ab", first_a, first_b, losses)
    variance_aa = np.einsum("pa,pab->ab", second_a**2, variances[:, 1])
    variance_bb = np.einsum("qb,qab->ab", second_b**2, variances[1])
    mean, half = (aa + bb) / 2, np.hypot((aa - bb) / 2, ab)
    low, high = (aa + bb, aa + bb) if 1 in surface.grid.shape else (mean - half, mean + half)
    error = np.sqrt(np.maximum(variance_aa, variance_bb))
    found = np.full((3, *surface.grid.shape), np.nan)
    found[:, along_a[1][:, None], along_b[1]] = np.where(is_known, [low, high, error], np.nan)
    return found[0], found[1], found[2]


def _stencil(axis: Array, step: float) -> tuple[NDArray[np.int64], Array, Array]:
    """Return three points around each inner one, and the weights of derivatives there.

    Args:
        axis: Coordinates.
        step: Distance of the outer points.

    Returns:
        Indices of the points before, at and after each inner point that has both, and their
        weights in the first and in the second derivative, each of shape (3, inner points). An
        axis of one point has derivatives of zero.
    """
    if len(axis) == 1:
        return np.zeros((3, 1), dtype=np.int64), np.zeros((3, 1)), np.zeros((3, 1))
    inner = np.arange(1, len(axis) - 1)
    before = np.minimum(_nearest(axis, axis[inner] - step), inner - 1)
    after = np.maximum(_nearest(axis, axis[inner] + step), inner + 1)
    left, right = axis[inner] - axis[before], axis[after] - axis[inner]
    fits = np.minimum(left, right) >= _SHORTEST * step
    along, left, right = np.stack([before, inner, after])[:, fits], left[fits], right[fits]
    whole = left + right
    first = np.stack([-1 / whole, 0 * whole, 1 / whole])
    second = np.stack([2 / (left * whole), -2 / (left * right), 2 / (right * whole)])
    return along, first, second


def _nearest(axis: Array, places: Array) -> NDArray[np.int64]:
    indices: NDArray[np.int64] = np.abs(axis - places[:, None]).argmin(axis=1)
    return indices


def _center_curvatures(surface: Surface) -> tuple[float, float]:
    low, high, _ = principal_curvatures(surface)
    if surface.center is None:
        raise ValueError(f"{surface.name}: expected the point (0, 0) on the grid")
    return float(low[surface.center]), float(high[surface.center])
