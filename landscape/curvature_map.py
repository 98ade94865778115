"""Extreme eigenvalues of the Hessian over a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.grid import Grid


@dataclass(frozen=True, eq=False)
class Curvature:
    """Extreme eigenvalues of the Hessian of the mean loss at every point of a grid.

    All arrays have the shape of the grid.

    Attributes:
        lowest: Smallest eigenvalue, float64; nan where not evaluated.
        highest: Largest eigenvalue, float64; nan where not evaluated.
        evaluated: Mask of evaluated points, bool.
        converged: Mask of points where both eigenvalues converged, bool.
        seconds: Time spent on them.
    """

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    evaluated: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    seconds: float = 0.0

    __repr__ = brief

    @classmethod
    def empty(cls, grid: Grid) -> "Curvature":
        """Return a curvature map with no point evaluated.

        Args:
            grid: The grid.
        """
        nowhere = np.zeros(grid.shape, dtype=bool)
        unknown = np.full(grid.shape, np.nan)
        return cls(unknown, unknown.copy(), nowhere, nowhere.copy())

    @property
    def not_converged(self) -> NDArray[np.bool_]:
        """Mask of evaluated points where an eigenvalue did not converge."""
        loose: NDArray[np.bool_] = self.evaluated & ~self.converged
        return loose

    @property
    def ratio(self) -> NDArray[np.float64]:
        """The absolute ratio of λ_min and λ_max, small where the loss is nearly convex.

        Li et al. (2018), section 6.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: NDArray[np.float64] = np.abs(self.lowest / self.highest)
        return ratio
