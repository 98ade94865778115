"""Directions of large networks, in few bytes for each parameter."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.brief import brief
from landscape.parameters import Parameters, blocks_of_filters, single_type
from landscape.random_numbers import UNIT

_AT_A_TIME = 2**20  # numbers converted to float64


@dataclass(frozen=True, eq=False)
class CompactDirection(Mapping[str, Tensor]):
    """A normalized random direction in two bytes for each parameter.

    Its tensors are computed when they are read.

    Attributes:
        integers: The random numbers of the parameters that move, as multiples of
            :data:`landscape.random_numbers.UNIT`, int16.
        scales: What normalization multiplies them with, of shapes that broadcast.
        center: The trained parameters: names, shapes, types and device of the direction.
    """

    integers: Mapping[str, Tensor]
    scales: Mapping[str, Tensor]
    center: Parameters

    __repr__ = brief

    def __getitem__(self, name: str) -> Tensor:
        """Return the direction of one parameter; zero without memory if it does not move."""
        tensor = self.center[name]
        dtype = single_type(tensor.dtype)
        if name not in self.integers:
            return torch.zeros((), dtype=dtype, device=tensor.device).expand(tensor.shape)
        result = torch.empty(tensor.shape, dtype=dtype, device=tensor.device)
        for some in blocks_of_filters(tensor, _AT_A_TIME):
            integers, scale = self.factors(name, some)
            result[some] = integers.double() * scale
        return result

    def factors(self, name: str, some: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return some filters of the direction, as integers and what they are multiplied with.

        Args:
            name: Name of a parameter that moves.
            some: The filters, or their indices.
        """
        scale = self.scales[name]
        return self.integers[name][some], UNIT * (scale[some] if len(scale) > 1 else scale)

    def __iter__(self) -> Iterator[str]:
        """Return the names of all parameters."""
        return iter(self.center)

    def __len__(self) -> int:
        """Return the number of all parameters."""
        return len(self.center)

    def to(self, center: Parameters) -> "CompactDirection":
        """Return the direction of the same parameters on another device or in another type.

        Args:
            center: The trained parameters there.
        """
        device = next(iter(center.values())).device
        scales = {
            name: center[name] if scale is self.center[name] else scale.to(device)
            for name, scale in self.scales.items()
        }
        integers = {name: tensor.to(device) for name, tensor in self.integers.items()}
        return CompactDirection(integers, scales, center)
