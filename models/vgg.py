"""VGG-9 for small images, as in the code of Li et al. (2018).

Seven 3×3 convolutions and two linear layers; BatchNorm and ReLU follow all but the last. In the
paper it is the net without skip connections that is trained with small and large batches. Source:
tomgoldstein/loss-landscape, cifar10/models/vgg.py; the parameters have its names and shapes.
"""

import math
from collections.abc import Mapping

from torch import Tensor, nn

from landscape.models.registry import Architecture, register

_STAGES = ((64, 64), (128, 128), (256, 256, 256))
"""Channels of the convolutions; each stage ends with 2×2 max pooling."""


class VGG(nn.Module):
    """Stages of convolutions and max pooling, one hidden linear layer, one linear layer.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        image_size: Height and width of the images, in pixels.
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 10, image_size: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, size = in_channels, image_size
        for stage in _STAGES:
            for channels in stage:
                conv = nn.Conv2d(before, channels, 3, padding=1)
                layers += [conv, nn.BatchNorm2d(channels), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            size = (size + 1) // 2
        self.features = nn.Sequential(*layers)
        hidden = nn.Linear(before * size**2, before)
        self.fc = nn.Sequential(hidden, nn.BatchNorm1d(before), nn.ReLU())
        self.classifier = nn.Linear(before, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        logits: Tensor = self.classifier(self.fc(self.features(x).flatten(1)))
        return logits


def _infer(state: Mapping[str, Tensor]) -> list[Architecture]:
    """Return VGG-9 of the largest image size that a state_dict fits, a multiple of 8."""
    convolutions = [
        each for key, each in state.items() if key.startswith("features.") and each.dim() == 4
    ]
    hidden, last = state.get("fc.0.weight"), state.get("classifier.weight")
    if [len(each) for each in convolutions] != [
        channels for stage in _STAGES for channels in stage
    ]:
        return []  # a deeper net of the same code has the same names
    if hidden is None or last is None:
        return []
    options = {
        "in_channels": convolutions[0].shape[1],
        "num_classes": last.shape[0],
        "image_size": 8 * math.isqrt(hidden.shape[1] // hidden.shape[0]),
    }
    return [Architecture("vgg9", **options)]


@register("vgg9", examples=("vgg9",), infer=_infer)
def vgg9(*, in_channels: int = 3, num_classes: int = 10, image_size: int = 32) -> VGG:
    """Return VGG-9."""
    return VGG(in_channels, num_classes, image_size)
