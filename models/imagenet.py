"""Residual nets for ImageNet (He et al. 2016, table 1), as torchvision has them.

Parameters have the names and shapes of torchvision's, so that its checkpoints can be loaded. As
there, the stride of a bottleneck block is in its 3×3 convolution ("version 1.5").
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import Architecture, register

_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of the four stages by depth: basic ones up to 34, else bottleneck ones."""


class BasicBlock(nn.Module):
    """Two 3×3 convolutions.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        stride: Stride of the first convolution.
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _projection(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + _shortcut(self.downsample, x))


class Bottleneck(nn.Module):
    """A 1×1, a 3×3 and a 1×1 convolution.

    Args:
        in_channels: Channels of the input.
        channels: Channels between the convolutions, a quarter of those of the output.
        stride: Stride of the 3×3 convolution.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + _shortcut(self.downsample, x))


def _projection(in_channels: int, channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
    )


def _shortcut(projection: nn.Module | None, x: Tensor) -> Tensor:
    return x if projection is None else projection(x)


class ImageNetResNet(nn.Module):
    """A 7×7 convolution, max pooling, four stages of blocks, one linear layer.

    Any image size works: the last feature map, 32 times smaller than the image, is averaged over
    all its pixels.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: Channels of the images.
        num_classes: Number of outputs.

    Raises:
        ValueError: The depth is another one.
    """

    def __init__(self, depth: int, in_channels: int = 3, num_classes: int = 1000) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise ValueError(f"depth must be {', '.join(map(str, _BLOCKS))}, not {depth}")
        block = BasicBlock if depth <= 34 else Bottleneck
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        first, second, third, fourth = _BLOCKS[depth]
        self.layer1 = _stage(block, 64, 64, first, 1)
        self.layer2 = _stage(block, 64 * block.expansion, 128, second, 2)
        self.layer3 = _stage(block, 128 * block.expansion, 256, third, 2)
        self.layer4 = _stage(block, 256 * block.expansion, 512, fourth, 2)
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer2(self.layer1(x))
        x = self.layer4(self.layer3(x))
        logits: Tensor = self.fc(torch.mean(x, dim=(2, 3)))
        return logits


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    channels: int,
    blocks: int,
    stride: int,
) -> nn.Sequential:
    rest = [block(channels * block.expansion, channels, 1) for _ in range(blocks - 1)]
    return nn.Sequential(block(in_channels, channels, stride), *rest)


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    conv, fc = state.get("conv1.weight"), state.get("fc.weight")
    if conv is None or fc is None or conv.dim() != 4 or fc.dim() != 2:
        return []
    parts = {tuple(key.split(".")[:2]) for key in state if key.startswith("layer")}
    blocks = tuple(sum(part[0] == f"layer{stage}" for part in parts) for stage in (1, 2, 3, 4))
    is_bottleneck = "layer1.0.conv3.weight" in state
    return [
        Architecture(f"imagenet-resnet{depth}", in_channels=conv.shape[1], num_classes=fc.shape[0])
        for depth, each in _BLOCKS.items()
        if each == blocks and is_bottleneck == (depth > 34)
    ]


@register(
    "imagenet-resnet{depth}",
    examples=tuple(f"imagenet-resnet{depth}" for depth in _BLOCKS),
    infer=_infer,
)
def imagenet_resnet(depth: int, *, in_channels: int = 3, num_classes: int = 1000) -> ImageNetResNet:
    """Return a residual network; see :class:`ImageNetResNet`."""
    return ImageNetResNet(depth, in_channels, num_classes)
