"""Accuracies as fractions and as percentages, which are converted without a change of value."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOST_EXAMPLES = 10**6


def to_fractions(percentages: Array) -> Array:
    """Return percentages divided by 100.

    Args:
        percentages: Any shape.

    Returns:
        For quotients ``100 k / n`` with n up to a million, exactly the double of ``k / n``.
    """
    return _times(percentages, Fraction(1, 100))


def to_percentages(fractions: Array) -> Array:
    """Return fractions times 100: the percentages that :func:`to_fractions` got.

    PyTorch computes percentages in float32; they are found again.

    Args:
        fractions: Any shape.

    Example:
        >>> to_percentages(to_fractions(np.array([100 * np.float32(1 / 3), 100 * 2 / 7])))
        array([33.33333588, 28.57142857])
    """
    percentages = _times(fractions, Fraction(100))
    single = percentages.astype(np.float32).astype(np.float64)
    return np.where(single / 100 == fractions, single, percentages)


def _times(values: Array, factor: Fraction) -> Array:
    """Return values times a factor, rounded once: first to quotients of small integers."""
    result = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    found, places = np.unique(values[finite], return_inverse=True)
    products = []
    for value in found.tolist():
        simple = Fraction(value).limit_denominator(_MOST_EXAMPLES)
        products.append(float((simple if float(simple) == value else Fraction(value)) * factor))
    result[finite] = np.array(products, dtype=np.float64)[places]
    return result
