"""Plain and residual nets for small images (He et al. 2016, section 4.2)."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import Architecture, register

FORMS = "resnetD or plainD with depth D = 20, 32, 44, 56, 110 (6n+2), wider as resnet56x4"

Shortcut = Literal["A", "A-centered", "B", "none"]
SHORTCUTS: tuple[str, ...] = get_args(Shortcut)[:-1]
"""Those of residual nets."""


class Block(nn.Module):
    """Two 3×3 convolutions. The shortcut is the only thing plain and residual nets differ in.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        stride: Stride of the first convolution.
        shortcut: ``none`` for a plain net. Else the identity; where the shape changes,
            ``A`` and ``A-centered`` have no parameters: they take every ``stride``-th pixel
            and add channels of zeros (see :class:`PadShortcut`), ``A`` after the input's
            channels, ``A-centered`` before and after them. ``B`` is a 1×1 convolution with
            BatchNorm.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.residual = shortcut != "none"
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            extra = channels - in_channels
            if shortcut == "A":
                self.shortcut = PadShortcut(0, extra, stride)
            elif shortcut == "A-centered":
                self.shortcut = PadShortcut(extra // 2, extra - extra // 2, stride)
            elif shortcut == "B":
                self.shortcut = nn.Sequential(
                    nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                    nn.BatchNorm2d(channels),
                )

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x) if self.residual else y)


class PadShortcut(nn.Module):
    """Option A: subsample, and add channels of zeros. No parameters.

    With d more output than input channels, option A has (0, d) of them before and after the
    input's channels. The centered form has (⌊d/2⌋, ⌈d/2⌉): where the channels double, a
    quarter of the output's channels at each end, as in a widely used implementation for
    CIFAR-10 (akamaster/pytorch_resnet_cifar10).

    Args:
        before: Channels of zeros before the input's.
        after: Channels of zeros after the input's.
        stride: Take every ``stride``-th pixel along both axes.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.before = before
        self.after = after
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        pixels = x[:, :, :: self.stride, :: self.stride]
        return F.pad(pixels, (0, 0, 0, 0, self.before, self.after))


class ResNet(nn.Module):
    """A net of depth 6n+2: one convolution, three stages of n blocks, one linear layer.

    Plain (``shortcut="none"``) and option-A nets of one depth, centered or not, have the same
    parameter names and shapes, and from one seed the same initial weights. Any image size
    works: the last feature map is averaged over all its pixels.

    Args:
        depth: 6n+2: 20, 32, 44, 56, 110, ….
        width: Multiple of the channels 16, 32, 64 of the three stages.
        shortcut: See :class:`Block`.
        in_channels: Channels of the images.
        num_classes: Number of outputs.

    Raises:
        ValueError: The depth is not 6n+2 with n of 1 or more, or the width is below 1.
    """

    def __init__(
        self,
        depth: int,
        width: int = 1,
        shortcut: Shortcut = "A",
        in_channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        blocks, remainder = divmod(depth - 2, 6)
        if remainder or blocks < 1:
            raise ValueError(f"depth must be 6n+2 (8, 14, 20, …, 56, …, 110), not {depth}")
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width}")
        channels = [16 * width, 32 * width, 64 * width]
        self.conv1 = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.layer1 = _stage(channels[0], channels[0], blocks, 1, shortcut)
        self.layer2 = _stage(channels[0], channels[1], blocks, 2, shortcut)
        self.layer3 = _stage(channels[1], channels[2], blocks, 2, shortcut)
        self.linear = nn.Linear(channels[2], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(torch.mean(x, dim=(2, 3)))
        return logits


def _stage(
    in_channels: int, channels: int, blocks: int, stride: int, shortcut: Shortcut
) -> nn.Sequential:
    first = Block(in_channels, channels, stride, shortcut)
    rest = [Block(channels, channels, 1, shortcut) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def _describe(options: Mapping[str, Any]) -> str:
    """Return the shortcut of a residual network.

    Raises:
        ValueError: No such type of shortcut.
    """
    if options["shortcut"] not in SHORTCUTS:
        raise ValueError(
            f"expected a shortcut of {', '.join(SHORTCUTS)}, got {options['shortcut']!r}"
        )
    return f", shortcut {options['shortcut']}"


def _describe_plain(options: Mapping[str, Any]) -> str:
    """Return nothing: the shortcut has no effect."""
    _describe(options)
    return ""


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    """Return the residual and plain networks that a state_dict fits.

    Plain networks, shortcuts A and A-centered have no parameters in their shortcuts, so that
    weights alone do not determine which of the three they belong to. Shortcut B is recognized.
    """
    conv, linear = state.get("conv1.weight"), state.get("linear.weight")
    found = [match for key in state if (match := _BLOCK.match(key))]
    if conv is None or linear is None or conv.dim() != 4 or {m[1] for m in found} != _STAGES:
        return []
    width, remainder = divmod(conv.shape[0], 16)
    blocks = 1 + max(int(match[2]) for match in found)
    if remainder or not width:
        return []
    size = f"{6 * blocks + 2}" + (f"x{width}" if width > 1 else "")
    options = {"in_channels": conv.shape[1], "num_classes": linear.shape[0]}
    if any(".shortcut.0." in key for key in state):
        return [Architecture(f"resnet{size}", shortcut="B", **options)]
    return [
        Architecture(f"resnet{size}", shortcut="A", **options),
        Architecture(f"resnet{size}", shortcut="A-centered", **options),
        Architecture(f"plain{size}", **options),
    ]


_STAGES = {"layer1", "layer2", "layer3"}
_BLOCK = re.compile(r"(layer\d)\.(\d+)\.")
_DEPTHS = (20, 32, 44, 56, 110)


@register(
    "resnet{depth}[x{width}]",
    examples=tuple(f"resnet{depth}" for depth in _DEPTHS),
    infer=_infer,
    describe=_describe,
)
def residual(
    depth: int,
    width: int = 1,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    shortcut: Shortcut = "A",
) -> ResNet:
    """Return a residual network; see :class:`ResNet`."""
    return ResNet(depth, width, shortcut, in_channels, num_classes)


@register(
    "plain{depth}[x{width}]",
    examples=tuple(f"plain{depth}" for depth in _DEPTHS),
    infer=_infer,
    describe=_describe_plain,
)
def plain(
    depth: int,
    width: int = 1,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    shortcut: Shortcut = "A",  # noqa: ARG001  # as of the residual network that it matches
) -> ResNet:
    """Return a plain network: a residual one without its shortcuts."""
    return ResNet(depth, width, "none", in_channels, num_classes)
