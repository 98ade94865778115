"""Our package passes the checks of benchmarks/conformance.py, and tools with a fault do not."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from conformance_checks.problems import Problem, State, hessian, mean_loss, small_net
from conformance_checks.run import CHECKS, name_of
from conformance_checks.tool import Array, Leading, Scan, Visits
from conformance_tools.ours import Landscape

BY_NAME = {name_of(check): check for check in CHECKS}
NAMES = sorted(BY_NAME)


@pytest.fixture(params=NAMES)
def check(request: pytest.FixtureRequest) -> ModuleType:
    return BY_NAME[request.param]


def test_our_package_passes(check: ModuleType) -> None:
    found = check.check(Landscape())
    assert found.expected, found


class Changed(Landscape):
    """Our package, with losses that are changed before they are handed over."""

    def __init__(self, change: Callable[[Array], Array], square: bool = False) -> None:
        self._change = change
        self.square = square  # type: ignore[misc]

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        return self._changed(super().random(problem, points, seed))

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        return self._changed(super().along(problem, directions, points))

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        from matplotlib import pyplot as plt

        scan = self.along(problem, directions, points)
        figure, axes = plt.subplots()
        axes.contour(scan.alphas, scan.betas, scan.losses.T)
        plt.close(figure)
        return figure

    def _changed(self, scan: Scan) -> Scan:
        return replace(scan, losses=self._change(scan.losses.copy()))


def one_column_shifted(losses: Array) -> Array:
    losses[::2] = np.roll(losses[::2], 1, axis=1)
    return losses


def without_nan(losses: Array) -> Array:
    return np.nan_to_num(losses, nan=1.0, posinf=9.0)


CHANGES: list[tuple[str, Callable[[Array], Array]]] = [
    ("center", lambda losses: losses * 1.001),
    ("center", lambda losses: np.roll(losses, 1, axis=1)),
    ("everywhere", lambda losses: np.where(losses == losses.max(), losses * 1.01, losses)),
    ("everywhere", lambda losses: np.where(losses == losses.max(), np.nan, losses)),
    ("orientation", np.transpose),
    ("orientation", lambda losses: losses[::-1]),
    ("orientation", lambda losses: losses[:, ::-1]),
    ("orientation", one_column_shifted),
    ("orientation", lambda losses: np.roll(losses, 1, axis=0)),
    ("drawn", np.transpose),
    ("drawn", lambda losses: losses[::-1]),
    ("drawn", lambda losses: losses[:, ::-1]),
    ("nonfinite", without_nan),
    ("nonfinite", lambda losses: np.where(losses == 0, np.nan, losses)),
    ("mode", lambda losses: losses * 1.001),
    ("ragged", lambda losses: losses * 1.001),
    ("zeros", lambda losses: losses * np.nan),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_changed_losses_are_found(name: str, change: Callable[[Array], Array]) -> None:
    assert not BY_NAME[name].check(Changed(change, square=True)).expected


@pytest.mark.parametrize("name", ["orientation", "drawn"])
def test_axes_in_order_pass(name: str) -> None:
    assert BY_NAME[name].check(Changed(lambda losses: losses, square=True)).expected


class Directed(Landscape):
    """A tool whose random plane is along directions of another normalization."""

    def __init__(self, directions: Callable[[State, torch.Generator], State]) -> None:
        self._directions = directions

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        return self.visits(problem, points, seed).scan

    def visits(self, problem: Problem, points: int, seed: int) -> Visits:
        generator = torch.Generator().manual_seed(seed)
        center = {name: tensor.clone() for name, tensor in problem.model.state_dict().items()}
        delta, eta = (self._directions(center, generator) for _ in range(2))
        axis = np.linspace(-1, 1, points)
        states: list[list[State]] = [
            [{n: c + a * delta[n] + b * eta[n] for n, c in center.items()} for b in axis]
            for a in axis
        ]
        losses = [[mean_loss(problem, state) for state in row] for row in states]
        return Visits(Scan(axis, axis, np.array(losses)), states)


def by_tensor(center: State, generator: torch.Generator) -> State:
    """Scale every tensor by one factor, BatchNorm's statistics left out."""
    return {
        name: torch.zeros_like(tensor)
        if "running" in name or not tensor.is_floating_point()
        else _normal(tensor, generator) * tensor.norm()
        for name, tensor in center.items()
    }


def by_filter(center: State, generator: torch.Generator) -> State:
    """Scale every filter, and move nothing else: what Li et al. do."""
    return {
        name: torch.zeros_like(tensor)
        if tensor.dim() <= 1
        else torch.stack([_normal(each, generator) * each.norm() for each in tensor])
        for name, tensor in center.items()
    }


def with_statistics(center: State, generator: torch.Generator) -> State:
    return {
        name: direction + 0.01 * center[name] if "running" in name else direction
        for name, direction in by_filter(center, generator).items()
    }


def positive(center: State, generator: torch.Generator) -> State:
    return {name: direction.abs() for name, direction in by_filter(center, generator).items()}


def _normal(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(tensor.shape, generator=generator)
    length: torch.Tensor = drawn.norm()
    return drawn / length


@pytest.mark.parametrize(
    ("name", "directions"),
    [
        ("filters", by_tensor),
        ("unmoved", by_tensor),
        ("rescaled", by_tensor),
        ("zeros", by_tensor),
        ("batchnorm", with_statistics),
        ("centered", positive),
        ("independence", positive),
    ],
)
def test_other_directions_are_found(
    name: str, directions: Callable[[State, torch.Generator], State]
) -> None:
    assert BY_NAME[name].check(Directed(by_filter)).expected
    assert not BY_NAME[name].check(Directed(directions)).expected


class Careless(Landscape):
    """A tool that changes the caller's model, and ignores the seed."""

    def __init__(self, careless: Callable[[torch.nn.Module], object]) -> None:
        self._careless = careless

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        scan = super().random(problem, points, 0)
        with torch.no_grad():
            self._careless(problem.model)
        return scan


@pytest.mark.parametrize(
    ("careless", "changed"),
    [
        (lambda model: model.conv1.weight.add_(1e-7), "weights"),
        (lambda model: model.requires_grad_(False), "requires_grad"),
        (lambda model: model.eval(), "mode (given in training mode)"),
        (lambda model: model.bn1.running_mean.add_(1), "buffers (given in evaluation mode)"),
    ],
)
def test_changes_of_the_model_are_found(
    careless: Callable[[torch.nn.Module], object], changed: str
) -> None:
    found = BY_NAME["caller"].check(Careless(careless))
    assert not found.expected
    assert found.measured.startswith(changed)


def test_a_seed_without_effect_is_found() -> None:
    assert not BY_NAME["seeds"].check(Careless(lambda model: None)).expected


class Summed(Landscape):
    """A tool whose Hessian is that of the mean of the batches' means."""

    def leading(self, problem: Problem) -> Leading:
        batches = [replace(problem, x=x, y=y) for x, y in problem.loader]
        values, vectors = torch.linalg.eigh(sum(map(hessian, batches)) / len(batches))
        return Leading(float(values[-1]), vectors[:, -1])


def test_a_hessian_that_depends_on_the_batches_is_found() -> None:
    found = BY_NAME["hessian"].check(Summed())
    assert not found.expected
    first, second, third, _ = (float(each) for each in found.details.split(";")[0].split(", "))
    assert first == pytest.approx(second, rel=1e-4)  # batches of one size
    assert first != pytest.approx(third, rel=1e-2)


def test_the_explicit_hessian_is_that_of_finite_differences() -> None:
    problem = small_net()
    weight = problem.model.get_parameter("0.weight")

    def loss(offset: float) -> float:
        state = {n: t.double().clone() for n, t in problem.model.state_dict().items()}
        state["0.weight"][0, 0] += offset
        return mean_loss(problem, state)

    step = 1e-4
    second = (loss(step) - 2 * loss(0) + loss(-step)) / step**2
    assert weight.numel() == 48
    assert float(hessian(problem)[0, 0]) == pytest.approx(second, rel=1e-4)
