"""A surface without symmetry, whose values are known at every point."""

import numpy as np

from landscape.facts import Facts
from landscape.grid import Grid
from landscape.surface import Surface

PEAK = (4, 1)
"""Index of its highest loss."""

LOWEST = (0, 2)
"""Index of its lowest loss."""


def hill() -> Surface:
    """7×4 points on [-1, 1] × [-0.2, 0.7], a peak at α = 1/3, β = 0.1, a lowest corner."""
    grid = Grid.regular((7, 4), (-1.0, 1.0), (-0.2, 0.7))
    settings: Facts = {"loss": "cross_entropy", "seed": 5}
    surface = Surface.empty(grid, settings, {"name": "hill"}, metrics=["rate/s"])
    alphas, betas = np.meshgrid(grid.alphas, grid.betas, indexing="ij")
    away = (alphas - grid.alphas[PEAK[0]]) ** 2 + (betas - grid.betas[PEAK[1]]) ** 2
    surface.losses[:] = 1 + 3 * np.exp(-2 * away) + 0.1 * alphas
    surface.losses[LOWEST] = 0.5
    surface.accuracies[:] = 1 / surface.losses / 2
    surface.standard_errors[:] = surface.losses / 10
    surface.metrics["rate/s"][:] = surface.losses + 7
    surface.evaluated[:], surface.examples[:] = True, 1797
    return surface
