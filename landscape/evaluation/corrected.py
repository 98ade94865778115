"""Low precision, corrected: a control variate (Owen 2013, Monte Carlo theory, section 8.9).

All examples are evaluated in low precision, and some of them, drawn at random, in full precision
as well. The mean difference of these corrects the mean of all: the result has the expectation of
the mean in full precision, and the standard error of the correction is added to the point's own.
"""

import math

import torch
from torch import Tensor

from landscape.data import Data
from landscape.evaluation.strategy import BatchedStrategy, Strategy
from landscape.objective import Objective


def drawn(objective: Objective, num: int, seed: int = 0) -> Objective:
    """Return an objective with some of its examples, drawn at random without replacement.

    Args:
        objective: The objective; its examples can be regrouped.
        num: Number of examples.
        seed: Random seed.
    """
    generator = torch.Generator().manual_seed(seed)
    index = torch.randperm(objective.num_images, generator=generator)[:num].sort().values
    batch = objective.data.at(index.to(objective.device))
    return objective.replaced(data=Data((batch,), True))


def correction(differences: Tensor, num_all: int) -> tuple[Tensor, Tensor]:
    """Return the mean difference of all examples and its standard error, shape (points,) each.

    Args:
        differences: Of the examples that were drawn, float64, shape (points, examples).
        num_all: Number of all examples.
    """
    num = differences.shape[1]
    left_out = math.sqrt(max(0.0, 1 - num / num_all))
    return differences.mean(1), differences.std(1) / math.sqrt(num) * left_out


class Corrected(Strategy):
    """Computes values in low precision, and corrects them by those of some examples in full.

    Args:
        everything: Computes all examples in low precision.
        low: Computes those drawn, in low precision.
        full: Computes those drawn, in full precision.
        num_all: Number of all examples.
    """

    points_per_batch = 1
    fixed_shape = False

    def __init__(
        self, everything: BatchedStrategy, low: BatchedStrategy, full: BatchedStrategy, num_all: int
    ) -> None:
        self._everything, self._low, self._full, self._num_all = everything, low, full, num_all
        self.images_per_batch = everything.images_per_batch
        self.device, self.dtype = everything.device, everything.dtype
        self.metrics, self.timer = everything.metrics, everything.timer

    def step(self, coordinates: Tensor) -> Tensor:  # noqa: D102
        self._everything.timer = self.timer
        values = self._everything.step(coordinates)
        low, full = self._low.examples(coordinates), self._full.examples(coordinates)
        (loss, error), (accuracy, _) = (
            correction(of_full.double() - of_low.double(), self._num_all)
            for of_full, of_low in zip(full[:2], low[:2], strict=True)
        )
        errors = torch.hypot(values[:, 2], error)
        return torch.stack([values[:, 0] + loss, values[:, 1] + accuracy, errors], 1)
