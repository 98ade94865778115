"""ConvNeXt (Liu et al. 2022), and smaller nets of its blocks for small images.

Parameters have the names and shapes of the authors' code (facebookresearch/ConvNeXt), so that
their checkpoints can be loaded.
"""

import functools
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import Architecture, register
from landscape.models.regularizers import DropPath

_PUBLISHED = {
    "convnext-tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "convnext-small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "convnext-base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
}
"""Blocks and channels of the stages."""


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of each pixel, of shape (images, channels, h, w)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, D102
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Depthwise 7×7 convolution, LayerNorm, and two 1×1 convolutions with GELU between them.

    Args:
        channels: Channels of input and output.
        layer_scale: Initial factor ``gamma`` of each channel of the output, before the addition.
        drop_path: Probability that the block is skipped for an image in training.
        skip: Whether the input is added to the output.
    """

    def __init__(self, channels: int, layer_scale: float, drop_path: float, skip: bool) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale))
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.drop_path = DropPath(drop_path)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y: Tensor = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        y = self.drop_path(y.permute(0, 3, 1, 2))
        return x + y if self.skip else y


class ConvNeXt(nn.Module):
    """A stem of patches, stages of blocks with a 2×2 convolution between them, a linear layer.

    With and without skip connections, nets have the same parameter names and shapes, and from one
    seed the same initial weights except for the layer scale. Weights have the initial standard
    deviation 1/√inputs: with the authors' 0.02, narrow nets without skip connections do not train.

    Args:
        blocks: Number of blocks of each stage.
        channels: Channels of each stage.
        patch: Height and width of a patch, in pixels.
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        skip: Whether blocks have skip connections.
        layer_scale: Initial layer scale; by default 1e-6, and 1 without skip connections.
        drop_path: Probability that the last block is skipped for an image in training; of the
            others it increases linearly from 0.

    Raises:
        ValueError: Blocks are to be skipped in a net without skip connections.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        channels: Sequence[int],
        patch: int,
        *,
        in_channels: int = 3,
        num_classes: int = 10,
        skip: bool = True,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if drop_path and not skip:
            raise ValueError(f"expected drop_path 0 without skip connections, got {drop_path}")
        scale = (1e-6 if skip else 1.0) if layer_scale is None else layer_scale
        rates = iter(torch.linspace(0, drop_path, sum(blocks), device="cpu").tolist())
        stem = nn.Conv2d(in_channels, channels[0], patch, patch)
        self.downsample_layers = nn.ModuleList(
            [nn.Sequential(stem, LayerNorm2d(channels[0], eps=1e-6))]
        )
        for before, after in itertools.pairwise(channels):
            norm = LayerNorm2d(before, eps=1e-6)
            self.downsample_layers.append(nn.Sequential(norm, nn.Conv2d(before, after, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width, scale, next(rates), skip) for _ in range(num)))
            for num, width in zip(blocks, channels, strict=True)
        )
        self.norm = nn.LayerNorm(channels[-1], eps=1e-6)
        self.head = nn.Linear(channels[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))
        logits: Tensor = self.head(self.norm(x.mean((2, 3))))
        return logits


def _describe(options: Mapping[str, Any]) -> str:
    return "" if options["skip"] else ", without skip connections"


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    """Return the networks that a state_dict fits, with and without skip connections."""
    stem, head = state.get("downsample_layers.0.0.weight"), state.get("head.weight")
    stages = [match for key in state if (match := _BLOCK.fullmatch(key))]
    if stem is None or head is None or not stages or stem.dim() != 4:
        return []
    last = {match[1]: match for match in stages}  # block of each stage
    blocks = tuple(1 + int(match[2]) for match in last.values())
    channels = tuple(len(state[match[0]]) for match in last.values())
    options = {"in_channels": stem.shape[1], "num_classes": head.shape[0]}
    width = channels[0] // 16
    names = [name for name, sizes in _PUBLISHED.items() if sizes == (blocks, channels)]
    if not names and (blocks, channels) == _small(9 * blocks[0] + 2, width):
        names = [f"convnext{9 * blocks[0] + 2}" + (f"x{width}" if width > 1 else "")]
        options["patch"] = stem.shape[2]
    return [Architecture(name, skip=skip, **options) for name in names for skip in (True, False)]


_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.gamma")


def _small(depth: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return blocks and channels of the stages of a net for small images."""
    return ((depth - 2) // 9,) * 3, (16 * width, 32 * width, 64 * width)


@register(
    "convnext{depth}[x{width}]",
    examples=tuple(f"convnext{depth}" for depth in (11, 20, 29, 56, 110)),
    infer=_infer,
    describe=_describe,
)
def convnext(
    depth: int,
    width: int = 1,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    patch: int = 1,
    skip: bool = True,
    layer_scale: float | None = None,
    drop_path: float = 0.0,
) -> ConvNeXt:
    """Return a net for small images: three stages of 16, 32 and 64 channels times the width.

    The depth is 9n+2 with n blocks in each stage: it counts the stem, three layers of each block
    and the linear layer, as for bottleneck nets (He et al. 2016), but not the convolutions between
    the stages.

    Raises:
        ValueError: The depth is not 9n+2 with n of 1 or more.
    """
    if depth % 9 != 2 or depth < 11:
        raise ValueError(f"depth must be 9n+2 (11, 20, 29, …, 56, …, 110), not {depth}")
    return ConvNeXt(
        *_small(depth, width),
        patch,
        in_channels=in_channels,
        num_classes=num_classes,
        skip=skip,
        layer_scale=layer_scale,
        drop_path=drop_path,
    )


for _name, _sizes in _PUBLISHED.items():
    register(_name, examples=(_name,), infer=_infer, describe=_describe)(
        functools.partial(ConvNeXt, *_sizes, 4)
    )
