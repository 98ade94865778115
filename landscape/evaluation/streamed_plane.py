"""A plane of a large network: each tensor of a point is formed when the network reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from landscape.brief import brief
from landscape.compact import CompactDirection
from landscape.parameters import Parameters, blocks_of_filters, is_large, single_type
from landscape.plane import Plane, moved_names
from landscape.unformed import Unformed

_HALF = (torch.float16, torch.bfloat16)

# Numbers that are formed at a time: on a CPU they stay in its cache.
_AT_A_TIME = {"cpu": 2**18, "cuda": 2**24}


def is_streamed(plane: Plane) -> bool:
    """Return whether a plane is evaluated tensor by tensor.

    That of a large network, or of weights of half precision, whose points are sums in float32.

    Args:
        plane: The plane.
    """
    return is_large(plane.center) or any(t.dtype in _HALF for t in plane.center.values())


@dataclass(frozen=True, eq=False)
class StreamedPlane:
    """The points of a plane, of which at most a few tensors exist at a time.

    Attributes:
        plane: The plane.
        moved: Names of the parameters that δ and η move.
        dtype: Type of the points; None for that of each tensor of the center.
    """

    plane: Plane
    moved: tuple[frozenset[str], frozenset[str]]
    dtype: torch.dtype | None

    __repr__ = brief

    @classmethod
    def of(cls, plane: Plane, dtype: torch.dtype | None = None) -> "StreamedPlane":
        """Return the same plane, without a copy.

        Args:
            plane: The plane.
            dtype: Type of the points; by default that of each tensor of the center.
        """
        return cls(plane, (moved_names(plane.delta), moved_names(plane.eta)), dtype)

    def at(self, coordinates: Tensor) -> dict[str, Tensor]:
        """Return θ* + α δ + β η.

        Matrices are formed when they are read, every time again.

        Args:
            coordinates: α and β, shape (2,).
        """
        point = {}
        for name, center in self.plane.center.items():
            dtype = self.dtype or center.dtype
            is_moved = any(name in moved for moved in self.moved)
            if not is_moved and dtype == center.dtype:
                point[name] = center
            elif center.dim() < 2:
                point[name] = self._formed(name, coordinates)
            else:
                point[name] = Unformed(
                    center,
                    dtype,
                    partial(self._formed, name, coordinates),
                    partial(self._formed_rows, name, coordinates),
                )
        return point

    def _formed(self, name: str, coordinates: Tensor) -> Tensor:
        """Return a tensor of a point."""
        center = self.plane.center[name]
        dtype = self.dtype or center.dtype
        result = torch.empty(center.shape, dtype=dtype, device=center.device)
        target, sum_of = _rows(result), self._sum(name, coordinates)
        for some in blocks_of_filters(target, _AT_A_TIME[center.device.type]):
            out = target[some] if dtype == single_type(center.dtype) else None
            part = sum_of(some, out)
            if part is not out:
                target[some] = part
        return result

    def _formed_rows(self, name: str, coordinates: Tensor, index: Tensor) -> Tensor:
        """Return some filters of a tensor of a point, by their indices."""
        rows = self._sum(name, coordinates)(index, None)
        return rows.to(self.dtype or self.plane.center[name].dtype)

    def _sum(
        self, name: str, coordinates: Tensor
    ) -> Callable[[slice | Tensor, Tensor | None], Tensor]:
        """Return what gives some filters of a point, as a sum in float32 or float64."""
        center = _rows(self.plane.center[name])
        work = single_type(center.dtype)
        directions = [
            (_factors(direction, name), coordinate)
            for direction, moved, coordinate in zip(
                (self.plane.delta, self.plane.eta), self.moved, coordinates, strict=True
            )
            if name in moved
        ]

        def sum_of(some: slice | Tensor, out: Tensor | None) -> Tensor:
            result = center[some].to(work)
            for factors, coordinate in directions:
                values, scale = factors(some)
                factor = (scale.double() * coordinate).to(work)
                result = torch.addcmul(result, values.to(work), factor, out=out)
            return result

        return sum_of


def _factors(direction: Parameters, name: str) -> Callable[[slice | Tensor], tuple[Tensor, Tensor]]:
    """Return what gives some filters of a direction as the product of two tensors."""
    if isinstance(direction, CompactDirection):
        return partial(direction.factors, name)
    tensor = _rows(direction[name])
    one = torch.ones((), dtype=torch.float64, device=tensor.device)
    return lambda some: (tensor[some], one)


def _rows(tensor: Tensor) -> Tensor:
    """Return a view with at least one dimension; a tensor that is not formed is, once."""
    return tensor.view(1) if tensor.dim() == 0 else tensor.view(tensor.shape)
