"""Which measures of two groups of surfaces differ by more than their spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.geometry import Measure

Samples = NDArray[np.float64]

SIGNIFICANCE = 0.05
"""Level of the tests: of all measures of roughness together, and of all others together."""


@dataclass(frozen=True)
class Difference:
    """A measure of two groups.

    Attributes:
        measure: The measure.
        means: Its mean over the samples of each group.
        p_value: Of Welch's t test, adjusted by Holm's method for the number of measures of
            roughness, or of other measures; None if a group has one sample, or one that is not
            finite.
        are_separate: Whether the intervals of mean ± standard deviation do not overlap.
        is_large: Whether the means differ by the smallest effect of the measure, or more.
    """

    measure: Measure
    means: tuple[float, float]
    p_value: float | None
    are_separate: bool
    is_large: bool

    @property
    def differs(self) -> bool:
        """Whether the groups differ, which is to be significant, separate and large."""
        is_significant = self.p_value is not None and self.p_value < SIGNIFICANCE
        return is_significant and self.are_separate and self.is_large


def differences(
    measures: Sequence[Measure], first: Samples, second: Samples
) -> tuple[Difference, ...]:
    """Compare each measure of two groups.

    Two groups differ in a measure if all of three things hold:

    - Welch's t test rejects equal means (of the logarithms, for measures whose factors matter),
      at a level of 5 % for all measures of roughness together, and of 5 % for all other
      measures, by Holm's method;
    - the intervals of mean ± standard deviation do not overlap (ranges would, sooner or later,
      as samples are added);
    - the means differ by the smallest effect of the measure. Different planes through one
      network have a small spread, because a random direction averages over many parameters,
      and other trainings of the same network lie outside of it.

    Args:
        measures: The measures.
        first: Samples of one group, shape (samples, measures).
        second: Samples of the other group, shape (samples, measures).

    Returns:
        A difference for each measure.

    References:
        Welch, Biometrika 34 (1947); Holm, Scand. J. Statist. 6 (1979).
    """
    pairs = list(zip(measures, first.T, second.T, strict=True))
    scaled = [_scaled(*pair) for pair in pairs]
    p_values: list[float | None] = [None] * len(pairs)
    for is_roughness in (False, True):
        family = [k for k, each in enumerate(measures) if each.is_roughness is is_roughness]
        for k, p in zip(family, holm([_welch(*scaled[k]) for k in family]), strict=True):
            p_values[k] = p
    return tuple(
        Difference(
            measure, (float(a.mean()), float(b.mean())), p, _separate(*logs), _large(measure, a, b)
        )
        for (measure, a, b), logs, p in zip(pairs, scaled, p_values, strict=True)
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values for their number, so that one below α is significant at α.

    Args:
        p_values: One for each test; None is no test.

    Returns:
        The adjusted values, in the same order.

    Example:
        >>> holm([0.01, None, 0.04, 0.03])
        [0.03, None, 0.06, 0.06]
    """
    adjusted: list[float | None] = [None] * len(p_values)
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted


def _welch(first: Samples, second: Samples) -> float | None:
    """Return the p value of Welch's t test, if both groups have a spread."""
    from scipy.stats import ttest_ind_from_stats  # slow to import

    if min(len(first), len(second)) < 2 or not np.isfinite([*first, *second]).all():
        return None
    if np.ptp(first) == 0 and np.ptp(second) == 0:  # as numbers of minima
        return float(first[0] == second[0])
    moments = (m for x in (first, second) for m in (x.mean(), x.std(ddof=1), len(x)))
    return float(ttest_ind_from_stats(*moments, equal_var=False).pvalue)


def _separate(first: Samples, second: Samples) -> bool:
    if min(len(first), len(second)) < 2:
        return False
    with np.errstate(invalid="ignore"):  # inf
        spread = first.std(ddof=1) + second.std(ddof=1)
        return bool(abs(first.mean() - second.mean()) > spread)


def _large(measure: Measure, first: Samples, second: Samples) -> bool:
    low, high = sorted([float(first.mean()), float(second.mean())])
    if measure.scale == "log":
        return low <= 0 < high or (low > 0 and high >= measure.smallest_effect * low)
    return high - low >= measure.smallest_effect


def _scaled(measure: Measure, first: Samples, second: Samples) -> tuple[Samples, Samples]:
    """Return the logarithms of samples whose factors matter, if they are positive."""
    if measure.scale == "log" and min(first.min(), second.min()) > 0:
        return np.log(first), np.log(second)
    return first, second
