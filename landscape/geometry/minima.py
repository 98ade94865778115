"""Local minima of a surface, their number and depth."""

import numpy as np
from numpy.typing import NDArray

from landscape.geometry.region import complete_losses, errors
from landscape.surface import Surface

_NEIGHBORS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)

_SHALLOWEST = 0.1  # of the loss at the saddle
_SIGMAS = 3.0

Places = tuple[NDArray[np.int64], ...]


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


def num_minima(surface: Surface) -> int:
    """Return the number of local minima that are deep enough to count; see :func:`depths`.

    Args:
        surface: A complete surface; of several seeds the first.

    References:
        Barannikov et al., Barcodes as Summary of Loss Function Topology, Dokl. Math. 108
        (2023), arXiv:1912.00043.
    """
    return len(depths(surface))


def depth_of_minima(surface: Surface) -> float:
    r"""Return the total depth of the local minima other than the lowest point.

    .. math:: \sum_m \frac{f(\text{saddle}_m) - f(m)}{f(\text{saddle}_m)}

    over the minima that count; see :func:`depths`. It is the total persistence of the sublevel
    sets, each relative to the height at which it ends, and the same for a multiple of the loss.

    Args:
        surface: A complete surface; of several seeds the first.

    References:
        Cohen-Steiner et al., Lipschitz Functions Have Lp-Stable Persistence, Found. Comput.
        Math. 10 (2010); Barannikov et al., arXiv:1912.00043.
    """
    found = depths(surface)
    return float(found[np.isfinite(found)].sum())


def depths(surface: Surface) -> NDArray[np.float64]:
    """Return the depths of the local minima, relative to the loss at their saddles.

    The saddle of a minimum is the lowest height over which a path leads to a lower minimum:
    minimum and saddle are the birth and death of a component of the sublevel sets (persistent
    homology of dimension 0, eight neighbors). The lowest point of the plane has no saddle; its
    depth is inf. A minimum counts if it is not at the edge, since it may go down beyond, and
    if it lies below its saddle by 10 % of the loss there and by three standard errors of their
    difference, as if both were of different images. Losses that are not finite stand at the
    highest finite loss.

    Args:
        surface: A complete surface; of several seeds the first.

    Returns:
        Depths from the deepest to the shallowest, shape (minima,).

    References:
        Edelsbrunner, Letscher & Zomorodian, Topological Persistence and Simplification,
        Discrete Comput. Geom. 28 (2002); computed by GUDHI's cubical complexes.

    Example:
        >>> import numpy as np
        >>> from landscape import Grid, Surface
        >>> double_well = Surface.empty(Grid.regular((41, 1), (-2, 2)), {}, {})
        >>> x = double_well.grid.alphas[:, None]
        >>> double_well.losses[:] = (x**2 - 1) ** 2 + 0.1 * x + 0.2  # 0.1, 1.2, 0.3
        >>> double_well.evaluated[:] = True
        >>> depths(double_well).round(2).tolist()
        [inf, 0.75]
    """
    from gudhi import CubicalComplex  # slow to import

    losses, sigmas = complete_losses(surface), errors(surface)
    finite = np.isfinite(losses)
    if not finite.any():
        return np.empty(0)
    losses = np.where(finite, losses, losses[finite].max())
    sublevels = CubicalComplex(top_dimensional_cells=losses)
    sublevels.compute_persistence()
    pairs, unpaired = sublevels.cofaces_of_persistence_pairs()
    births, deaths = np.reshape(pairs[:1], (-1, 2)).astype(np.int64).T  # of dimension 0
    minima, saddles = _places(births, losses), _places(deaths, losses)
    low, high = losses[minima], losses[saddles]
    relative = (high - low) / np.maximum(np.abs(low), np.abs(high))
    noise = np.hypot(sigmas[minima], sigmas[saddles])
    counts = (relative > _SHALLOWEST) & (high - low > _SIGMAS * noise)
    found = np.sort(relative[counts & _is_inside(minima, losses)])[::-1]
    lowest = _places(np.asarray(unpaired[0]), losses)
    bottom = np.full(np.count_nonzero(_is_inside(lowest, losses)), np.inf)
    return np.concatenate([bottom, found])


def _places(indices: NDArray[np.int64], losses: NDArray[np.float64]) -> Places:
    """Return the indices of cells by axis; GUDHI counts along the first axis first."""
    return np.unravel_index(indices, losses.shape, order="F")


def _is_inside(places: Places, losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which places are not at the edge, along every axis of more than one point."""
    inside = np.ones(np.shape(places[0]), dtype=bool)
    for place, num in zip(places, losses.shape, strict=True):
        if num > 1:
            inside &= (place > 0) & (place < num - 1)
    return inside
