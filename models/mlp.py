"""Fully connected nets: deep linear nets and multilayer perceptrons."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import Architecture, register

Activation = Literal["relu", "gelu"]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)

Init = Literal["kaiming", "identity", "zero"]
INITS: tuple[str, ...] = get_args(Init)

_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class MLP(nn.Module):
    """Linear layers, with a nonlinearity between them or none.

    Args:
        sizes: Numbers of inputs, of units of each hidden layer, and of outputs.
        activation: Nonlinearity between the layers; None for a linear net, without biases.
        init: Initial weights: ``kaiming``: normal, keeping the variance of the activations
            (He et al. 2015); ``identity``: 1 on the diagonal; ``zero``. Biases are 0.
        init_noise: Standard deviation of normal noise that is added to all initial weights.

    Raises:
        ValueError: No such activation or initialization.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Activation | None = "relu",
        init: Init = "kaiming",
        init_noise: float = 0.0,
    ) -> None:
        super().__init__()
        if activation not in (*ACTIVATIONS, None):
            raise ValueError(
                f"expected an activation of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        if init not in INITS:
            raise ValueError(f"expected an init of {', '.join(INITS)}, got {init!r}")
        self.activation = activation
        layers = [
            nn.Linear(inputs, outputs, bias=activation is not None)
            for inputs, outputs in itertools.pairwise(sizes)
        ]
        for layer in layers:
            is_linear = activation is None or layer is layers[-1]
            _initialize(layer, init, init_noise, "linear" if is_linear else "relu")
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs, shape (examples, outputs), of x, shape (examples, …), flattened."""
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = layer(x)
            if self.activation is not None:
                x = _FUNCTIONS[self.activation](x)
        outputs: Tensor = self.layers[-1](x)
        return outputs


def _initialize(
    layer: nn.Linear, init: Init, noise: float, nonlinearity: Literal["linear", "relu"]
) -> None:
    if init == "kaiming":
        nn.init.kaiming_normal_(layer.weight, nonlinearity=nonlinearity)
    elif init == "identity":
        nn.init.eye_(layer.weight)
    else:
        nn.init.zeros_(layer.weight)
    if noise:
        with torch.no_grad():
            layer.weight.add_(torch.randn_like(layer.weight), alpha=noise)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    """Return the networks that a state_dict fits.

    Inputs are images of three channels or one where their number allows it, else vectors.
    """
    weights = [tensor for key, tensor in state.items() if key.endswith(".weight")]
    widths = {len(weight) for weight in weights[:-1]}
    bare = {f"layers.{layer}.weight" for layer in range(len(weights))}
    biased = bare | {f"layers.{layer}.bias" for layer in range(len(weights))}
    if not weights or len(widths) > 1 or state.keys() not in (bare, biased):
        return []
    inputs = weights[0].shape[1]
    sides = [(channels, math.isqrt(inputs // channels)) for channels in (3, 1)]
    images = [(channels, side) for channels, side in sides if channels * side**2 == inputs]
    channels, side = (*images, (inputs, 1))[0]
    options = {"in_channels": channels, "num_classes": len(weights[-1]), "image_size": side}

    def name(form: str, default: int) -> str:
        return form + str(len(weights)) + "".join(f"x{n}" for n in widths if n != default)

    if state.keys() == bare:
        return [Architecture(name("linear", inputs), **options)]
    return [Architecture(name("mlp", _WIDTH), activation=each, **options) for each in ACTIVATIONS]


_WIDTH = 256


@register("linear{depth}[x{width}]", examples=("linear2", "linear4", "linear8"), infer=_infer)
def linear(
    depth: int,
    width: int | None = None,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    init: Init = "kaiming",
    init_noise: float = 0.0,
) -> MLP:
    """Return a deep linear net without biases: the product of ``depth`` matrices.

    A hidden layer has by default as many units as the input, so that with as many outputs all
    matrices are square. A vector is an image of one pixel.

    Example:
        >>> net = linear(3, in_channels=4, image_size=1, num_classes=4)
        >>> [tuple(weight.shape) for weight in net.parameters()]
        [(4, 4), (4, 4), (4, 4)]
    """
    inputs = in_channels * image_size**2
    sizes = [inputs, *[width or inputs] * (depth - 1), num_classes]
    return MLP(sizes, None, init, init_noise)


def _describe(options: Mapping[str, Any]) -> str:
    return f", activation {options['activation']}"


@register(
    "mlp{depth}[x{width}]",
    examples=("mlp2", "mlp4", "mlp8"),
    infer=_infer,
    describe=_describe,
)
def mlp(
    depth: int,
    width: int = _WIDTH,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    activation: Activation = "relu",
    init: Init = "kaiming",
    init_noise: float = 0.0,
) -> MLP:
    """Return a multilayer perceptron of ``depth`` linear layers with biases.

    A vector is an image of one pixel.
    """
    sizes = [in_channels * image_size**2, *[width] * (depth - 1), num_classes]
    return MLP(sizes, activation, init, init_noise)
