"""The values of one evaluated point."""

from typing import NamedTuple

Point = tuple[float, float]
"""Coordinates (α, β) on a plane."""


class Values(NamedTuple):
    """The values of one point.

    Attributes:
        loss: Mean loss over the examples; may be inf or nan.
        accuracy: Fraction of correct predictions, 0 to 1; nan without classes.
        standard_error: Standard error of the mean loss; nan if unknown.
    """

    loss: float
    accuracy: float
    standard_error: float
