"""Ctrl-C and SIGTERM: one line, an exit code, and a state from which the work is resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.curvature.hessian import Hessian
from landscape.models import Architecture
from tests.conftest import ROOT, Run

TRAIN = [
    "train",
    "plain8",
    "--data",
    "digits",
    "--epochs",
    "4",
    "--images-per-batch",
    "512",
    "--device",
    "cpu",
]
CONNECT = [
    "connect",
    "a.pt",
    "b.pt",
    "--epochs",
    "60",
    "--images",
    "32",
    "--points",
    "3",
    "--device",
    "cpu",
    "--out",
    "ab",
]


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """Two networks of one architecture, untrained."""
    for number, name in enumerate(("a.pt", "b.pt")):
        torch.manual_seed(number)
        net = Architecture("plain8", in_channels=1)
        Checkpoint(net.build().state_dict(), net, "digits").save(tmp_path / name)
    return tmp_path


def interrupted(
    arguments: list[str], folder: Path, path: Path, number: signal.Signals
) -> "subprocess.CompletedProcess[str]":
    """The end of a command that is interrupted once a file exists."""
    process = subprocess.Popen(
        [sys.executable, "-m", "landscape", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 100
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


def check(result: "subprocess.CompletedProcess[str]", code: int) -> None:
    assert result.returncode == code, result.stderr
    last = result.stderr.splitlines()[-1]
    assert f"resume with: landscape {result.args[0]}" in last
    assert "Traceback" not in result.stderr


def test_an_interrupted_training_is_resumed(run_process: Run, tmp_path: Path) -> None:
    last = tmp_path / "runs" / "plain8" / "last.pt"
    check(interrupted(TRAIN, tmp_path, last, signal.SIGTERM), 143)
    assert sorted(each.name for each in last.parent.iterdir()) == ["initial.pt", "last.pt"]
    before = checkpoints.load(last)
    assert before.resume
    assert 1 <= (before.epoch or 0) < 4
    assert run_process(*TRAIN).returncode == 0
    after = checkpoints.load(last)
    assert after.epoch == 4
    for key, values in before.history.items():
        assert after.history[key][: len(values)] == values


def test_an_interrupted_curve_is_resumed(run_process: Run, nets: Path) -> None:
    control = nets / "ab" / "control-point.pt"
    check(interrupted(CONNECT, nets, control, signal.SIGINT), 130)
    assert [each.name for each in control.parent.iterdir()] == ["control-point.pt"]
    before = checkpoints.load(control)
    assert before.resume
    result = run_process(*CONNECT)
    assert result.returncode == 0, result.stderr
    assert (before.epoch or 0) < (checkpoints.load(control).epoch or 0) == 60


@pytest.mark.parametrize("as_json", [False, True])
def test_interrupted_curvature_prints_what_it_has(
    run: Run, nets: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    arguments = ["curvature", "a.pt", "--images", "9", "--top", "2", "--device", "cpu"]
    whole = json.loads(run(*arguments, "--samples", "2", "--json").stdout)
    assert "incomplete" not in whole
    monkeypatch.setattr(Hessian, "trace", stop)
    result = run(*arguments, *(["--json"] if as_json else []))
    assert result.returncode == 130
    if as_json:
        found = json.loads(result.stdout)
        assert found["incomplete"]
        assert found["highest_eigenvalues"] == whole["highest_eigenvalues"]
        assert "trace" not in found
    else:
        assert f"{whole['highest_eigenvalues'][0]:.6g}" in result.stdout
        assert result.stdout.splitlines()[-1].split() == ["incomplete", "yes"]
    monkeypatch.setattr(Hessian, "eigenpairs", stop)
    assert run(*arguments).stdout == ""
