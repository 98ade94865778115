"""Noise of a training: stochastic depth, DropConnect, multiplicative noise.

Each is off in evaluation mode, where it would have its expected value. Dropout is torch's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): drops the branch of a residual block for an image.

    In training an image's branch is 0 with probability ``p`` and otherwise divided by 1 - p, so
    that its expected value is the branch.

    Args:
        p: Probability of being dropped, from 0 to below 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = _checked(p)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if not self.training or self.p == 0:
            return x
        shape = (x.shape[0],) + (1,) * (x.dim() - 1)
        return x * F.dropout(torch.ones(shape, dtype=x.dtype, device=x.device), self.p)

    def extra_repr(self) -> str:  # noqa: D102
        return f"p={self.p}"


class MultiplicativeNoise(nn.Module):
    """Multiplies every value by its own noise, uniform around 1.

    With the strength 1 it is noise from 0 to 1, divided by its mean 1/2.

    Args:
        strength: Half of the width of the noise, from 0 to 1.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        if not 0 <= strength <= 1:
            raise ValueError(f"expected a strength of noise from 0 to 1, got {strength}")
        self.strength = strength

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if not self.training or self.strength == 0:
            return x
        return x * (1 + self.strength * (2 * torch.rand_like(x) - 1))

    def extra_repr(self) -> str:  # noqa: D102
        return f"strength={self.strength}"


class DropConnectConv2d(nn.Conv2d):
    """A convolution whose weights are dropped in training (DropConnect, Wan et al. 2013).

    A weight is 0 with probability ``p`` and otherwise divided by 1 - p, the same weights for
    all images of a batch.
    """

    p = 0.0

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, D102
        weight = F.dropout(self.weight, self.p, self.training)
        outputs: Tensor = self._conv_forward(input, weight, self.bias)
        return outputs


def conv2d(
    in_channels: int,
    channels: int,
    size: int,
    stride: int = 1,
    *,
    bias: bool = False,
    drop_connect: float = 0.0,
) -> nn.Conv2d:
    """Return a convolution whose output is ``stride`` times smaller than its input.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        size: Height and width of the filters, odd.
        stride: Step of the filters.
        bias: Whether every filter has a bias.
        drop_connect: Probability that a weight is dropped in training.

    Returns:
        The convolution.
    """
    if drop_connect == 0:
        return nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=bias)
    layer = DropConnectConv2d(in_channels, channels, size, stride, size // 2, bias=bias)
    layer.p = _checked(drop_connect)
    return layer


def _checked(p: float) -> float:
    if not 0 <= p < 1:
        raise ValueError(f"expected a probability from 0 to below 1, got {p}")
    return float(p)
