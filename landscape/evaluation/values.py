"""Reduction of per-example losses to the values of a point."""

import math

import torch
from torch import Tensor


def summary(losses: Tensor, *others: Tensor, per_example: bool) -> Tensor:
    """Return the numbers of :class:`~landscape.Values`, float64, shape (points, 3), on the device.

    Args:
        losses: Loss of every example, float64, shape (points, examples).
        *others: The fraction of correct labels of every example, of any type and the same shape;
            or, if examples have weights and the losses are multiplied by them: the weights, and
            the numbers of correct labels and of labels.
        per_example: Whether ``losses`` are those of single examples, not batch means.
    """
    if len(others) > 1:
        return _weighted(losses, *others, per_example=per_example)
    (correct,) = others
    num = losses.shape[1]
    means = losses.mean(1)
    if per_example and num > 1:
        # torch's own standard deviation takes five times as long as these two passes.
        squares = (losses - means.unsqueeze(1)).square_().sum(1)
        errors = (squares / (num * (num - 1))).sqrt_()
    else:
        errors = torch.full_like(means, math.nan)
    return torch.stack([means, correct.sum(1, dtype=torch.float64) / num, errors], 1)


def ratios(*parts: Tensor) -> Tensor:
    """Return the weighted means of metrics, float64, shape (points, metrics).

    Args:
        *parts: For each metric, values times weights and weights of every example, shape (points,
            examples).
    """
    sums = torch.stack([part.sum(1, dtype=torch.float64) for part in parts], 1)
    return sums[:, ::2] / sums[:, 1::2]


def _weighted(
    losses: Tensor, weights: Tensor, correct: Tensor, counted: Tensor, *, per_example: bool
) -> Tensor:
    """Return the ratio Σ w l / Σ w, and its standard error by the delta method.

    An example, as a sequence of tokens, is one unit of the sample (Cochran 1977, section 6.4).
    """
    num, total = losses.shape[1], weights.sum(1)
    ratio = losses.sum(1) / total
    if per_example and num > 1:
        squares = (losses - ratio.unsqueeze(1) * weights).square_().sum(1)
        errors = (squares * num / (num - 1)).sqrt_() / total
    else:
        errors = torch.full_like(ratio, math.nan)
    return torch.stack([ratio, correct.sum(1) / counted.sum(1), errors], 1)
