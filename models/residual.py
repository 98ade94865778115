"""Plain and residual nets for small images (He et al. 2016, section 4.2), and their variants."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.norms import NORMS, Norm, norm
from landscape.models.registry import Architecture, register
from landscape.models.regularizers import DropPath, MultiplicativeNoise, conv2d

Shortcut = Literal["A", "A-centered", "B", "none"]
SHORTCUTS: tuple[str, ...] = get_args(Shortcut)[:-1]
"""Those of residual nets."""

BlockType = Literal["basic", "bottleneck"]
NormPosition = Literal["before", "after"]
Activation = Literal["relu", "gelu"]

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
_CHOICES = {
    "block": get_args(BlockType),
    "norm": NORMS,
    "norm_position": get_args(NormPosition),
    "activation": get_args(Activation),
}


@dataclass(frozen=True)
class BlockOptions:
    """What all blocks of a net have in common.

    Attributes:
        shortcut: ``none`` for a plain net. Else the identity; where the shape changes,
            ``A`` and ``A-centered`` have no parameters: they take every ``stride``-th pixel
            and add channels of zeros (see :class:`PadShortcut`), ``A`` after the input's
            channels, ``A-centered`` before and after them. ``B`` is a 1×1 convolution, with a
            normalization unless it is a pre-activation block.
        block: ``basic`` has two 3×3 convolutions; ``bottleneck`` a 1×1, a 3×3 and a 1×1
            convolution, the first two with a quarter of the channels.
        preactivation: Normalization and activation come before each convolution, and nothing
            after the addition (He et al. 2016, Identity Mappings in Deep Residual Networks).
        norm: The normalization, see :func:`~landscape.models.norms.norm`. Without it the
            convolutions have biases.
        norm_position: Whether it is ``before`` or ``after`` the activation: the last one of a
            block after the addition, where the block has an activation.
        activation: ``relu`` or ``gelu``.
        dropout: Probability that a value between the convolutions of a block is dropped
            (Zagoruyko & Komodakis 2016).
        drop_path: Probability that the last block is dropped, for each image; it rises
            linearly with the number of the block (Huang et al. 2016). No effect in plain nets.
        drop_connect: Probability that a weight of a block's convolutions is dropped.
        noise: Strength of the multiplicative noise between the convolutions of a block.

    Raises:
        ValueError: A name is unknown.
    """

    shortcut: Shortcut = "A"
    block: BlockType = "basic"
    preactivation: bool = False
    norm: Norm = "batch"
    norm_position: NormPosition = "before"
    activation: Activation = "relu"
    dropout: float = 0.0
    drop_path: float = 0.0
    drop_connect: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                names = f"{', '.join(known[:-1])} or {known[-1]}"
                raise ValueError(f"expected {name} {names}, got {value!r}")

    def activated(self, normalization: nn.Module, x: Tensor) -> Tensor:
        """Return ``x`` after normalization and activation, in their order."""
        activation = _ACTIVATIONS[self.activation]
        if self.norm_position == "before":
            return activation(normalization(x))
        normalized: Tensor = normalization(activation(x))
        return normalized


class Block(nn.Module):
    """Two or three convolutions. Plain and residual nets differ only in the shortcut.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        stride: Stride of the first 3×3 convolution.
        options: What all blocks have in common.
        drop_path: Probability that the block is dropped.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        options: BlockOptions,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.options = options
        inner, has_bias = channels // 4, options.norm == "none"
        shapes = {  # channels of input and output, size, stride
            "basic": [(in_channels, channels, 3, stride), (channels, channels, 3, 1)],
            "bottleneck": [
                (in_channels, inner, 1, 1),
                (inner, inner, 3, stride),
                (inner, channels, 1, 1),
            ],
        }[options.block]
        self.num_layers = len(shapes)
        for number, (before, after, size, step) in enumerate(shapes, 1):
            conv = conv2d(
                before, after, size, step, bias=has_bias, drop_connect=options.drop_connect
            )
            normalized = before if options.preactivation else after
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", norm(options.norm, normalized))  # the usual name
        self.regularizers = nn.Sequential()
        if options.dropout:
            self.regularizers.append(nn.Dropout(options.dropout))
        if options.noise:
            self.regularizers.append(MultiplicativeNoise(options.noise))
        self.drop_path = DropPath(drop_path)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            extra = channels - in_channels
            if options.shortcut == "A":
                self.shortcut = PadShortcut(0, extra, stride)
            elif options.shortcut == "A-centered":
                self.shortcut = PadShortcut(extra // 2, extra - extra // 2, stride)
            elif options.shortcut == "B":
                conv = conv2d(in_channels, channels, 1, stride, bias=has_bias)
                last = [] if options.preactivation else [norm(options.norm, channels)]
                self.shortcut = nn.Sequential(conv, *last)

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """All but that of the shortcut."""
        return [getattr(self, f"conv{number}") for number in range(1, self.num_layers + 1)]

    @property
    def normalizations(self) -> list[nn.Module]:
        """One for each convolution."""
        return [getattr(self, f"bn{number}") for number in range(1, self.num_layers + 1)]

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        options, convs, norms = self.options, self.convolutions, self.normalizations
        first = options.activated(norms[0], x) if options.preactivation else x
        y = convs[0](first)
        between = norms[1:] if options.preactivation else norms[:-1]
        for conv, normalization in zip(convs[1:], between, strict=True):
            y = conv(self.regularizers(options.activated(normalization, y)))
        # The convolution of a pre-activation block's shortcut has the same input as the first.
        short = first if isinstance(self.shortcut, nn.Sequential) else x
        if options.preactivation:
            return self._sum(y, short)
        if options.norm_position == "after":
            return options.activated(norms[-1], self._sum(y, short))
        return _ACTIVATIONS[options.activation](self._sum(norms[-1](y), short))

    def _sum(self, y: Tensor, x: Tensor) -> Tensor:
        if self.options.shortcut == "none":
            return y
        total: Tensor = self.drop_path(y) + self.shortcut(x)
        return total


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

    Bottleneck nets have the depth 9n+2. Plain (``shortcut="none"``) and option-A nets of one
    depth, centered or not, have the same parameter names and shapes, and from one seed the same
    initial weights (with a normalization). Any image size works: the last feature map is averaged
    over all its pixels.

    Weights are initialized for ReLU (He et al. 2015), which alone keeps the variance in plain nets
    without normalization. In residual nets without it, where the variance would double with every
    block, the last convolution of each of the L blocks starts at zero and those before it are
    smaller, as in Fixup (Zhang, Dauphin & Ma 2019): of m convolutions, by the factor L^(-1/(2m-2)).

    Args:
        depth: 6n+2: 20, 32, 44, 56, 110, …; or 9n+2.
        width: Multiple of the channels 16, 32, 64 of the three stages.
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        options: The blocks; the channels of bottleneck blocks are four times as many.

    Raises:
        ValueError: The depth does not fit the block, or the width is below 1.
    """

    def __init__(
        self,
        depth: int,
        width: int = 1,
        in_channels: int = 3,
        num_classes: int = 10,
        options: BlockOptions = BlockOptions(),
    ) -> None:
        super().__init__()
        self.options = options
        is_bottleneck = options.block == "bottleneck"
        unit = 9 if is_bottleneck else 6
        blocks, remainder = divmod(depth - 2, unit)
        if remainder or blocks < 1:
            examples = "11, 20, 29, …, 164" if is_bottleneck else "8, 14, 20, …, 56, …, 110"
            raise ValueError(f"depth must be {unit}n+2 ({examples}), not {depth}")
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width}")
        first = 16 * width
        channels = [first * each * (4 if is_bottleneck else 1) for each in (1, 2, 4)]
        drop_paths = [options.drop_path * (k + 1) / (3 * blocks) for k in range(3 * blocks)]
        self.conv1 = conv2d(in_channels, first, 3, bias=options.norm == "none")
        if not options.preactivation:
            self.bn1 = norm(options.norm, first)
        self.layer1 = _stage(first, channels[0], 1, options, drop_paths[:blocks])
        self.layer2 = _stage(channels[0], channels[1], 2, options, drop_paths[blocks:-blocks])
        self.layer3 = _stage(channels[1], channels[2], 2, options, drop_paths[-blocks:])
        if options.preactivation:
            self.bn = norm(options.norm, channels[2])
        self.linear = nn.Linear(channels[2], num_classes)
        self._initialize()

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.options.norm == "none" and self.options.shortcut != "none":
            blocks = [module for module in self.modules() if isinstance(module, Block)]
            for block in blocks:
                *inner, last = (conv.weight.data for conv in block.convolutions)
                last.zero_()
                for weight in inner:
                    weight.mul_(len(blocks) ** (-0.5 / len(inner)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        x = self.conv1(x)
        if not self.options.preactivation:
            x = self.options.activated(self.bn1, x)
        x = self.layer3(self.layer2(self.layer1(x)))
        if self.options.preactivation:
            x = self.options.activated(self.bn, x)
        logits: Tensor = self.linear(torch.mean(x, dim=(2, 3)))
        return logits


def _stage(
    in_channels: int,
    channels: int,
    stride: int,
    options: BlockOptions,
    drop_paths: Sequence[float],
) -> nn.Sequential:
    first = Block(in_channels, channels, stride, options, drop_paths[0])
    rest = [Block(channels, channels, 1, options, each) for each in drop_paths[1:]]
    return nn.Sequential(first, *rest)


def _describe_plain(options: Mapping[str, Any]) -> str:
    """Return what a network computes other than by default, without its shortcut.

    Raises:
        ValueError: No such type of shortcut.
    """
    if options["shortcut"] not in SHORTCUTS:
        raise ValueError(
            f"expected a shortcut of {', '.join(SHORTCUTS)}, got {options['shortcut']!r}"
        )
    default = BlockOptions()
    others = (key for key in _CHOICES if options[key] != getattr(default, key))
    preactivation = ", preactivation" if options["preactivation"] else ""
    return preactivation + "".join(f", {key} {options[key]}" for key in others)


def _describe(options: Mapping[str, Any]) -> str:
    return f", shortcut {options['shortcut']}{_describe_plain(options)}"


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    """Return the residual and plain networks that a state_dict fits.

    Plain networks, shortcuts A and A-centered have no parameters in their shortcuts, so that
    weights alone do not determine which of the three they belong to; nor do they distinguish layer
    from group normalization, or, without normalization, where the activations are. Shortcut B,
    bottleneck blocks and all else of normalization and preactivation are recognized. The position
    of the normalization and the activation are assumed to be the default ones.
    """
    conv, linear = state.get("conv1.weight"), state.get("linear.weight")
    found = [match for key in state if (match := _BLOCK.match(key))]
    if conv is None or linear is None or conv.dim() != 4 or {m[1] for m in found} != _STAGES:
        return []
    width, remainder = divmod(conv.shape[0], 16)
    if remainder or not width:
        return []
    block = "bottleneck" if "layer1.0.conv3.weight" in state else "basic"
    unit = 9 if block == "bottleneck" else 6
    blocks = 1 + max(int(match[2]) for match in found)
    size = f"{unit * blocks + 2}" + (f"x{width}" if width > 1 else "")
    if "layer1.0.bn1.running_mean" in state:
        norms = ["batch"]
    else:
        norms = ["layer", "group"] if "layer1.0.bn1.weight" in state else ["none"]
    preactivations = [False, True] if norms == ["none"] else ["bn.weight" in state]
    shapes = {"in_channels": conv.shape[1], "num_classes": linear.shape[0], "block": block}
    if any(".shortcut.0." in key for key in state):
        nets = [(f"resnet{size}", "B")]
    else:
        nets = [(f"resnet{size}", "A"), (f"resnet{size}", "A-centered"), (f"plain{size}", "A")]
    return [
        Architecture(name, shortcut=shortcut, norm=each, preactivation=preactivation, **shapes)
        for preactivation in preactivations
        for each in norms
        for name, shortcut in nets
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
    block: BlockType = "basic",
    preactivation: bool = False,
    norm: Norm = "batch",
    norm_position: NormPosition = "before",
    activation: Activation = "relu",
    dropout: float = 0.0,
    drop_path: float = 0.0,
    drop_connect: float = 0.0,
    noise: float = 0.0,
) -> ResNet:
    """Return a residual network; see :class:`ResNet` and :class:`BlockOptions`."""
    options = BlockOptions(
        shortcut=shortcut,
        block=block,
        preactivation=preactivation,
        norm=norm,
        norm_position=norm_position,
        activation=activation,
        dropout=dropout,
        drop_path=drop_path,
        drop_connect=drop_connect,
        noise=noise,
    )
    return ResNet(depth, width, in_channels, num_classes, options)


@register(
    "plain{depth}[x{width}]",
    examples=tuple(f"plain{depth}" for depth in _DEPTHS),
    infer=_infer,
    describe=_describe_plain,
)
@functools.wraps(residual, assigned=())
def plain(*args: Any, **options: Any) -> ResNet:
    """Return a plain network: a residual one without its shortcuts, of the same options."""
    return residual(*args, **{**options, "shortcut": "none"})
