"""Which of the nets with equal parameters a checkpoint's weights belong to."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.checkpoints import Checkpoint
from landscape.commands.settings import chosen, has_shortcut, texts
from landscape.models import Architecture

# Images of the comparison: enough for a standard error of 3 %, fewer for wide nets, whose
# forward pass costs the square of the width.
_MOST, _FEWEST = 512, 64
_PER_BATCH = 128
_SIGMAS = 4.0


@dataclass(frozen=True)
class Fit:
    """A net and its accuracy with some weights.

    Attributes:
        net: The net.
        accuracy: Fraction of right labels, 0 to 1.
    """

    net: Architecture
    accuracy: float

    @property
    def options(self) -> str:
        """The options of the command line that name the net."""
        shortcut = [f"--shortcut {self.net.options['shortcut']}"] if has_shortcut(self.net) else []
        settings = [f"--set {each}" for each in texts(chosen(self.net))]
        return " ".join([f"--net {self.net.name}", *shortcut, *settings])


def better_fit(net: Architecture, checkpoint: Checkpoint, x: Tensor, y: Tensor) -> Fit | None:
    """Return the net that the weights belong to, if it is clearly not ``net``.

    All nets whose parameters have the names and shapes of those of ``net`` are evaluated on
    the same images, evenly spaced over the data. Clearly is a difference in accuracy of four
    standard errors of two independent fractions near one half, 12.5 % with 512 images.

    Args:
        net: What is assumed.
        checkpoint: Holds the weights.
        x: Inputs as the net takes them, shape (images, channels, height, width).
        y: Labels, shape (images,).

    Returns:
        None also where the data are not labeled images of the net's channels and classes.
    """
    width = net.fields.get("width", 1)
    num = min(len(x), max(_FEWEST, _MOST // width**2))
    margin = _SIGMAS * math.sqrt(0.5 / max(1, num))
    if margin >= 1 or not _takes(net, x, y):
        return None
    some = torch.linspace(0, len(x) - 1, num, dtype=torch.float64).long()
    x, y = x[some].float(), y[some]
    assumed = _accuracy(net, checkpoint, x, y)
    if assumed + margin >= 1:
        return None
    fits = [Fit(other, _accuracy(other, checkpoint, x, y)) for other in net.alternatives]
    best = max(fits, key=lambda fit: fit.accuracy)
    return best if best.accuracy > assumed + margin else None


def _takes(net: Architecture, x: Tensor, y: Tensor) -> bool:
    if x.dim() != 4 or x.numel() == 0 or y.dim() != 1 or y.is_floating_point():
        return False
    found = {"in_channels": x.shape[1], "image_size": x.shape[2]}
    is_square = x.shape[2] == x.shape[3] or "image_size" not in net.options
    labels_fit = 0 <= int(y.min()) <= int(y.max()) < net.num_classes
    return net.fitted(**found) == net and is_square and labels_fit


def _accuracy(net: Architecture, checkpoint: Checkpoint, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        model = checkpoint.build(net).eval()
        correct = [
            model(inputs).argmax(1) == labels
            for inputs, labels in zip(*(torch.split(t, _PER_BATCH) for t in (x, y)), strict=True)
        ]
    return float(torch.cat(correct).double().mean())
