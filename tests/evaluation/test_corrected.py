"""Low precision corrected by some examples in full: unbiased, with an honest standard error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape.compute import Compute
from landscape.evaluation import remembered, tuning
from landscape.evaluation import trials as trials_module
from landscape.evaluation.autotune import autotune
from landscape.evaluation.corrected import Corrected, correction, drawn
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import Plan, reference_plan, run
from landscape.evaluation.rewrites.network import unmodified
from landscape.objective import Objective
from landscape.plane import Plane

POINTS = [(0.0, 0.0), (0.3, -0.2), (-0.5, 0.5), (1.0, 1.0)]
NUM, DRAWN = 2000, 100


class Sharp(nn.Module):
    """Confident: its logits are large, and their rounding in half precision is too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(7, 32), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(torch.tanh(self.first(x)))
        return 100 * y


@pytest.fixture
def objective() -> Objective:
    torch.manual_seed(0)
    model, x = Sharp(), torch.randn(NUM, 7)
    with torch.no_grad():
        y = model(x).argmax(1)
        y[::20] = torch.randint(3, (NUM // 20,))
    return Objective(model, F.cross_entropy, (x, y), device="cpu")


class Biased(nn.Module):
    """Half precision rounds its gain to 1, so that every loss is 3 % too small."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.gain = nn.Linear(7, 3), nn.Parameter(torch.tensor(1.0039))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x) * self.gain**4
        return y


@pytest.fixture
def biased() -> Objective:
    torch.manual_seed(0)
    data = (torch.randn(NUM, 7), torch.zeros(NUM, 3))
    return Objective(Biased(), F.mse_loss, data, device="cpu")


def losses_in(objective: Objective, plane: Plane, dtype: torch.dtype, point: Any) -> Tensor:
    """Return the losses of all examples, float64, by a plain forward pass."""
    weights = {name: tensor.to(dtype) for name, tensor in plane.at(*point).items()}
    x: Any = objective.inputs
    outputs = torch.func.functional_call(objective.model, weights, (x.to(dtype),)).float()
    return F.cross_entropy(outputs, objective.targets, reduction="none").double()


def corrected(objective: Objective, plane: Plane, size: int = 300) -> Plan:
    network = unmodified(objective, plane, torch.bfloat16)
    reference = reference_plan(objective, plane)
    return Plan(network, "bfloat16", size, corrected=DRAWN, reference=reference)


def test_the_mean_is_that_of_low_precision_and_the_difference_of_those_drawn(
    objective: Objective,
) -> None:
    plane = Plane.random(objective.center, 0)
    evaluated = run(corrected(objective, plane), objective, POINTS)
    index = torch.randperm(NUM, generator=torch.Generator().manual_seed(0))[:DRAWN]
    for point, values in zip(POINTS, evaluated, strict=True):
        low, full = (losses_in(objective, plane, t, point) for t in (torch.bfloat16, torch.float32))
        difference = (full - low)[index]
        assert values.loss == pytest.approx(float(low.mean() + difference.mean()), rel=1e-4)
        error = difference.std() / DRAWN**0.5 * (1 - DRAWN / NUM) ** 0.5
        own = low.std() / NUM**0.5
        assert values.standard_error == pytest.approx(float(torch.hypot(error, own)), rel=1e-3)


@pytest.mark.parametrize("point", POINTS)
def test_the_stated_interval_covers_the_exact_mean(objective: Objective, point: Any) -> None:
    plane = Plane.random(objective.center, 0)
    low, full = (losses_in(objective, plane, t, point) for t in (torch.bfloat16, torch.float32))
    assert abs(low.mean() - full.mean()) > 0
    covered, found = 0, []
    for seed in range(200):
        some = drawn(objective, DRAWN, seed)
        differences = losses_in(some, plane, torch.float32, point) - losses_in(
            some, plane, torch.bfloat16, point
        )
        mean, error = correction(differences.unsqueeze(0), NUM)
        found.append(float(low.mean() + mean))
        covered += abs(found[-1] - float(full.mean())) <= 1.96 * float(error)
    assert 0.90 <= covered / 200 <= 0.99
    spread = np.std(found) / 200**0.5
    assert abs(np.mean(found) - float(full.mean())) < 4 * spread  # unbiased


def test_all_examples_drawn_leave_no_error() -> None:
    mean, error = correction(torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64), 3)
    assert mean.tolist() == [3.0]
    assert error.tolist() == [0.0]


@pytest.fixture
def _times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Low precision takes half of the time."""

    def time(strategy: Any, *_: Any) -> float:
        if isinstance(strategy, Corrected):
            return 0.6e-6
        return 0.5e-6 if strategy._forward_dtype == torch.bfloat16 else 1e-6

    monkeypatch.setattr(trials_module, "_time", time)
    monkeypatch.setattr(remembered, "_DECISIONS", {})


@pytest.mark.usefixtures("_times")
def test_auto_takes_it_where_low_precision_deviates(biased: Objective) -> None:
    plane, probes = Plane.random(biased.center, 0), POINTS

    def go(num_points: int = 100_000, precision: Any = "auto") -> Plan:
        return autotune(biased, plane, probes, num_points, precision=precision).plan

    plan = go()
    assert (plan.precision, plan.corrected) == ("bfloat16", DRAWN)
    assert "corrected by 100 images" in str(plan)
    assert go(precision="bfloat16").corrected == 0  # as it was requested
    assert go(precision="float32").corrected == 0
    assert go(num_points=100).precision == "float32"  # the trial would take too long


@pytest.mark.usefixtures("_times")
def test_a_scan_with_it_is_within_a_percent_and_resumes(
    biased: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Compute("auto")
    surface = landscape.scan(biased, grid=33, file=tmp_path / "s.h5", compute=compute)
    exact = landscape.scan(biased, grid=33, compute=Compute("float32"))
    assert "corrected" in str(surface.provenance["plan"])
    assert np.abs(surface.losses / exact.losses - 1).max() < 0.02
    monkeypatch.setattr(tuning, "autotune", None)  # what was decided is in the file
    again = landscape.load(tmp_path / "s.h5")
    known = again.evaluated.copy()
    known[:5] = False
    part = replace(again, evaluated=known, examples=np.where(known, again.examples, 0))
    part.save(tmp_path / "s.h5", overwrite=True)
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    resumed = landscape.scan(biased, grid=33, file=tmp_path / "s.h5", compute=compute)
    np.testing.assert_array_equal(resumed.losses, surface.losses)


def test_a_decision_keeps_it(objective: Objective) -> None:
    plane = Plane.random(objective.center, 0)
    plan = corrected(objective, plane)
    decision = Decision.from_facts(Decision.from_plan(plan).facts)
    assert decision is not None
    again = decision.plan(objective, plane)
    assert again is not None
    assert list(again.on(objective)(POINTS)) == list(plan.on(objective)(POINTS))
    assert Decision.from_facts({**decision.facts, "corrected": -1}) is None
