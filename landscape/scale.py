"""How losses become heights and colors: one scale for all surfaces of a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError
from landscape.surface import Surface

ScaleKind = Literal["auto", "linear", "log"]
SCALE_KINDS: tuple[str, ...] = get_args(ScaleKind)

_ROUND = 9  # a number with no more characters is a round one
_LOG_FROM_RATIO = 100.0
_CLIPPED_PART = 0.1  # of the points of any surface, at most
_CLIPPED_FROM = 4.0  # times the range that the others need
_KEPT_HEIGHT = 0.25  # of the picture, at least, for every surface that is clipped

BOX = (1.0, 1.0, 0.75)
"""How long the axes α, β and loss are drawn in 3-D, relative to each other."""

# Limits of what can be drawn on a linear scale.
_LARGEST, _SMALLEST = 1e300, 1e-300

COLOR_MAP = "plasma"
"""Of matplotlib and plotly, perceptually uniform; figures use it unless a style has another."""

COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colors of Okabe and Ito, distinguishable with color blindness."""


@dataclass(frozen=True)
class Scale:
    """A common scale of losses.

    A logarithmic scale is made by drawing the logarithm on linear axes, with ticks in units
    of the loss: log axes of 3-D programs are unreliable.

    Attributes:
        low: Lower end of the scale; lower losses (0 on a log scale) are drawn here.
        high: Upper end of the scale; higher losses are drawn here.
        log: Whether heights are logarithms to base 10.
        clipped: Whether some losses lie above ``high``.
        floored: Number of evaluated points that are 0 or less, of a log scale.
        quantity: What is measured, for labels.
    """

    low: float
    high: float
    log: bool
    clipped: bool = False
    quantity: str = "mean loss"
    floored: int = 0

    @classmethod
    def covering(
        cls, surfaces: Sequence[Surface], kind: ScaleKind = "auto", maximum: float | None = None
    ) -> "Scale":
        """Return the scale that holds all finite losses of all surfaces.

        Args:
            surfaces: One or more.
            kind: ``auto`` is logarithmic where the positive losses span a factor of 100.
            maximum: Draw higher losses at this height; inf clips nothing. By default only a
                linear scale is clipped, and only where a few high points would take more than
                three quarters of the picture: at the lowest loss that leaves nine of ten points
                of every surface below it, and no surface in less than a quarter of the height
                unless it needs no more. So it makes no surface flat that was not.

        Raises:
            LandscapeError: No surface has a finite loss, or for ``log`` no positive one, or
                all lie above the maximum.
            ValueError: ``kind`` is none of the three.
        """
        if kind not in SCALE_KINDS:
            raise ValueError(f"scale must be one of {', '.join(SCALE_KINDS)}, not {kind!r}")
        all_values = np.concatenate([s.losses[s.evaluated] for s in surfaces])
        values = all_values[np.isfinite(all_values)]
        if not values.size:
            raise LandscapeError("nothing to draw: no point has a finite loss")
        # Paths and marks stand at their own losses, which may lie outside of the surface's.
        values = np.concatenate([values, *map(_own_losses, surfaces)])
        positive = values[values > 0]
        spans_decades = positive.size > 0 and positive.max() / _LOG_FROM_RATIO > positive.min()
        log = kind == "log" or (kind == "auto" and bool(values.min() >= 0) and bool(spans_decades))
        if log and not positive.size:
            raise LandscapeError("a log scale needs positive losses, found none")
        low = float(positive.min() if log else values.min())
        high = float(values.max())
        if maximum is None and not log:
            usual = _usual_height(surfaces, low)
            if usual > low and high - low > _CLIPPED_FROM * (usual - low):
                maximum = usual
        if not log and high > _LARGEST:  # differences of larger losses overflow
            maximum = min(_LARGEST, maximum or _LARGEST)
        if maximum is not None and maximum < high:
            if not maximum > low:
                raise LandscapeError(f"the maximum must be above the lowest loss {low:.3g}")
            high = maximum
        least = 0.0 if log else _SMALLEST
        if not high - low > max(1e-9 * max(abs(low), abs(high)), least):  # flat up to rounding
            margin = max(0.5, 0.5 * abs(low))
            low, high = (low / 2, low * 2) if log else (low - margin, high + margin)
        floored = sum(int((s.losses[s.evaluated] <= 0).sum()) for s in surfaces) if log else 0
        quantities = {surface.quantity for surface in surfaces}
        quantity = quantities.pop() if len(quantities) == 1 else cls.quantity
        return cls(low, high, log, bool(values.max() > high), quantity, floored)

    def heights(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is drawn: clipped losses or their logarithms; nan where not finite."""
        finite = np.where(np.isfinite(losses), losses, np.nan)
        return self.unclipped(np.minimum(finite, self.high))

    def unclipped(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same with higher losses than ``high`` above it."""
        finite = np.where(np.isfinite(losses), losses, np.nan)
        raised = np.clip(finite, self.low, np.inf if self.log else _LARGEST)
        return (np.log10(raised) if self.log else raised).astype(np.float64)

    @property
    def limits(self) -> tuple[float, float]:
        """Heights of the lowest and highest loss."""
        low, high = self.heights(np.array([self.low, self.high]))
        return float(low), float(high)

    def levels(self, num: int = 12) -> NDArray[np.float64]:
        """Return about ``num`` round losses from low to high, for contours and ticks."""
        if not self.log or self.high < 10 * self.low:
            step = _round_up(self.high / num - self.low / num)
            multiples = np.arange(math.ceil(self.low / step), math.floor(self.high / step) + 1)
            return (multiples * step).astype(np.float64)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = last - first
        if decades >= num:
            exponents = np.arange(first, last + 1, math.ceil(decades / num))
            levels = np.asarray(10.0**exponents, dtype=np.float64)
        else:
            per_decade = next(
                m
                for m in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
                if len(m) * math.log10(self.high / self.low) >= num * 0.6 or len(m) == 6
            )
            levels = np.array([m * 10.0**e for e in range(first, last + 1) for m in per_decade])
        return levels[(levels >= self.low) & (levels <= self.high)]

    @staticmethod
    def label(loss: float) -> str:
        """Return a short text for a loss, like ``0.05``, ``30`` or ``1e4``.

        Round numbers have all of their digits, so that close levels differ; others have three.
        """
        if not math.isfinite(loss):
            return f"{loss:.3g}"
        if 0.001 <= abs(loss) < 10_000 or loss == 0:
            exact = f"{loss:.10g}"
            return exact if len(exact) <= _ROUND else f"{float(f'{loss:.3g}'):g}"
        mantissa, exponent = f"{loss:.9e}".split("e")
        mantissa = f"{float(mantissa):.10g}"
        if len(mantissa) > _ROUND:
            mantissa, exponent = f"{loss:.2e}".split("e")
        return f"{float(mantissa):.10g}e{int(exponent)}"


def _own_losses(surface: Surface) -> NDArray[np.float64]:
    """Return the finite losses of off-plane checkpoints."""
    losses = [np.array([mark.loss for mark in surface.marks])]
    losses += [each for path in surface.trajectories for each in (path.losses, path.plane_losses)]
    every: NDArray[np.float64] = np.concatenate(losses).astype(np.float64)
    return every[np.isfinite(every)]


def _usual_height(surfaces: Sequence[Surface], low: float) -> float:
    """Return the lowest maximum that clips few points of every surface and flattens none."""
    heights = []
    for surface in surfaces:
        values = np.sort(surface.losses[surface.evaluated & np.isfinite(surface.losses)])
        if not len(values):
            continue
        few = float(values[math.ceil((1 - _CLIPPED_PART) * len(values)) - 1])
        # Its lowest point stands in the picture at 1 - _KEPT_HEIGHT, at most.
        kept = low + (float(values[0]) - low) / (1 - _KEPT_HEIGHT)
        heights.append(min(max(few, kept), float(values[-1])))
    return max(heights)


def _round_up(step: float) -> float:
    """Return the next of …, 1, 2, 5, 10, … at or above ``step``."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))
