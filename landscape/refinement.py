"""As many points as the picture needs: a grid is evaluated from coarse to fine, where it has to be.

A point that is not evaluated is interpolated, and what is interpolated is checked: the last points
of every scan are drawn at random from those left out. None of them may deviate by more than the
tolerance, in units of the height of the picture. By the tolerance intervals of Wilks (1941) at
least 95 % of the points left out then deviate by no more than the largest of these 93, with a
confidence of 1 - 0.95^93 = 99 %.
"""

import math
from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.interpolation import interpolate_missing
from landscape.scale import Scale
from landscape.surface import Surface

Mask = NDArray[np.bool_]

_FIRST_POINTS = 64  # of the coarsest grid, at least

_DRAWN = 93  # points that the error is measured at

# Fewer points left out are not worth an interpolation.
_FEWEST = 2 * _DRAWN

# A point whose surroundings are refined deviates from its prediction by more than this, in units
# of the tolerance. The next points are predicted from half the distance; what that suffices for
# differs between surfaces, so the factor falls until the points drawn agree.
_FACTOR, _FALL = 8.0, 0.7


def expected_points(grid: Grid) -> int:
    """Return a guess at the number of points that are evaluated, for the choice of a plan.

    Args:
        grid: The grid.
    """
    return min(grid.size, max(_FIRST_POINTS, grid.size // 5))


def refining(grid: Grid, tolerance: float) -> Generator[Mask, Surface, float]:
    """Yield the points to be evaluated, and receive the surface that has them, until it suffices.

    The same values always lead to the same points, so that a scan can be resumed.

    Args:
        grid: The grid.
        tolerance: Largest deviation of an interpolated point, as a fraction of the height of the
            picture on its scale; 0 for all points.

    Yields:
        Mask of the points that are wanted so far, shape of the grid.

    Returns:
        The largest deviation of the points that were drawn; 0 if none is left out.
    """
    if tolerance == 0 or grid.size <= _FEWEST:
        yield np.ones(grid.shape, dtype=bool)
        return 0.0
    steps = _Steps(grid, tolerance)
    rng = np.random.default_rng(0)
    yield from _evaluated(steps, steps.first())
    while True:
        for level in range(steps.level, steps.finest):
            yield from _evaluated(steps, steps.next(level))
        left_out = np.flatnonzero(~steps.known)
        if len(left_out) <= _FEWEST:
            yield np.ones(grid.shape, dtype=bool)
            return 0.0
        drawn = np.zeros(grid.shape, dtype=bool)
        drawn.flat[rng.choice(left_out, _DRAWN, replace=False)] = True
        yield from _evaluated(steps, drawn)
        steps.drawn |= drawn
        error = float(steps.deviations[drawn].max())
        if error <= tolerance:
            return error
        steps.factor *= _FALL


def _evaluated(steps: "_Steps", new: Mask) -> Generator[Mask, Surface]:
    """Yield what is wanted with some new points, and take over their values."""
    if new.any():
        surface = yield steps.known | new
        steps.learn(surface, new)


class _Steps:
    """What is known of a surface, and which points follow from it.

    Args:
        grid: The grid.
        tolerance: Largest deviation of an interpolated point.

    Attributes:
        level: The level of halving of the coarsest grid.
        finest: The last level.
        known: Mask of the points that are known.
        drawn: Mask of those that were drawn at random.
        deviations: Deviation of every known point from what was interpolated before.
        factor: What is refined deviates by more than this, in units of the tolerance.
    """

    def __init__(self, grid: Grid, tolerance: float) -> None:
        self._grid, self._tolerance = grid, tolerance
        self._levels = grid.levels()
        self.finest = int(self._levels.max())
        self.level = next(
            level
            for level in range(self.finest + 1)
            if (self._levels <= level).sum() >= _FIRST_POINTS or level == self.finest
        )
        self.known = np.zeros(grid.shape, dtype=bool)
        self.drawn = np.zeros(grid.shape, dtype=bool)
        self._lowest = np.zeros(grid.shape, dtype=bool)
        self.deviations = np.zeros(grid.shape)
        self.factor = _FACTOR

    def first(self) -> Mask:
        """Return the coarsest grid."""
        coarsest: Mask = self._levels <= self.level
        return coarsest

    def next(self, level: int) -> Mask:
        """Return the points of the level after ``level`` near points that deviated.

        Also near the lowest point, which a reader looks at first.
        """
        is_rough = self.deviations > self.factor * self._tolerance
        rough = self.known & is_rough & (self.drawn | (self._levels <= level))
        rough |= self._lowest
        near = np.zeros(self._grid.shape, dtype=bool)
        steps = [math.ceil((n - 1) / 2**level) for n in self._grid.shape]
        for place in np.argwhere(rough):
            ranges = zip(place, steps, strict=True)
            near[tuple(slice(max(0, k - step), k + step + 1) for k, step in ranges)] = True
        following: Mask = near & (self._levels == level + 1) & ~self.known
        return following

    def learn(self, surface: Surface, new: Mask) -> None:
        """Take over the values of new points, and their deviations from the prediction."""
        before = self.known
        if not before.any():  # the last level of the coarsest grid is predicted from the others
            before = new & (self._levels < self.level)
        self.known = self.known | new
        finite = self.known & np.isfinite(surface.losses)
        self._lowest = np.zeros_like(self.known)
        if finite.any():
            self._lowest.flat[np.where(finite, surface.losses, np.inf).argmin()] = True
        seen = new & ~before
        self.deviations[seen] = deviations(surface, before, self.known)[seen]


def deviations(surface: Surface, before: Mask, known: Mask) -> NDArray[np.float64]:
    """Return by how much values deviate from those interpolated, shape of the grid.

    In units of the height of the picture; infinite where one is finite and the other is not.

    Args:
        surface: Has the values.
        before: Points to interpolate from.
        known: Points that the picture's scale is made for.
    """
    predicted = interpolate_missing(surface.losses, before, smooth=True)
    try:
        scale = Scale.covering([replace(surface, evaluated=known, marks=(), trajectories=())])
    except LandscapeError:  # nothing is finite
        scale = Scale(0.0, 1.0, log=False)
    low, high = scale.limits
    actual, expected = scale.heights(surface.losses), scale.heights(predicted)
    difference = np.abs(actual - expected) / (high - low)
    is_same = np.isnan(actual) & np.isnan(expected)
    return np.where(is_same, 0.0, np.where(np.isnan(difference), np.inf, difference))
