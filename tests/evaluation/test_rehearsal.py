"""Kernels that may end the process are first used in another one."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape import user_code
from landscape.evaluation import autotune, remembered
from landscape.evaluation.decision import Decision
from landscape.evaluation.rehearsal import rehearsed
from landscape.evaluation.rewrites import REWRITES
from landscape.evaluation.rewrites.batchnorm_folding import NAMES
from landscape.objective import Objective
from landscape.plane import Plane
from tests import nets

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
FOLDED = Decision(NAMES["plain"], "bfloat16", 3, 1, False, False)

# Runs in every process; in the child it changes the rewrite that is to be checked.
CODE = """
import multiprocessing, os
from dataclasses import replace
from landscape.evaluation import decision
from landscape.evaluation.rewrites import REWRITES

def changed(objective, plane, dtype):
    network = REWRITES[{name!r}](objective, plane, dtype)
    forward = network.forward
    return replace(network, forward=lambda parameters, inputs: {body})

if multiprocessing.parent_process() is not None:
    decision.REWRITES = {{**REWRITES, {name!r}: changed}}
"""


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    monkeypatch.setattr(remembered, "_path", lambda: None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("forward(parameters, inputs)", ""),
        ("os.abort()", "a process that used it died"),
        ("2 * forward(parameters, inputs)", "a small network deviates"),
    ],
)
def test_a_fault_of_a_kernel_is_survived(
    body: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "changes.py"
    file.write_text(CODE.format(name=FOLDED.network, body=body))
    files = user_code.loaded_files()
    monkeypatch.setattr(user_code, "loaded_files", lambda: [*files, str(file)])
    assert rehearsed(FOLDED, CPU).startswith(reason)
    assert bool(remembered._DECISIONS) == (not reason)
    monkeypatch.setattr("landscape.evaluation.rehearsal.spread", None)
    if not reason:
        assert not rehearsed(FOLDED, CPU)  # remembered: no second process


def test_kernels_that_fail_the_rehearsal_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["landscape.evaluation.autotune"]
    seen = []

    def refusing(decision: Decision, device: torch.device) -> str:
        seen.append((decision.network, device))
        return "a process that used it died"

    def triton(*given: Any) -> Any:
        return REWRITES[NAMES["plain"]](*given)

    monkeypatch.setattr(module, "rehearsed", refusing)
    monkeypatch.setattr(module, "has_triton", lambda _: True)
    monkeypatch.setattr(module, "REWRITES", {**REWRITES, NAMES["triton"]: triton})
    model = nets.ConvNet()
    model.train()(torch.randn(30, 1, 6, 6))
    data = torch.randn(23, 1, 6, 6), torch.randint(3, (23,))
    objective = Objective(model, data=data, device="cpu")
    plane = Plane.random(objective.center, 0)
    tuned = autotune(objective, plane, [(0.0, 0.0)], 10**9, precision="bfloat16")
    assert seen == [(NAMES["plain"], CPU)]
    assert any("not used (a process that used it died)" in line for line in tuned.trials)
