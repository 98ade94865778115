"""Modules that no point moves are computed once, and the surface is the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import models
from landscape.evaluation import autotune, reference_plan, run
from landscape.evaluation.plan import Plan
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
    make: Callable[[], tuple[nn.Module, Tensor]], only: str, calls: int
) -> None:
    torch.manual_seed(0)
    model, x = make()
    y = torch.randint(3, (len(x),))
    objective = Objective(
        model, F.cross_entropy, (x, y), device="cpu", only=only, dtype=torch.float64
    )
    plane = Plane.random(objective.center, 0)
    expected, _ = oracles.naive_surface(
        model,
        F.cross_entropy,
        x,
        y,
        plane.delta,
        plane.eta,
        GRID.alphas.tolist(),
        GRID.betas.tolist(),
    )
    network = with_cache(objective, plane, torch.float64)
    assert network is not None
    assert network.name == f"{calls} modules cached"  # of vit also the norm that does not move
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
