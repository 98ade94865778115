"""One point at a time, all images in batches."""

from torch import Tensor

from landscape.evaluate.strategy import InBatches, Measure
from landscape.parameters import Parameters


class OneByOne(InBatches):
    """Evaluates one point after the other.

    The weights of a point are one pass over memory.
    """

    def _weights(self, coordinates: Tensor) -> Parameters:
        return self._flat.at(coordinates[0], self._forward_dtype)

    def _vectorized(self, measure: Measure) -> Measure:
        def of_one(parameters: Parameters, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            losses, hits = measure(parameters, x, y)
            return losses.unsqueeze(0), hits.unsqueeze(0)

        return of_one
