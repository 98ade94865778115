"""Measures of height: the loss at a distance from the center, the area below a level."""

import numpy as np
from numpy.typing import NDArray

from landscape.geometry.region import complete_losses, largest_radius
from landscape.grid import Grid
from landscape.surface import Surface

_DIRECTIONS = 64  # of a circle
_PIECES = 8  # a cell is cut into, along each axis

Array = NDArray[np.float64]


def mean_loss(surface: Surface, radius: float) -> float:
    r"""Return the mean loss at a distance from the center.

    .. math:: \frac{1}{2\pi} \int_0^{2\pi} f(r \cos\varphi, r \sin\varphi) \, d\varphi

    Over random directions it estimates the loss of weights perturbed by relative noise of that
    size, a measure of flatness.

    Args:
        surface: A complete surface; of several seeds the first.
        radius: The distance r, at most :func:`largest_radius`.

    References:
        Neyshabur et al., Exploring Generalization in Deep Learning, NeurIPS 2017, section 3
        (expected sharpness under random perturbations).
    """
    return float(losses_at_radius(surface, radius).mean())


def worst_loss(surface: Surface, radius: float) -> float:
    r"""Return the highest loss at a distance from the center.

    .. math:: \max_\varphi f(r \cos\varphi, r \sin\varphi)

    Args:
        surface: A complete surface; of several seeds the first.
        radius: The distance r, at most :func:`largest_radius`.

    References:
        Keskar et al., On Large-Batch Training for Deep Learning, ICLR 2017, section 2.2.2
        (maximal loss in a neighborhood; here of the plane).
    """
    return float(losses_at_radius(surface, radius).max())


def losses_at_radius(surface: Surface, radius: float) -> Array:
    """Return the losses on a circle around (0, 0), interpolated, shape (directions,).

    Interpolation is monotone cubic, and adds no extrema. A loss next to a point that is not
    finite is inf.

    Args:
        surface: A complete surface; of several seeds the first. A line has two directions.
        radius: Radius of the circle.

    Raises:
        ValueError: The circle is not inside the grid.
    """
    largest = largest_radius(surface.grid)
    if not 0 < radius <= largest:
        raise ValueError(f"expected a radius above 0, at most {largest:g}, got {radius:g}")
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    if 1 in surface.grid.shape:
        angles = np.array([0.0, np.pi]) + (np.pi / 2 if len(surface.grid.alphas) == 1 else 0.0)
    at = radius * np.cos(angles), radius * np.sin(angles)
    losses: Array = np.diagonal(_interpolated(surface.grid, complete_losses(surface), *at)).copy()
    return losses


def area_below(surface: Surface, level: float) -> float:
    r"""Return the area of the plane with a loss below a level; of a line, the length.

    .. math:: \lvert \{ (\alpha, \beta) : f(\alpha, \beta) < c \} \rvert

    In units of both axes: with filter normalization, squares of the filters' norms. A loss that
    is not finite is above every level.

    Args:
        surface: A complete surface; of several seeds the first.
        level: The level c.

    References:
        Hochreiter & Schmidhuber, Flat Minima, Neural Computation 9 (1997): the size of the
        connected region in which the error is below a level.
    """
    axes = surface.grid.alphas, surface.grid.betas
    middles = [_middles(axis) for axis in axes]
    losses = _interpolated(surface.grid, complete_losses(surface), *middles)
    lengths = [_lengths(axis) for axis in axes]
    return float((np.outer(*lengths) * (losses < level)).sum())


def _middles(axis: Array) -> Array:
    """Return the middles of the pieces between the points of an axis."""
    places = (np.arange((len(axis) - 1) * _PIECES) + 0.5) / _PIECES
    return np.interp(places, np.arange(len(axis)), axis) if len(axis) > 1 else axis


def _lengths(axis: Array) -> Array:
    """Return the lengths of these pieces; 1 for an axis of one point."""
    return np.repeat(np.diff(axis) / _PIECES, _PIECES) if len(axis) > 1 else np.ones(1)


def _interpolated(grid: Grid, losses: Array, alphas: Array, betas: Array) -> Array:
    """Return losses at the product of two axes, shape (alphas, betas); inf next to inf."""
    from scipy.interpolate import PchipInterpolator  # slow to import

    finite = np.isfinite(losses)
    highest = losses[finite].max(initial=0.0)
    values, holes = np.where(finite, losses, highest), (~finite).astype(np.float64)
    for axis, (points, to) in enumerate(((grid.alphas, alphas), (grid.betas, betas))):
        if len(points) == 1:
            values, holes = (np.repeat(each, len(to), axis) for each in (values, holes))
            continue
        values = PchipInterpolator(points, values, axis=axis)(to)
        holes = np.apply_along_axis(lambda h: np.interp(to, points, h), axis, holes)  # noqa: B023
    return np.where(holes > 0, np.inf, values)
