"""Small networks on which plans are checked, and their losses by a naive loop."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import models
from landscape.brief import brief
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point

POINTS: Sequence[Point] = (
    *((0.0, 0.0), (0.02, 0.03), (0.05, 0.0), (-0.1, 0.1)),
    *((0.3, -0.2), (-0.4, 0.3), (0.6, 0.5), (-0.7, -0.6)),
)
"""Points (α, β) at which losses are compared."""

IMAGES_PER_BATCH = 5
"""Does not divide the number of images."""

_NUM_IMAGES, _NUM_CLASSES = 12, 10


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with data.

    Attributes:
        name: Name of the network.
        model: The network, on the CPU in float32.
        images: Its inputs.
        targets: Their labels.
        plane: A plane of its parameters.
        only: The parameters that the plane moves, as of :class:`landscape.Objective`.
        is_compiled: Whether ``torch.compile`` is tried on it, which takes seconds.
    """

    name: str
    model: nn.Module
    images: Tensor
    targets: Tensor
    plane: Plane
    only: str | None = None
    is_compiled: bool = False

    __repr__ = brief

    def objective(
        self,
        device: torch.device,
        dtype: torch.dtype,
        images_per_batch: int | None = IMAGES_PER_BATCH,
    ) -> Objective:
        """Return the objective on a device.

        Args:
            device: The device.
            dtype: Its floating-point type.
            images_per_batch: As of :class:`landscape.Objective`.
        """
        return Objective(
            self.model,
            F.cross_entropy,
            (self.images, self.targets),
            device=device,
            dtype=dtype,
            only=self.only,
            images_per_batch=images_per_batch,
        )

    @cached_property
    def losses(self) -> list[float]:
        """The losses at :data:`POINTS`: in float64 on the CPU, one copy of the model each."""
        return self.losses_at(POINTS)

    def losses_at(self, points: Sequence[Point]) -> list[float]:
        """Return the losses at some points, as :attr:`losses`.

        Args:
            points: (α, β) of each.
        """
        return [self._loss(alpha, beta) for alpha, beta in points]

    @torch.no_grad()
    def _loss(self, alpha: float, beta: float) -> float:
        point = copy.deepcopy(self.model).double().eval()
        for name, parameter in point.named_parameters():
            parameter.add_(self.plane.delta[name].double(), alpha=alpha)
            parameter.add_(self.plane.eta[name].double(), alpha=beta)
        return float(F.cross_entropy(point(self.images.double()), self.targets))


def subjects() -> list[Subject]:
    """Return a residual network with BatchNorm, a perceptron and a transformer."""
    return [
        _subject("resnet8", 32),
        _subject("resnet8", 32, only="linear.*"),
        replace(_subject("mlp3x32", 8, image_size=8), is_compiled=True),
        _subject("vit2", 8, image_size=8, patch=2, width=32, heads=2),
    ]


def residual(name: str = "resnet8", num_images: int = _NUM_IMAGES) -> Subject:
    """Return a residual network with BatchNorm.

    Args:
        name: Its name.
        num_images: Number of images.
    """
    return _subject(name, 32, num_images)


def _subject(
    name: str, side: int, num: int = _NUM_IMAGES, only: str | None = None, **options: Any
) -> Subject:
    """Return a network of random weights, with BatchNorm statistics of random images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = models.create(name, **options)
        images, targets = torch.randn(num, 3, side, side), torch.randint(_NUM_CLASSES, (num,))
        with torch.no_grad():
            model.train()(torch.randn(64, 3, side, side))
    model.eval()
    data = (images[:IMAGES_PER_BATCH], targets[:IMAGES_PER_BATCH])
    some = Objective(model, F.cross_entropy, data, device="cpu", only=only)
    plane = Plane.random(some.center)
    title = name if only is None else f"{name}, {only} alone"
    return Subject(title, model, images, targets, plane, only)


def deviation(losses: Sequence[float], expected: Sequence[float]) -> float:
    """Return the largest relative deviation; infinite where a loss is not finite.

    Args:
        losses: Losses.
        expected: What they should be.
    """
    pairs = zip(losses, expected, strict=True)
    return max(abs(a - b) / abs(b) if math.isfinite(a) else math.inf for a, b in pairs)
