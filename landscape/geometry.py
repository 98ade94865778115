"""Geometry of a surface: its local minima."""

import numpy as np
from numpy.typing import NDArray

from landscape.surface import Surface

_NEIGHBORS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)


def local_minima(surface: Surface) -> NDArray[np.int64]:
    """Return the points that are lower than all eight neighbors, by index, shape (minima, 2).

    A point at the edge is none, since it may go down beyond; nor is one with a neighbor that
    is not evaluated.

    Args:
        surface: The surface; of several seeds the first.
    """
    from scipy.ndimage import minimum_filter  # slow to import

    # Not finite is higher than anything; not evaluated might be lower.
    losses = np.where(np.isfinite(surface.losses), surface.losses, np.inf)
    losses = np.where(surface.evaluated, losses, -np.inf)
    around = minimum_filter(losses, footprint=_NEIGHBORS, mode="constant", cval=-np.inf)
    return np.argwhere(surface.evaluated & (losses < around)).astype(np.int64)
