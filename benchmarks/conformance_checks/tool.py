"""What a check asks of a tool, and what it hands back."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from conformance_checks.problems import Problem, State, state_of

Array = NDArray[np.float64]


class NotOfferedError(Exception):
    """The tool does not offer what a check needs; the text says what."""


@dataclass(frozen=True)
class Scan:
    """Losses over a grid: ``losses[i, j]`` belongs to ``(alphas[i], betas[j])``."""

    alphas: Array
    betas: Array
    losses: Array

    @property
    def center(self) -> tuple[int, int]:
        """Indices of the point nearest to (0, 0)."""
        return int(np.abs(self.alphas).argmin()), int(np.abs(self.betas).argmin())


@dataclass(frozen=True)
class Visits:
    """The parameters and buffers with which each element of a scan was evaluated."""

    scan: Scan
    states: list[list[State]]


@dataclass(frozen=True)
class Leading:
    """The Hessian's eigenvalue of largest magnitude, if a tool returns it, and its vector."""

    value: float | None
    vector: Tensor


class Tool(abc.ABC):
    """A tool by its documented interface.

    Attributes:
        name: Its name as its registry spells it.
        calls: What is called for random planes, given directions, pictures and eigenvalues.
        remarks: What its documentation or source says of behavior that the checks measure.
        square: Whether it scans only as many points along one axis as along the other.
    """

    name: ClassVar[str]
    calls: ClassVar[Mapping[str, str]]
    remarks: ClassVar[Mapping[str, str]] = {}
    square: ClassVar[bool] = True

    @abc.abstractmethod
    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan about points×points of a random plane, filter-normalized if it offers that."""

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan the plane along two directions, over [-1, 1]² if the tool lets one choose."""
        raise NotOfferedError("scans no given directions")

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        """Return the matplotlib figure of the contour lines of such a scan."""
        raise NotOfferedError("draws nothing")

    def leading(self, problem: Problem) -> Leading:
        """Return the leading eigenvalue of the Hessian of the mean loss over the batches."""
        raise NotOfferedError("no Hessian")

    def variants(self) -> "Mapping[str, Tool]":
        """Other options of the tool, by name, whose outcomes are reported where they differ."""
        return {}

    def visits(self, problem: Problem, points: int, seed: int) -> Visits:
        """Record with what each element of a random scan was evaluated.

        The loss is replaced by the number of evaluations before: what a scan holds at an element
        is the number of its evaluation, in whatever order the tool makes them.
        """
        states: list[State] = []

        def record(model: nn.Module, _: object) -> None:
            states.append(state_of(model))

        def number(_: Tensor, __: Tensor) -> Tensor:
            return torch.tensor(float(len(states) - 1))

        handle = problem.model.register_forward_pre_hook(record)
        try:
            scan = self.random(replace(problem, loss=number), points, seed)
        finally:
            handle.remove()
        numbers = scan.losses.round().astype(int).tolist()
        return Visits(scan, [[states[number] for number in row] for row in numbers])


def seeded(seed: int) -> None:
    """Seed what tools without a seed of their own draw from."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # what landscaper draws from


Check = Callable[[Tool], "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What was measured.

    Attributes:
        measured: The number or numbers, in few words.
        expected: Whether they are within the bound that the check states.
        details: Further numbers, for a footnote.
    """

    measured: str
    expected: bool
    details: str = ""
