"""What the search for the fastest plan costs, on a clock that plans of given speeds advance."""

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.evaluation import autotune, rewrites
from landscape.evaluation import trials as trials_module
from landscape.evaluation.plan import Plan
from landscape.evaluation.trials import Trials
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point, Values
from tests import nets

AUTOTUNE = sys.modules["landscape.evaluation.autotune"]
NUM, POINTS = 50_000, 2601
PROBES = [(0.1 * k, -0.1 * k) for k in range(11)]

# Images per second of ResNet-56 on an H200 in float32, unmodified; the other speeds are multiples.
REFERENCE = 60_000.0
MIXES = [
    # folded, fused, and float16, bfloat16, tf32 in place of float32
    (1.0, 1.0, (1.0, 1.0, 1.0)),
    (0.9, 1.0, (6.0, 6.0, 4.0)),
    (1.5, 2.5, (3.0, 3.0, 2.0)),
    (1.5, 3.0, (8.0, 8.0, 4.0)),
    (0.5, 0.4, (2.0, 2.0, 1.5)),
    (2.0, 0.5, (1.0, 1.0, 1.0)),
    (1.2, 1.3, (0.3, 0.2, 1.0)),
    (3.0, 4.0, (0.5, 0.5, 2.0)),
    (1.0, 6.0, (2.0, 1.0, 1.0)),
    (1.1, 1.2, (16.0, 8.0, 2.0)),
]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("mix", MIXES)
def test_trials_take_a_small_part_of_the_scan(mix: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folded, fused, (float16, bfloat16, tf32) = mix
    clock = Clock()
    by_precision = {"float32": 1.0, "float16": float16, "bfloat16": bfloat16, "tf32": tf32}

    def speed(plan: Plan) -> float:
        by_network = fused if "fused" in plan.network.name else folded
        factor = 1.0 if plan.network.name.startswith("unmodified") else by_network
        batch = min(1.0, plan.images_per_batch / 2048) ** 0.3
        return float(REFERENCE * factor * by_precision[plan.precision] * batch)

    def on(plan: Plan, objective: Objective, *_: Any) -> Any:
        class Strategy:
            points_per_batch = plan.points_per_batch
            timer = None

            def __call__(self, points: Sequence[Point]) -> Iterator[Values]:
                for _ in points:
                    clock.now += objective.num_images / speed(plan)
                    yield Values(1.0, 0.5, 0.1)

        return Strategy()

    torch.manual_seed(0)
    model = nets.ConvNet()
    model.train()(torch.randn(30, 1, 6, 6))
    data = (torch.zeros(NUM, 1, 6, 6), torch.zeros(NUM, dtype=torch.long))
    objective = Objective(model, F.cross_entropy, data, device="cpu", images_per_batch=2048)
    monkeypatch.setattr(Plan, "on", on)
    monkeypatch.setattr(time, "perf_counter", clock)
    for module in (AUTOTUNE, trials_module, rewrites):
        monkeypatch.setattr(module, "is_gpu", lambda _: True)
    monkeypatch.setattr(AUTOTUNE, "computes_in", lambda *_: True)
    monkeypatch.setattr(AUTOTUNE, "has_triton", lambda _: False)
    monkeypatch.setattr(rewrites, "cudnn_keeps_nan", lambda *_: True)
    monkeypatch.setattr(AUTOTUNE, "_BYTES_PER_BATCH", {"cpu": 400_000_000})
    monkeypatch.setattr(trials_module, "_IMAGES", {"cpu": trials_module._IMAGES["cuda"]})
    monkeypatch.setattr(trials_module, "_SECONDS", {"cpu": trials_module._SECONDS["cuda"]})
    tuned = autotune(objective, Plane.random(objective.center, 0), PROBES, POINTS, precision="auto")
    scan = tuned.seconds_per_point * POINTS
    assert clock.now <= 0.05 * scan, (clock.now, scan, tuned.trials)
    assert NUM / tuned.seconds_per_point >= 0.8 * max(_speeds(mix))


def _speeds(mix: Any) -> Iterator[float]:
    folded, fused, precisions = mix
    yield REFERENCE
    for network in (folded, fused):
        for precision in (1.0, *precisions):
            yield REFERENCE * network * precision


class Speaking(nn.Module):
    """A network that warns, or that torch vectorizes by a loop over the points."""

    def __init__(self, loops: bool) -> None:
        super().__init__()
        self.linear, self.loops = nn.Linear(4, 3), loops

    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("a warning", UserWarning, stacklevel=1)
        y: Tensor = self.linear(x)
        return y + 0 * torch.histc(y, 3) if self.loops else y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("loops", [False, True])
def test_several_points_at_once_are_rejected_for_a_loop_alone(loops: bool) -> None:
    data = (torch.randn(6, 4), torch.randint(3, (6,)))
    objective = Objective(Speaking(loops), F.cross_entropy, data, device="cpu")
    trials = Trials(objective, Plane.random(objective.center, 0), PROBES[:3], "float32", 9, print)
    plan = replace(trials.reference, points_per_batch=4)
    trials.run(plan)
    assert (plan in trials.measured) != loops
    assert any("performance drop" in line for line in trials.log) == loops


def test_a_precision_of_auto_is_left_where_it_deviates(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another seed, or for further images, than those for which it was chosen."""
    data = (torch.randn(64, 4), torch.randint(3, (64,)))
    objective = Objective(nn.Linear(4, 3), F.cross_entropy, data, device="cpu")
    plane = Plane.random(objective.center, 0)
    given: Any = {"precision": "bfloat16", "is_auto": True}
    assert autotune(objective, plane, PROBES, 9, **given).plan.precision == "bfloat16"
    monkeypatch.setattr(trials_module, "DEVIATION_ALLOWED", 1e-9)
    notes: list[str] = []
    tuned = autotune(objective, plane, PROBES, 9, note=notes.append, **given)
    assert tuned.plan.precision == "float32"
    assert len(notes) == 1
    assert "bfloat16 deviates" in notes[0]
    del given["is_auto"]  # what the user wants is done
    assert autotune(objective, plane, PROBES, 9, **given).plan.precision == "bfloat16"


@pytest.mark.parametrize(
    ("precision", "layout"), [("float32", "channels first"), ("bfloat16", "channels last")]
)
def test_on_a_gpu_convolutions_are_tried_in_both_layouts_and_not_vectorized(
    precision: Any, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (AUTOTUNE, rewrites):
        monkeypatch.setattr(module, "is_gpu", lambda _: True)
    model = nets.ConvNet()
    model.train()(torch.randn(30, 1, 6, 6))
    data = torch.randn(23, 1, 6, 6), torch.randint(3, (23,))
    objective = Objective(model, F.cross_entropy, data, device="cpu")
    plane = Plane.random(objective.center, 0)
    tuned = autotune(objective, plane, PROBES, 100_000_000, precision=precision)
    tried = [line for line in tuned.trials if not line.startswith("not used")]
    assert any(layout in line for line in tried)
    assert not any("points at once" in line for line in tuned.trials)
