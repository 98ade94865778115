"""One point at a time, all images in batches."""

from collections.abc import Iterator, Sequence

import torch

from landscape.evaluate.flat import FlatPlane
from landscape.evaluate.network import Network
from landscape.evaluate.values import Point, Values
from landscape.objective import Objective


class OneByOne:
    """Evaluates one point after the other.

    The weights of a point are one pass over memory; images stay on the device in the type
    and layout of the computation, and nothing waits for the device inside a point.

    Args:
        objective: What is averaged over which data.
        network: The net, as it is or rewritten.
        dtype: Floating-point type of the forward pass; the loss is computed in that of the
            objective.
        images_per_batch: Images in one forward pass.
    """

    def __init__(
        self,
        objective: Objective,
        network: Network,
        *,
        dtype: torch.dtype,
        images_per_batch: int,
    ) -> None:
        self._objective, self._network, self._dtype = objective, network, dtype
        self.images_per_batch = images_per_batch
        self.points_per_batch = 1
        self._flat = FlatPlane.of(network.plane, network.channels_last)
        inputs = objective.inputs
        if inputs.is_floating_point():
            inputs = inputs.to(dtype)
        if network.channels_last and inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        self._batches = list(
            zip(
                torch.split(inputs, images_per_batch),
                torch.split(objective.targets, images_per_batch),
                strict=True,
            )
        )

    def __str__(self) -> str:
        return f"one point at a time, {self._network.name}"

    @torch.no_grad()
    def __call__(self, points: Sequence[Point]) -> Iterator[Values]:
        """Yield the values of each point, in order."""
        objective = self._objective
        for alpha, beta in points:
            parameters = self._flat.at(alpha, beta, self._dtype)
            measured = [
                objective.measure(self._network.forward(parameters, x), y) for x, y in self._batches
            ]
            losses, hits = (torch.cat(parts) for parts in zip(*measured, strict=True))
            yield from Values.of_examples(
                losses.unsqueeze(0), hits.unsqueeze(0), per_example=objective.loss.per_example
            )
