"""A step recorded once as a CUDA graph, and replayed at every other point."""

import torch
from torch import Tensor

from landscape.devices import Recording
from landscape.evaluation.strategy import Strategy


class CudaGraph(Strategy):
    """Launches all kernels of another strategy's step with one call.

    Args:
        strategy: What is recorded, on a GPU.

    Raises:
        RuntimeError: The net or the loss waits for the device, so that it cannot be recorded.
    """

    fixed_shape = True

    def __init__(self, strategy: Strategy) -> None:
        self.points_per_batch = strategy.points_per_batch
        self.images_per_batch = strategy.images_per_batch
        self.device, self.dtype, self.timer = strategy.device, strategy.dtype, strategy.timer
        self.metrics = strategy.metrics
        self._coordinates = coordinates = torch.zeros(
            self.points_per_batch, 2, dtype=self.dtype, device=self.device
        )
        self._recorded = strategy  # whose tensors the graph reads
        self._recording = Recording(lambda: strategy.step(coordinates), self.device)

    def step(self, coordinates: Tensor) -> Tensor:  # noqa: D102
        with self.timer("forward"):
            self._coordinates.copy_(coordinates)
            return self._recording.replay()
