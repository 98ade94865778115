"""A step recorded once as a CUDA graph, and replayed at every other point."""

from typing import Any

import torch
from torch import Tensor

from landscape.evaluation.strategy import Strategy

_WARM_UP = 3


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
        self._coordinates = torch.zeros(
            self.points_per_batch, 2, dtype=self.dtype, device=self.device
        )
        here = torch.cuda.current_stream(self.device)
        aside: Any = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        with torch.no_grad(), torch.cuda.device(self.device):
            aside.wait_stream(here)
            with torch.cuda.stream(aside):  # libraries set themselves up outside of a recording
                for _ in range(_WARM_UP):
                    strategy.step(self._coordinates)
            here.wait_stream(aside)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._values = strategy.step(self._coordinates)
        self._recorded = strategy  # whose tensors the graph reads

    def step(self, coordinates: Tensor) -> Tensor:  # noqa: D102
        with self.timer("forward"):
            self._coordinates.copy_(coordinates)
            self._graph.replay()
            return self._values.clone()
