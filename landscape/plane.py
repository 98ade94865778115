"""The plane in parameter space on which the loss is sampled."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from landscape.brief import brief
from landscape.compact import CompactDirection
from landscape.directions import Normalization, random_pair
from landscape.facts import Facts
from landscape.grid import Interval
from landscape.overlays import Mark, Trajectory
from landscape.parameters import (
    Center,
    Parameters,
    check_match,
    fingerprint,
    inner_product,
    norm,
    single_type,
)

# Beyond rounding: fraction of a squared length that is orthogonal.
_ON_A_LINE = 1e-10


@dataclass(frozen=True, eq=False)
class Plane:
    """The points θ* + α δ + β η.

    The directions need not be orthogonal (random ones in high dimension nearly are).

    Attributes:
        center: θ*, the trained parameters.
        delta: δ, the direction of α.
        eta: η, the direction of β; zero where the plane is a line.
        origin: Facts that determine the plane, for the settings of a scan; without any, the
            fingerprint of the directions is recorded.
        stored: Whether a file of a scan must hold δ and η as arrays, since no recipe
            reproduces them bit for bit.
        alpha: Range along δ that shows what is marked, if something is.
        beta: Range along η, likewise.
        marks: Labeled checkpoints projected onto the plane.
        trajectories: Sequences of checkpoints projected onto it.

    Raises:
        ParameterMismatchError: A direction's names or shapes are not the center's.
    """

    center: Parameters
    delta: Parameters
    eta: Parameters
    _: KW_ONLY
    origin: Facts = field(default_factory=dict)
    stored: bool = False
    alpha: Interval | None = None
    beta: Interval | None = None
    marks: Sequence[Mark] = ()
    trajectories: Sequence[Trajectory] = ()

    __repr__ = brief

    def __post_init__(self) -> None:
        for name, direction in (("delta", self.delta), ("eta", self.eta)):
            if not isinstance(direction, CompactDirection):  # which is made for its center
                check_match(direction, self.center, f"direction {name}")

    @classmethod
    def random(
        cls,
        center: Parameters,
        seed: int = 0,
        normalization: Normalization = "filter",
        *,
        recipe: int = 2,
    ) -> "Plane":
        """Return the plane along two random directions that the seed determines.

        Biases and normalization layers do not move. Which parameters belong to normalization
        layers is known for the center of an :class:`~landscape.Objective`; in other
        parameters, those with at most one dimension are taken for them.

        Args:
            center: The trained parameters, as ``objective.center``.
            seed: Random seed of the directions.
            normalization: Normalization of the directions: ``filter`` (Li et al. 2018),
                ``layer``, ``weight`` or ``none``.
            recipe: Recipe of the directions, a key of :data:`landscape.directions.RECIPES`.

        Raises:
            ValueError: The seed is negative, or no parameter has two or more dimensions, so
                that both directions would be zero.

        Example:
            >>> import torch
            >>> center = {"weight": torch.ones(3, 4), "bias": torch.zeros(3)}
            >>> plane = Plane.random(center, seed=0)
            >>> float(plane.delta["weight"][0].norm())  # the filter's own norm
            2.0
        """
        delta, eta, name = random_pair(center, seed, normalization, recipe)
        origin: Facts = {"seed": seed, "normalize": normalization, "directions": name}
        return cls(center, delta, eta, origin=origin)

    @classmethod
    def through(
        cls, center: Parameters, first: Parameters, second: Parameters | None = None
    ) -> "Plane":
        """Return the isometric plane through two or three points.

        δ leads from the center to the first point, which lies at (1, 0). η is orthogonal to δ
        and of the same length, so that distances in the plane are those between the parameters
        (Garipov et al. 2018, section 3). With no second point η is zero, and the plane a line.

        Args:
            center: The point at (0, 0).
            first: The point at (1, 0).
            second: A third point.

        Raises:
            ParameterMismatchError: Names or shapes differ.
            ValueError: Two of the points are equal, or the three lie on one line.
        """
        check_match(first, center, "the first point")
        delta = {name: first[name] - tensor for name, tensor in center.items()}
        size = inner_product(delta, delta)
        if size == 0:
            raise ValueError(
                "Cannot define a direction: the first two checkpoints have identical weights."
            )
        if second is None:
            zero = {name: torch.zeros_like(t) for name, t in center.items()}
            return cls(center, delta, zero, stored=True)
        check_match(second, center, "the second point")
        to_second = {name: second[name] - tensor for name, tensor in center.items()}
        along = inner_product(to_second, delta) / size
        across = {name: tensor - along * delta[name] for name, tensor in to_second.items()}
        rest = inner_product(across, across)
        if rest <= _ON_A_LINE * inner_product(to_second, to_second):
            raise ValueError("the points are equal, or lie on one line: they span no plane")
        scale = math.sqrt(size / rest)
        eta = {name: scale * tensor for name, tensor in across.items()}
        return cls(center, delta, eta, stored=True)

    @property
    def is_line(self) -> bool:
        """Whether η is zero."""
        return not any(bool(tensor.any()) for tensor in self.eta.values())

    @property
    def settings(self) -> Facts:
        """The facts that determine the plane, for the settings of a scan."""
        if "seed" in self.origin:
            return self.origin
        pair = {
            f"{axis}/{key}": tensor
            for axis, direction in (("delta", self.delta), ("eta", self.eta))
            for key, tensor in direction.items()
        }
        return {**self.origin, "directions": f"given, {fingerprint(pair)}"}

    def with_directions(self, delta: Parameters, eta: Parameters) -> "Plane":
        """Return the plane with other directions, which take the center's device and type.

        Args:
            delta: δ.
            eta: η.
        """
        here, there = (
            {
                name: tensor.to(self.center[name].device, single_type(self.center[name].dtype))
                for name, tensor in direction.items()
            }
            for direction in (delta, eta)
        )
        return replace(self, delta=here, eta=there)

    def at(self, alpha: float, beta: float) -> dict[str, Tensor]:
        """Return θ* + α δ + β η, of the center's types.

        Sums are of type float32 or float64, and rounded once.

        Args:
            alpha: Coordinate along δ.
            beta: Coordinate along η.
        """
        return {name: self._tensor(name, alpha, beta) for name in self.center}

    def _tensor(self, name: str, alpha: float, beta: float) -> Tensor:
        center = self.center[name]
        return (center + alpha * self.delta[name] + beta * self.eta[name]).to(center.dtype)

    @property
    def moved(self) -> frozenset[str]:
        """Names of the tensors that some direction moves."""
        return moved_names(self.delta) | moved_names(self.eta)

    def project(self, parameters: Parameters) -> tuple[float, float]:
        """Return the coordinates (α, β) of the plane's point nearest to ``parameters``.

        Nearest in the Euclidean norm over all parameters. Where η is zero the plane is a
        line, and β is 0.

        Args:
            parameters: Any point of parameter space.

        Raises:
            ParameterMismatchError: Names or shapes are not the center's.
            ValueError: The directions are linearly dependent.
        """
        check_match(parameters, self.center, "the point to project")
        products = np.zeros((2, 3))
        for name, center in self.center.items():  # one tensor at a time
            basis = [self.delta[name].double(), self.eta[name].double()]
            offset = parameters[name].double() - center.double()
            products += [[float((a * b).sum()) for b in (*basis, offset)] for a in basis]
        gram, along = products[:, :2], products[:, 2]
        if gram[1, 1] == 0 < gram[0, 0]:
            return float(along[0] / gram[0, 0]), 0.0
        if np.linalg.matrix_rank(gram, hermitian=True) < 2:
            raise ValueError("directions are linearly dependent; coordinates are not unique")
        alpha, beta = np.linalg.solve(gram, along)
        return float(alpha), float(beta)

    def distance(self, parameters: Parameters) -> float:
        """Return the Euclidean distance of ``parameters`` from the plane.

        Zero where it is no more than the rounding of their type.

        Args:
            parameters: Any point of parameter space.

        Raises:
            ParameterMismatchError: Names or shapes are not the center's.
            ValueError: The directions are linearly dependent.
        """
        alpha, beta = self.project(parameters)
        squared = sum(
            float((parameters[name].double() - self._tensor(name, alpha, beta)).square().sum())
            for name in self.center
        )
        distance = math.sqrt(squared)
        rounding = 4 * max(torch.finfo(tensor.dtype).eps for tensor in self.center.values())
        return distance if distance > rounding * norm(parameters) else 0.0

    def to(self, device: torch.device, dtype: torch.dtype) -> "Plane":
        """Return the plane on another device or with another floating-point type.

        Args:
            device: The device.
            dtype: The type of the center; with half precision each tensor of it keeps its own.
                Directions are at least of type float32.
        """
        keeps = single_type(dtype) != dtype
        center: Parameters = {
            name: tensor.to(device, tensor.dtype if keeps else dtype)
            for name, tensor in self.center.items()
        }
        if isinstance(self.center, Center):
            center = Center(center, self.center.unmoved)

        def moved(direction: Parameters) -> Parameters:
            if isinstance(direction, CompactDirection):
                return direction.to(center)
            return {name: t.to(device, single_type(dtype)) for name, t in direction.items()}

        return replace(self, center=center, delta=moved(self.delta), eta=moved(self.eta))


def moved_names(direction: Parameters) -> frozenset[str]:
    """Return the names of the tensors in which a direction is not zero.

    Args:
        direction: The direction.
    """
    if isinstance(direction, CompactDirection):
        return frozenset(direction.integers)
    return frozenset(name for name, tensor in direction.items() if bool(tensor.any()))
