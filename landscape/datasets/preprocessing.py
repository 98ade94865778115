"""Normalization of images per channel."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.errors import DataError


@dataclass(frozen=True)
class Preprocessing:
    """How images become inputs: ``(pixel - mean) / std`` per channel, pixels from 0 to 1.

    Attributes:
        mean: One number per channel, or one for all; on the scale from 0 to 1.
        std: Likewise.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise ValueError("means must be finite, standard deviations finite and positive")

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return inputs, float32, of the shape of ``pixels``: (images, channels, …).

        Integers are taken as 0 to 255, floating-point pixels as 0 to 1.

        Raises:
            DataError: The number of channels is another.
        """
        values = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
        channels = pixels.shape[1] if pixels.dim() > 1 else 1
        if {len(self.mean), len(self.std)} - {1, channels}:
            raise DataError(
                f"the preprocessing has {len(self.mean)} means and {len(self.std)} standard "
                f"deviations, the images have {channels} channels"
            )
        shape = (1, -1, *[1] * (pixels.dim() - 2))
        return (values - torch.tensor(self.mean).view(shape)) / torch.tensor(self.std).view(shape)

    def __str__(self) -> str:
        return "/".join(",".join(f"{x:.6g}" for x in numbers) for numbers in (self.mean, self.std))

    @classmethod
    def parse(cls, text: str) -> "Preprocessing":
        """Read a named preprocessing, or numbers as ``M,M,M/S,S,S``.

        Returns:
            The preprocessing.

        Raises:
            ValueError: The text is neither.
        """
        if text in PREPROCESSINGS:
            return PREPROCESSINGS[text]
        try:
            mean, std = (tuple(map(float, part.split(","))) for part in text.split("/"))
            return cls(mean, std)
        except ValueError:
            raise ValueError(
                f"preprocessing must be one of {', '.join(PREPROCESSINGS)}, or means and "
                f"positive standard deviations as 0.5,0.5,0.5/0.2,0.2,0.2, not {text!r}"
            ) from None


def of_255(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    """Return a preprocessing from numbers on the scale from 0 to 255.

    Args:
        mean: Mean per channel.
        std: Standard deviation per channel.
    """
    return Preprocessing(tuple(x / 255 for x in mean), tuple(x / 255 for x in std))


NO_PREPROCESSING = Preprocessing((0.0,), (1.0,))

PREPROCESSINGS = {
    "paper": of_255((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
    "imagenet": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "none": NO_PREPROCESSING,
}
"""Named ones: the paper's for CIFAR-10, the one usual for ImageNet, and pixels from 0 to 1."""
