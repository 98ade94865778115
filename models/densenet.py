"""DenseNet-121 (Huang et al. 2017) for small images.

As in a widely used implementation for CIFAR-10 (kuangliu/pytorch-cifar), which is also the one of
Li et al. (2018): the stem is one 3×3 convolution without pooling. The parameters have its names
and shapes. The last feature map is averaged over all its pixels, so that any image size of 8 or
more works.
"""

import re
from collections import Counter
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import Architecture, register

_LAYERS = (6, 12, 24, 16)
"""Dense layers of the four stages."""


class DenseLayer(nn.Module):
    """A 1×1 and a 3×3 convolution, each after BatchNorm and ReLU; the output precedes the input.

    Args:
        in_channels: Channels of the input.
        growth: Channels that are added to them.
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        return torch.cat([y, x], 1)


class Transition(nn.Module):
    """BatchNorm, ReLU, a 1×1 convolution to half of the channels, 2×2 average pooling.

    Args:
        in_channels: Channels of the input.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """One convolution, four stages of dense layers with transitions between, one linear layer.

    Args:
        growth: Channels that each dense layer adds.
        in_channels: Channels of the images.
        num_classes: Number of outputs.
    """

    def __init__(self, growth: int = 32, in_channels: int = 3, num_classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        stages: list[nn.Module] = []
        for num in _LAYERS:
            if stages:
                stages.append(Transition(channels))
                channels //= 2
            layers = [DenseLayer(channels + i * growth, growth) for i in range(num)]
            stages.append(nn.Sequential(*layers))
            channels += num * growth
        self.dense1, self.trans1, self.dense2, self.trans2, *last = stages
        self.dense3, self.trans3, self.dense4 = last
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        x = self.trans1(self.dense1(self.conv1(x)))
        x = self.trans3(self.dense3(self.trans2(self.dense2(x))))
        x = F.relu(self.bn(self.dense4(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    first, last = state.get("conv1.weight"), state.get("linear.weight")
    layers = Counter(match[1] for key in state if (match := _LAYER.fullmatch(key)))
    if first is None or last is None or tuple(layers.values()) != _LAYERS:
        return []
    options = {
        "in_channels": first.shape[1],
        "num_classes": last.shape[0],
        "growth": first.shape[0] // 2,
    }
    return [Architecture("densenet121", **options)]


_LAYER = re.compile(r"dense(\d)\.\d+\.conv2\.weight")


@register("densenet121", examples=("densenet121",), infer=_infer)
def densenet121(*, in_channels: int = 3, num_classes: int = 10, growth: int = 32) -> DenseNet:
    """Return DenseNet-121."""
    return DenseNet(growth, in_channels, num_classes)
