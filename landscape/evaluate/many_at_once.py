"""Many points at once: for nets and data too small to fill the device with one."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from landscape.evaluate.flat import FlatPlane
from landscape.evaluate.network import Network
from landscape.evaluate.values import Point, Values
from landscape.objective import Objective


class ManyAtOnce:
    """Evaluates several points in one vectorized forward pass (``torch.vmap``).

    Args:
        objective: What is averaged over which data.
        network: The net.
        points_per_batch: Points in one forward pass.
        images_per_batch: Images in one forward pass.
    """

    def __init__(
        self,
        objective: Objective,
        network: Network,
        *,
        points_per_batch: int,
        images_per_batch: int,
    ) -> None:
        self._objective, self._network = objective, network
        self.points_per_batch, self.images_per_batch = points_per_batch, images_per_batch
        self._flat = FlatPlane.of(network.plane, network.channels_last)
        self._batches = list(
            zip(
                torch.split(objective.inputs, images_per_batch),
                torch.split(objective.targets, images_per_batch),
                strict=True,
            )
        )

    def __str__(self) -> str:
        return f"{self.points_per_batch} points at once, {self._network.name}"

    @torch.no_grad()
    def __call__(self, points: Sequence[Point]) -> Iterator[Values]:
        """Yield the values of each point, in order."""
        objective = self._objective
        measure = torch.vmap(self._measure, in_dims=(0, None, None))
        for start in range(0, len(points), self.points_per_batch):
            chunk = points[start : start + self.points_per_batch]
            coordinates = torch.tensor(chunk, dtype=torch.float64, device=objective.inputs.device)
            parameters = self._flat.at_many(*coordinates.to(self._flat.center.dtype).T)
            measured = [measure(parameters, x, y) for x, y in self._batches]
            losses, hits = (torch.cat(parts, 1) for parts in zip(*measured, strict=True))
            yield from Values.of_examples(losses, hits, per_example=objective.loss.per_example)

    def _measure(
        self, parameters: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self._objective.measure(self._network.forward(parameters, x), y)
