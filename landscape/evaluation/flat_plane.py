"""A plane as vectors, so that a point costs one pass over memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.brief import brief
from landscape.plane import Plane

# Every tensor starts at a multiple of this many numbers: at 128 bytes in half precision. The
# kernels of cuDNN need 16 bytes, and some fail with less.
_ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class FlatPlane:
    """The points of a plane, as views into one vector each.

    Attributes:
        center: θ*, shape (numbers,).
        moves: δ and η, of the same device and type, shape (2, numbers).
        places: Where each tensor lies: its first number, and its shape.
        channels_last: Names of tensors of four dimensions that lie in channels-last order.
    """

    center: Tensor
    moves: Tensor
    places: Mapping[str, tuple[int, torch.Size]]
    channels_last: frozenset[str]

    __repr__ = brief

    @classmethod
    def of(cls, plane: Plane, channels_last: frozenset[str] = frozenset()) -> "FlatPlane":
        """Return the same plane, in the same type."""
        places, start = {}, 0
        for name, tensor in plane.center.items():
            places[name] = (start, tensor.shape)
            start += -(-tensor.numel() // _ALIGNMENT) * _ALIGNMENT
        center, delta, eta = (
            torch.cat([_line(tensors[name], name in channels_last) for name in places])
            for tensors in (plane.center, plane.delta, plane.eta)
        )
        return cls(center, torch.stack([delta, eta]), places, channels_last)

    def at(self, coordinates: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return θ* + α δ + β η, rounded to ``dtype`` at the end.

        Args:
            coordinates: α and β, shape (2,).
            dtype: Of the result.
        """
        vector = torch.addcmul(self.center, self.moves[0], coordinates[0])
        return self._views(vector.addcmul_(self.moves[1], coordinates[1]).to(dtype))

    def at_many(self, coordinates: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return many points; every tensor has one more dimension in front, shape (points,).

        Args:
            coordinates: α and β of each, shape (points, 2).
            dtype: Of the result.
        """
        return self._views(torch.addmm(self.center, coordinates, self.moves).to(dtype))

    def _views(self, vectors: Tensor) -> dict[str, Tensor]:
        many = vectors.shape[:-1]
        views = {}
        for name, (start, shape) in self.places.items():
            part = vectors[..., start : start + shape.numel()]
            if name in self.channels_last:
                out, channels, height, width = shape
                view = part.view(*many, out, height, width, channels).movedim(-1, len(many) + 1)
            else:
                view = part.view((*many, *shape))
            views[name] = view
        return views


def _line(tensor: Tensor, channels_last: bool) -> Tensor:
    line = (tensor.permute(0, 2, 3, 1) if channels_last else tensor).reshape(-1)
    return F.pad(line, (0, -len(line) % _ALIGNMENT))
