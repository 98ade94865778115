"""Many points at once: for nets and data too small to fill the device with one."""

import torch
from torch import Tensor

from landscape.evaluate.strategy import InBatches, Measure
from landscape.parameters import Parameters


class ManyAtOnce(InBatches):
    """Evaluates several points in one vectorized forward pass (``torch.vmap``)."""

    def _weights(self, coordinates: Tensor) -> Parameters:
        return self._flat.at_many(coordinates, self._forward_dtype)

    def _vectorized(self, measure: Measure) -> Measure:
        vectorized: Measure = torch.vmap(measure, in_dims=(0, None, None))
        return vectorized
