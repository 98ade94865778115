"""Samples and regions that measures are taken of: losses, their errors, areas, disks."""

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surface import Surface

_FEWEST_POINTS = 5

ROUNDING = 1e-6
"""Relative error of a loss in float32."""


def complete_losses(surface: Surface) -> NDArray[np.float64]:
    """Return the losses of a complete scan; inf where they are not finite.

    Args:
        surface: The surface; of several seeds the first.

    Raises:
        LandscapeError: Points are missing, or the grid is too coarse for second differences.
    """
    done = int(surface.final.sum())
    remedy = "scan with a number of points" if surface.is_refined else "resume the scan"
    if done < surface.grid.size:
        raise LandscapeError(
            f"{surface.name}: {done} of {surface.grid.size} points are evaluated, and measures "
            f"need all: {remedy}"
        )
    if min(n for n in surface.grid.shape if n > 1 or surface.grid.size == 1) < _FEWEST_POINTS:
        raise LandscapeError(
            f"{surface.name}: expected {_FEWEST_POINTS} points or more along each axis, got "
            f"{' × '.join(map(str, surface.grid.shape))}"
        )
    return np.where(np.isfinite(surface.losses), surface.losses, np.inf)


def errors(surface: Surface) -> NDArray[np.float64]:
    """Return the standard errors of the losses, at least their rounding; 0 where not finite.

    All points share their images, so differences between points are known better than these
    errors suggest: what exceeds them is more than sampling noise.

    Args:
        surface: The surface; of several seeds the first.
    """
    losses = np.where(np.isfinite(surface.losses), surface.losses, 0.0)
    known = np.where(np.isfinite(surface.standard_errors), surface.standard_errors, 0.0)
    return np.maximum(known, ROUNDING * np.abs(losses))


def cell_areas(grid: Grid) -> NDArray[np.float64]:
    """Return the area that each point stands for (trapezoidal rule), shape of the grid.

    Of a line, the lengths.

    Args:
        grid: The grid.
    """
    alphas, betas = (
        np.gradient(axis) * np.r_[0.5, np.ones(len(axis) - 2), 0.5] if len(axis) > 1 else np.ones(1)
        for axis in (grid.alphas, grid.betas)
    )
    return np.outer(alphas, betas)


def radii(grid: Grid) -> NDArray[np.float64]:
    """Return the distance of each point from the center (0, 0), shape of the grid.

    Args:
        grid: The grid.
    """
    return np.hypot(grid.alphas[:, None], grid.betas)


def largest_radius(grid: Grid) -> float:
    """Return the radius of the largest disk around (0, 0) inside the grid; 0 if (0, 0) is not.

    Args:
        grid: The grid; of a line, its largest interval symmetric about 0.

    Example:
        >>> from landscape import Grid
        >>> largest_radius(Grid.regular(5, (-1, 2), (-3, 3)))
        1.0
    """
    axes = [axis for axis in (grid.alphas, grid.betas) if len(axis) > 1]
    return max(0.0, min((float(min(-axis[0], axis[-1])) for axis in axes), default=0.0))
