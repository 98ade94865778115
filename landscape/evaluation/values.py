"""Reduction of per-example losses to the values of a point."""

import math

import torch
from torch import Tensor


def summary(losses: Tensor, correct: Tensor, *, per_example: bool) -> Tensor:
    """Return the numbers of :class:`~landscape.Values`, float64, shape (points, 3), on the device.

    Args:
        losses: Loss of every example, float64, shape (points, examples).
        correct: Fraction of correct labels of every example, of any type and the same shape.
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
    return torch.stack([means, correct.sum(1, dtype=torch.float64) / num, errors], 1)
