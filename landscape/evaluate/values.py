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


def summary(losses: Tensor, hits: Tensor, *, per_example: bool) -> Tensor:
    """Return the numbers of :class:`Values`, float64, shape (points, 3), on the device.

    Args:
        losses: Loss of every example, float64, shape (points, examples).
        hits: Fraction of right labels of every example, of any type and the same shape.
        per_example: Whether ``losses`` are those of single examples, not batch means.
    """
    num = losses.shape[1]
    means = losses.mean(1)
    if per_example and num > 1:
        # torch's own standard deviation takes five times as long as these two passes.
        squares = (losses - means.unsqueeze(1)).square_().sum(1)
        errors = (squares / (num * (num - 1))).sqrt_()
    else:
        errors = torch.full_like(means, math.nan)
    return torch.stack([means, hits.sum(1, dtype=torch.float64) / num, errors], 1)
