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
    def of_examples(cls, losses: Tensor, hits: Tensor, *, per_example: bool) -> "list[Values]":
        """Summarize all examples of some points, with one transfer from the device.

        Args:
            losses: Loss of every example, float64, shape (points, examples).
            hits: Fraction of right labels of every example, float64, of the same shape.
            per_example: Whether ``losses`` are those of single examples, not batch means.
        """
        num = losses.shape[1]
        means = losses.mean(1)
        errors = (
            losses.std(1) / math.sqrt(num)
            if per_example and num > 1
            else torch.full_like(means, math.nan)
        )
        return [cls(*each) for each in torch.stack([means, hits.mean(1), errors], 1).tolist()]
