"""What all checks look at: a surface, the median of its seeds, and its heights in a picture."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.geometry.region import ROUNDING
from landscape.scale import Scale
from landscape.surface import Surface
from landscape.units import Unit

Array = NDArray[np.float64]

OF_HEIGHT = 0.25
"""Fraction of the height of a picture by which another loss is clearly another one."""

_TAIL = 5  # percent of the points that a relief leaves out at either end


@dataclass(frozen=True, eq=False)
class Subject:
    """A surface with what several checks need of it.

    Attributes:
        surface: The surface.
    """

    surface: Surface

    @cached_property
    def middle(self) -> Surface:
        """The median of all seeds."""
        return self.surface.median

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Mask of the points with a finite loss from the most images used so far."""
        return self.middle.final & np.isfinite(self.middle.losses)

    @cached_property
    def losses(self) -> Array:
        """The known losses, shape of the grid; nan elsewhere."""
        return np.where(self.known, self.middle.losses, np.nan)

    @cached_property
    def scale(self) -> Scale:
        """The scale on which the surface is drawn alone; a loss is known."""
        return Scale.covering([self.middle])

    @cached_property
    def heights(self) -> Array:
        """Heights in the picture, shape of the grid; nan where the loss is not known."""
        return self.scale.heights(self.losses)

    @cached_property
    def errors(self) -> Array:
        """Standard errors as heights in the picture; nan where they are not known."""
        errors = np.where(self.known, self.middle.standard_errors, np.nan)
        if not self.scale.log:
            return errors
        with np.errstate(divide="ignore", invalid="ignore"):
            return errors / self.losses / math.log(10)

    @cached_property
    def relief(self) -> float:
        """Height between the lowest and the highest points, a few of either left out."""
        low, high = np.nanpercentile(self.heights, [_TAIL, 100 - _TAIL])
        return float(high - low)

    def rise(self, low: float, high: float) -> float:
        """Return how far a loss stands above another, as a fraction of the picture's height.

        Args:
            low: A loss.
            high: A loss.

        Returns:
            The fraction; 0 where it is unknown, infinite where the second loss is.
        """
        if not self.known.any() or self.relief <= 0 or not math.isfinite(low) or math.isnan(high):
            return 0.0
        if high == math.inf:
            return math.inf
        heights = self.scale.unclipped(np.array([low, high]))
        return float(heights[1] - heights[0]) / self.relief

    @property
    def is_complete(self) -> bool:
        """Whether the scan is complete and several losses are finite."""
        return self.surface.is_complete and int(self.known.sum()) > 2

    @cached_property
    def span(self) -> float:
        """Difference of the highest and the lowest known loss; some are known."""
        return float(np.nanmax(self.losses) - np.nanmin(self.losses))

    @property
    def rounding(self) -> float:
        """Rounding of the highest known loss."""
        return ROUNDING * float(np.nanmax(np.abs(self.losses)))

    @cached_property
    def has_shape(self) -> bool:
        """Whether the scan is complete, and its losses differ by more than rounding."""
        return self.is_complete and self.span > self.rounding and self.relief > 0

    @property
    def is_around_a_net(self) -> bool:
        """Whether the plane has random directions or eigenvectors, around a network.

        A plane through several networks, along their paths or of a curve shows what lies between
        them: its center is one of many points.
        """
        settings = self.surface.settings
        plane = settings.get("plane")
        return plane == "top eigenvectors" or (plane is None and "seed" in settings)

    @property
    def is_line(self) -> bool:
        """Whether the points lie along one axis."""
        return 1 in self.surface.grid.shape

    @property
    def unit(self) -> Unit:
        """What the examples are called."""
        return self.surface.unit

    @property
    def images(self) -> int:
        """Number of examples behind the values at the center."""
        return max(each.center_images or 1 for each in self.surface.seeds)

    def number(self, key: str) -> float | None:
        """Return a finite number among the provenance, or None.

        Args:
            key: Its name.
        """
        value = self.surface.provenance.get(key)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    def place(self, alpha: float, beta: float) -> str:
        """Return the coordinates of a point as text.

        Args:
            alpha: Coordinate along δ.
            beta: Coordinate along η.
        """
        return f"α = {alpha:.3g}" if self.surface.is_line else f"({alpha:.3g}, {beta:.3g})"

    def crosses(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Yield the indices of the two neighbors of the center along each axis.

        Axes without one of them are left out, and so is everything where (0, 0) is no point.

        Yields:
            ``(before, after)``.
        """
        center = self.middle.center
        if center is None:
            return
        for axis, num in enumerate(self.middle.grid.shape):
            if 0 < center[axis] < num - 1:
                step = (1, 0) if axis == 0 else (0, 1)
                yield (
                    (center[0] - step[0], center[1] - step[1]),
                    (center[0] + step[0], center[1] + step[1]),
                )
