"""The plane through the space of weights on which the loss is looked at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.brief import brief
from landscape.directions import Normalization, normalize, random_direction
from landscape.parameters import Parameters, check_match, inner_product

# Beyond rounding: part of a squared length that is left at right angles.
_ON_A_LINE = 1e-10


@dataclass(frozen=True, eq=False)
class Plane:
    """The points θ* + α δ + β η.

    The directions need not be orthogonal (random ones in high dimension nearly are).

    Attributes:
        center: θ*, the trained parameters.
        delta: δ, the direction of α.
        eta: η, the direction of β.

    Raises:
        ParameterMismatchError: A direction's names or shapes are not the center's.
    """

    center: Parameters
    delta: Parameters
    eta: Parameters

    __repr__ = brief

    def __post_init__(self) -> None:
        check_match(self.delta, self.center, "direction delta")
        check_match(self.eta, self.center, "direction eta")

    @classmethod
    def random(cls, center: Parameters, seed: int, how: Normalization = "filter") -> "Plane":
        """Return the plane along two random directions that the seed determines.

        Raises:
            ValueError: The seed is negative, or no parameter has two or more dimensions,
                so that both directions would be zero.
        """
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be 0 or more and below 2^63, not {seed}")
        if not any(tensor.dim() > 1 for tensor in center.values()):
            raise ValueError(
                "no parameter has two or more dimensions, so random directions are zero "
                "(biases and normalization layers are not perturbed): give directions"
            )
        delta, eta = (
            normalize(random_direction(center, seed, axis), center, how) for axis in (0, 1)
        )
        return cls(center, delta, eta)

    @classmethod
    def through(
        cls, center: Parameters, first: Parameters, second: Parameters | None = None
    ) -> "Plane":
        """Return the plane through two or three points, with a true scale.

        δ leads from the center to the first: that lies at (1, 0). η is at right angles to δ
        and of the same length, so that distances on the plane are those between the weights
        (Garipov et al. 2018, section 3); with no second point it is zero, and the plane a
        line.

        Raises:
            ParameterMismatchError: Names or shapes differ.
            ValueError: Two of the points are the same, or the three are on one line.
        """
        check_match(first, center, "the first point")
        delta = {name: first[name] - tensor for name, tensor in center.items()}
        size = inner_product(delta, delta)
        if size == 0:
            raise ValueError("the first point is the center: there is no direction to it")
        if second is None:
            return cls(center, delta, {name: torch.zeros_like(t) for name, t in center.items()})
        check_match(second, center, "the second point")
        to_second = {name: second[name] - tensor for name, tensor in center.items()}
        along = inner_product(to_second, delta) / size
        across = {name: tensor - along * delta[name] for name, tensor in to_second.items()}
        rest = inner_product(across, across)
        if rest <= _ON_A_LINE * inner_product(to_second, to_second):
            raise ValueError("the points are the same, or on one line: they span no plane")
        scale = math.sqrt(size / rest)
        return cls(center, delta, {name: scale * tensor for name, tensor in across.items()})

    def at(self, alpha: float, beta: float) -> dict[str, Tensor]:
        """Return θ* + alpha δ + beta η, computed from the center, of the center's types."""
        return {
            name: center + alpha * self.delta[name] + beta * self.eta[name]
            for name, center in self.center.items()
        }

    def project(self, parameters: Parameters) -> tuple[float, float]:
        """Return the coordinates (alpha, beta) of the plane's point nearest to ``parameters``.

        Nearest in the Euclidean norm over all parameters.

        Where η is zero the plane is a line, and beta is 0.

        Raises:
            ParameterMismatchError: Names or shapes are not the center's.
            ValueError: The directions are parallel or zero: coordinates are not unique.
        """
        check_match(parameters, self.center, "the point to project")
        offset = {name: parameters[name] - center for name, center in self.center.items()}
        basis = (self.delta, self.eta)
        gram = np.array([[inner_product(a, b) for b in basis] for a in basis])
        if gram[1, 1] == 0 < gram[0, 0]:
            return float(inner_product(self.delta, offset) / gram[0, 0]), 0.0
        if np.linalg.matrix_rank(gram, hermitian=True) < 2:
            raise ValueError("the directions are parallel or zero: the plane is not a plane")
        alpha, beta = np.linalg.solve(gram, [inner_product(a, offset) for a in basis])
        return float(alpha), float(beta)

    def distance(self, parameters: Parameters) -> float:
        """Return the Euclidean distance of ``parameters`` from the plane.

        Zero where it is no more than the rounding of weights of their type.

        Raises:
            ParameterMismatchError: Names or shapes are not the center's.
            ValueError: The directions are parallel or zero.
        """
        nearest = self.at(*self.project(parameters))
        apart = {name: parameters[name].double() - t.double() for name, t in nearest.items()}
        distance = math.sqrt(inner_product(apart, apart))
        types = {tensor.dtype for tensor in nearest.values()}
        rounding = 4 * max(torch.finfo(dtype).eps for dtype in types)
        return distance if distance > rounding * _length(parameters) else 0.0

    def to(self, device: torch.device, dtype: torch.dtype) -> "Plane":
        """Return the same plane on another device or with another floating-point type."""

        def move(tensors: Parameters) -> Mapping[str, Tensor]:
            return {name: tensor.to(device, dtype) for name, tensor in tensors.items()}

        return Plane(move(self.center), move(self.delta), move(self.eta))


def _length(parameters: Parameters) -> float:
    return math.sqrt(inner_product(parameters, parameters))


def still(center: Parameters) -> Plane:
    """Return the plane whose directions are zero: the center alone."""
    zero = {name: torch.zeros_like(tensor) for name, tensor in center.items()}
    return Plane(center, zero, zero)
