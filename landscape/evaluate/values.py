"""What is known of one point of a plane once it is evaluated."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

Point = tuple[float, float]
"""Coordinates (alpha, beta) on a plane."""


class Values(NamedTuple):
    """The values of one point.

    Attributes:
        loss: Mean loss over the examples; may be inf or nan.
        accuracy: Fraction of right labels, 0 to 1; nan where there is no such thing.
        standard_error: Standard error of the mean loss; nan where it is not known.
    """

    loss: float
    accuracy: float
    standard_error: float

    @classmethod
    def of_examples(cls, losses: Tensor, hits: Tensor, *, per_example: bool) -> "Values":
        """Summarize all examples of one point, with one transfer from the device.

        Args:
            losses: Loss of every example, float64, shape (examples,).
            hits: Fraction of right labels of every example, float64, shape (examples,).
            per_example: Whether ``losses`` are those of single examples, not batch means.
        """
        num = len(losses)
        error = (
            losses.std() / math.sqrt(num)
            if per_example and num > 1
            else losses.new_tensor(math.nan)
        )
        return cls(*torch.stack([losses.mean(), hits.mean(), error]).tolist())
