"""A plan that was chosen before: as plain data, in another process, for another plane."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import landscape
from landscape.compute import Compute
from landscape.environment import PLAIN_VARIABLE
from landscape.evaluation import Wish, reference_plan, remembered, tune, tuning
from landscape.evaluation.decision import Decision, decisions_from, decisions_to
from landscape.evaluation.plan import Plan
from landscape.evaluation.rewrites import REWRITES
from landscape.evaluation.rewrites.batchnorm_folding import NAMES
from landscape.evaluation.tuned import Tuned
from landscape.objective import Objective
from landscape.plane import Plane
from tests import nets
from tests.reporters import Recorder
from tests.scans import scan

PROBES = [(0.0, 0.0), (1.0, -1.0), (0.3, 0.1), (-0.2, 0.7)]
FOLDED = Decision(NAMES["plain"], "float32", 7, 1, False, False)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    monkeypatch.setattr(remembered, "_path", lambda: tmp_path / "cache" / "plans.json")


@pytest.fixture
def objective() -> Objective:
    model = nets.ConvNet()
    model.train()(torch.randn(30, 1, 6, 6))
    data = (torch.randn(23, 1, 6, 6), torch.randint(3, (23,)))
    return Objective(model, F.cross_entropy, data, device="cpu")


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a search although a plan was decided")


@pytest.mark.parametrize("name", REWRITES)
def test_a_plan_is_made_again_from_plain_data(name: str, objective: Objective) -> None:
    plane = Plane.random(objective.center, 0)
    network = REWRITES[name](objective, plane, torch.float32)
    if network is None:
        return  # of a GPU, or of another model
    plan = Plan(
        network, "float32", network.num_images or 7, reference=reference_plan(objective, plane)
    )
    text = json.dumps(Decision.from_plan(plan).facts)
    decision = Decision.from_facts(json.loads(text))
    assert decision is not None
    again = decision.plan(objective, plane)
    assert again is not None
    assert str(again) == str(plan)
    assert list(again.on(objective)(PROBES)) == list(plan.on(objective)(PROBES))


def test_what_cannot_be_rewritten_so_has_no_plan(mlp: nn.Module, vectors: Any) -> None:
    objective = Objective(mlp, F.cross_entropy, vectors, device="cpu")
    assert FOLDED.plan(objective, Plane.random(objective.center, 0)) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | json_values | json_values.map(json.dumps))
def test_any_text_is_decisions_or_none(text: Any) -> None:
    assert decisions_from(text) == {}


@given(st.sampled_from(sorted(FOLDED.facts)), json_values)
def test_a_damaged_decision_is_none(field: str, value: Any) -> None:
    found = Decision.from_facts({**FOLDED.facts, field: value})
    assert found is None or found == replace(FOLDED, **{field: value})
    assert Decision.from_facts({**FOLDED.facts, "more": value}) is None
    assert decisions_from(decisions_to({"a": FOLDED})) == {"a": FOLDED}


def test_a_decision_is_taken_without_a_search(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "autotune", refuse)
    plane = Plane.random(objective.center, 0)
    tuned = tune(objective, plane, PROBES, 100, Wish("float32"), decided=FOLDED)
    assert Decision.from_plan(tuned.plan) == FOLDED
    assert tuned.plan.reference is not None
    assert tuned.seconds_per_point > 0


def test_a_file_cannot_ask_for_any_amount_of_memory(objective: Objective) -> None:
    assert Decision.from_facts({**FOLDED.facts, "points_per_batch": 2**40}) is None
    plane = Plane.random(objective.center, 0)
    huge = replace(FOLDED, network="unmodified", points_per_batch=2**24)
    tuned = tune(objective, plane, PROBES, 100, Wish("float32", 7), decided=huge)
    assert tuned.plan.points_per_batch < 2**24


def test_a_search_is_remembered_for_the_next_plane(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go(seed: int, **wish: Any) -> Tuned:
        plane = Plane.random(objective.center, seed)
        return tune(objective, plane, PROBES, 100, Wish("float32", **wish))

    first = go(0)
    monkeypatch.setattr(tuning, "autotune", refuse)
    assert str(go(1).plan) == str(first.plan)
    with pytest.raises(AssertionError, match="a search"):
        go(1, images_per_batch=5)


def test_a_decision_that_deviates_here_is_not_taken(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(o: Objective, p: Plane, d: torch.dtype) -> Any:
        network = REWRITES[FOLDED.network](o, p, d)
        assert network is not None
        forward = network.forward
        return replace(network, forward=lambda w, x: 1.05 * forward(w, x))

    module = sys.modules["landscape.evaluation.decision"]
    monkeypatch.setattr(module, "REWRITES", {**REWRITES, FOLDED.network: wrong})
    plane = Plane.random(objective.center, 0)
    tuned = tune(objective, plane, PROBES, 100, Wish("float32", 7), decided=FOLDED)
    assert tuned.deviation < 1e-4
    assert "chosen before" not in str(tuned.trials)


def test_decisions_of_gpus_outlive_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cpu = torch.device("cpu")
    remembered.remember("on a CPU", FOLDED, cpu)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(remembered, "is_gpu", lambda _: True)
    remembered.remember("a", FOLDED, cpu)
    remembered.remember("b", replace(FOLDED, images_per_batch=9), cpu)
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    assert remembered.recall("a", cpu) == FOLDED
    assert remembered.recall("on a CPU", cpu) is None
    (tmp_path / "cache" / "plans.json").write_bytes(b"\xff\x00{")
    assert remembered.recall("a", cpu) is None
    remembered.remember("c", FOLDED, cpu)
    assert remembered._stored() == {"c": FOLDED}


def test_everything_can_be_switched_off(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    plane = Plane.random(objective.center, 0)
    tuned = tune(objective, plane, PROBES, 100, Wish("auto"), decided=FOLDED)
    assert tuned.plan.reference is None
    assert tuned.plan.network.name == "unmodified"


class Stopping(Recorder):
    """Interrupts after some points, once."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def update(self, done: int, detail: str = "") -> None:
        super().update(done, detail)
        if done == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [1, 17, 40])
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_a_resumed_scan_has_the_values_of_one_that_is_not_interrupted(
    at: int, tolerance: float, mlp: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = torch.randn(700, 7), torch.randint(3, (700,))
    path = tmp_path / "s.h5"

    def go(progress: Any) -> landscape.Surface:
        monkeypatch.setattr(remembered, "_DECISIONS", {})  # another process
        return scan(
            mlp,
            F.cross_entropy,
            vectors,
            points=7,
            path=path,
            tolerance=tolerance,
            progress=progress,
        )

    with pytest.raises(KeyboardInterrupt):
        go(Stopping(at))
    stopped = landscape.load(path)
    decided = decisions_from(stopped.provenance["plans"])
    assert decided
    resumed = go(Recorder())
    before = {k: v for k, v in decisions_from(resumed.provenance["plans"]).items() if k in decided}
    assert before == decided

    whole_path = tmp_path / "whole.h5"
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    module = sys.modules["landscape.sampling"]
    plans = decisions_from(resumed.provenance["plans"])

    def as_before(objective: Objective, *given: Any, decided: Any, **more: Any) -> Tuned:
        (decision,) = (d for name, d in plans.items() if _size(name) == objective.num_images)
        return tune(objective, *given, decided=decision, **more)

    monkeypatch.setattr(module, "tune", as_before)
    whole = scan(mlp, F.cross_entropy, vectors, points=7, path=whole_path, tolerance=tolerance)
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    np.testing.assert_array_equal(resumed.standard_errors, whole.standard_errors)
    if tolerance == 0:
        done = stopped.evaluated
        np.testing.assert_array_equal(stopped.losses[done], whole.losses[done])


def _size(name: str) -> int:
    first, last = map(int, name.split("-"))
    return last - first


def test_points_keep_their_place_in_a_batch(
    mlp: nn.Module, vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a plan of several points at once, whose rounding depends on the place."""
    decision = Decision("unmodified", "float32", 23, 16, False, False)
    module = sys.modules["landscape.sampling"]
    original = module.tune
    monkeypatch.setattr(
        module, "tune", lambda *given, **more: original(*given, **{**more, "decided": decision})
    )
    objective = Objective(mlp, F.cross_entropy, vectors, device="cpu")

    def go(path: Path, progress: Any = None) -> landscape.Surface:
        return landscape.scan(objective, grid=7, file=path, progress=progress, compute=Compute())

    whole = go(tmp_path / "whole.h5")
    for at in (1, 5, 16, 30, 48):
        path = tmp_path / f"{at}.h5"
        with pytest.raises(KeyboardInterrupt):
            go(path, Stopping(at))
        np.testing.assert_array_equal(go(path).losses, whole.losses)
