"""The values of one evaluated point."""

import math
from collections.abc import Mapping
from typing import NamedTuple

Point = tuple[float, float]
"""Coordinates (α, β) on a plane."""


class Values(NamedTuple):
    """The values of one point.

    Attributes:
        loss: Mean loss over the examples; may be inf or nan.
        accuracy: Fraction of correct predictions, 0 to 1; nan without classes.
        standard_error: Standard error of the mean loss; nan if unknown.
        metrics: Further quantities by name; empty if the objective has none.
    """

    loss: float
    accuracy: float
    standard_error: float
    metrics: Mapping[str, float] = {}

    @property
    def is_finite(self) -> bool:
        """Whether the loss and all metrics are finite."""
        return math.isfinite(self.loss) and all(map(math.isfinite, self.metrics.values()))
