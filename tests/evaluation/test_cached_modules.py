"""Modules that no point moves are computed once, and the surface is the same."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import models
from landscape.evaluation import autotune, reference_plan, run
from landscape.evaluation.plan import Plan
from landscape.evaluation.rewrites import cached_modules
from landscape.evaluation.rewrites.cached_modules import with_cache
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.plane import Plane
from tests import oracles

GRID = Grid.regular((3, 2), (-0.5, 1.0), (-0.25, 0.75))
POINTS = [GRID.point(k) for k in range(GRID.size)]


class Twice(nn.Module):
    """Calls its first layer on the inputs and on what the moved layer makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.moved, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.moved(torch.tanh(self.first(x)))
        y: Tensor = self.head(torch.tanh(self.first(x)))
        return y


def vit() -> tuple[nn.Module, Tensor]:
    return models.create("vit3", width=32, heads=2), torch.randn(7, 3, 32, 32)


def resnet() -> tuple[nn.Module, Tensor]:
    model = models.create("resnet8")
    model.train()(torch.randn(20, 3, 32, 32))
    return model.eval(), torch.randn(7, 3, 32, 32)


def twice() -> tuple[nn.Module, Tensor]:
    return Twice(), torch.randn(7, 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "only", "calls"),
    [(vit, "blocks.2.*", 4), (resnet, "*3.0.*", 4), (twice, "moved.*", 1), (twice, "head.*", 3)],
)
def test_the_surface_is_that_of_the_oracle(
    make: Callable[[], tuple[nn.Module, Tensor]],
    only: str,
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[cached_modules._Calls] = []

    class Seen(cached_modules._Calls):
        def __init__(self, modules: Any) -> None:
            super().__init__(modules)
            seen.append(self)

    monkeypatch.setattr(cached_modules, "_Calls", Seen)
    torch.manual_seed(0)
    model, x = make()
    y = torch.randint(3, (len(x),))
    objective = Objective(
        model, F.cross_entropy, (x, y), device="cpu", only=only, dtype=torch.float64
    )
    plane = Plane.random(objective.center, 0)
    expected, _ = oracles.surface_on(model, F.cross_entropy, (x, y), plane, GRID)
    network = with_cache(objective, plane, torch.float64)
    assert network is not None
    assert len(seen[0].kept) == calls  # of vit also the norm that does not move
    for size in (7, 3):
        plan = Plan(network, "float64", size)
        losses = [values.loss for values in run(plan, objective, POINTS)]
        np.testing.assert_allclose(losses, expected.ravel(), rtol=1e-12)


def test_a_module_that_does_not_move_is_called_once_for_each_batch() -> None:
    counted = 0

    class Counted(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            nonlocal counted
            counted += 1
            return super().forward(input)

    model = nn.Sequential(Counted(5, 4), nn.ReLU(), nn.Linear(4, 3))
    data = (torch.randn(8, 5), torch.randint(3, (8,)))
    objective = Objective(model, F.cross_entropy, data, device="cpu", only="2.*")
    plane = Plane.random(objective.center, 0)
    network = with_cache(objective, plane, torch.float32)
    assert network is not None
    strategy = Plan(network, "float32", 4).on(objective)
    counted = 0
    list(strategy(POINTS))
    list(strategy(POINTS))
    assert counted == 2
    reference = reference_plan(objective, plane).on(objective)
    counted = 0
    list(reference(POINTS))
    assert counted == len(POINTS)


def test_nothing_is_kept_where_the_first_module_moves() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    data: Any = (torch.randn(8, 5), torch.randint(3, (8,)))
    for only in ("0.*", None):
        objective = Objective(model, F.cross_entropy, data, device="cpu", only=only)
        assert with_cache(objective, Plane.random(objective.center, 0), torch.float32) is None


@pytest.mark.slow
def test_it_is_chosen_for_the_last_block_of_a_transformer() -> None:
    torch.manual_seed(0)
    model = models.create("vit6", width=64, heads=2)
    data = (torch.randn(32, 3, 32, 32), torch.randint(10, (32,)))
    objective = Objective(model, F.cross_entropy, data, device="cpu", only="blocks.5.*")
    tuned = autotune(objective, Plane.random(objective.center, 0), POINTS, 100, precision="float32")
    assert "modules cached" in tuned.plan.network.name


class InPlace(nn.Module):
    """Changes what a module returns that does not move."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.c, self.change = (
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.Linear(4, 3),
            change,
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.c(torch.tanh(self.b(self.change(self.a(x)))))
        return y


class Masked(nn.Module):
    """Takes a mask first, the same tensor for all batches."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, mask: Tensor, x: Tensor) -> Tensor:
        y: Tensor = self.b(torch.tanh(self.a(x * mask)))
        return y


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[3].weight = model[1].weight
    return model


def check(model: nn.Module, data: Any, only: str, *, is_cached: bool = True) -> None:
    """Compare the cached plan with the reference at all points, twice."""
    objective = Objective(
        model, F.cross_entropy, data, device="cpu", only=only, dtype=torch.float64
    )
    plane = Plane.random(objective.center, 0)
    # Its center is not the model itself.
    plane = replace(plane, center={k: v + 0.1 for k, v in plane.center.items()})
    network = with_cache(objective, plane, torch.float64)
    assert (network is not None) == is_cached
    if network is None:
        return
    expected = [v.loss for v in run(reference_plan(objective, plane), objective, POINTS)]
    for _ in range(2):
        found = [v.loss for v in run(Plan(network, "float64", 3), objective, POINTS)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "change", [F.silu, lambda x: F.leaky_relu_(x, 0.9), lambda x: x.mul_(1.001), F.relu_]
)
def test_what_is_changed_in_place_is_not_kept(change: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    data = (torch.randn(7, 4), torch.randint(3, (7,)))
    check(InPlace(change), data, "b.*", is_cached=change is F.silu)


def test_batches_that_share_a_tensor_are_kept_apart() -> None:
    mask = torch.tensor([1.0, 0.0, 1.0, 1.0])
    data = [((mask, torch.randn(3, 4)), torch.randint(3, (3,))) for _ in range(3)]
    check(Masked(), data, "b.*")


def test_a_parameter_that_is_tied_to_a_moved_one_moves() -> None:
    data = (torch.randn(7, 4), torch.randint(3, (7,)))
    check(tied(), data, "1.*")


def test_a_model_that_does_not_run_in_a_type_is_left_alone() -> None:
    class OfFloat32(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            if x.dtype != torch.float32:
                raise RuntimeError("Unsupported dtype BFloat16")
            y: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return y

    model = OfFloat32(nn.Linear(4, 4), nn.Linear(4, 3))
    data = (torch.randn(7, 4), torch.randint(3, (7,)))
    objective = Objective(model, F.cross_entropy, data, device="cpu", only="1.*")
    plane = Plane.random(objective.center, 0)
    assert with_cache(objective, plane, torch.bfloat16) is None
    assert with_cache(objective, plane, torch.float32) is not None


def test_other_calls_at_some_points_end_the_plan() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.c(x)
            if y.abs().max() < 30:
                y = y + self.a(x)[:, :3]
            result: Tensor = y + self.b(x)[:, :3]
            return result

    torch.manual_seed(0)
    data = (torch.randn(7, 4), torch.randint(3, (7,)))
    objective = Objective(Sometimes(), F.cross_entropy, data, device="cpu", only="c.*")
    plane = Plane.random(objective.center, 0)
    network = with_cache(objective, plane, torch.float32)
    assert network is not None
    reference = reference_plan(objective, plane)
    far = [*POINTS, (80.0, 0.0), (0.1, 0.1)]
    notes: list[str] = []
    plan = Plan(network, "float32", 7, reference=reference)
    found = [v.loss for v in run(plan, objective, far, notes.append)]
    expected = [v.loss for v in run(reference, objective, far)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(notes) == 1
    assert "calls other modules" in notes[0]


def test_what_is_kept_is_freed_with_the_network() -> None:
    made: list[Any] = []

    class Watched(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            output = super().forward(input)
            made.append(weakref.ref(output))
            return output

    model = nn.Sequential(Watched(5, 4), nn.Linear(4, 3))
    data = [(torch.randn(3, 5), torch.tensor([0, 1, 2]))]
    objective = Objective(model, F.cross_entropy, data, device="cpu", only="1.*", full_batch=True)
    network = with_cache(objective, Plane.random(objective.center, 0), torch.float32)
    assert network is not None
    list(Plan(network, "float32", 3).on(objective)(POINTS))
    gc.collect()
    assert sum(each() is not None for each in made) == 1
    del network
    gc.collect()
    assert all(each() is None for each in made)
