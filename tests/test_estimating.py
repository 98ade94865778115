"""What a scan would take: counted, and not computed."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import nn

import landscape
from landscape.cli import group
from landscape.compute import Compute
from landscape.environment import PLAIN_VARIABLE
from landscape.evaluation import plan
from landscape.objective import Objective
from landscape.plane import Plane


@pytest.fixture
def objective() -> Objective:
    torch.manual_seed(0)
    data = (torch.randn(50, 7), torch.randint(3, (50,)))
    return Objective(nn.Linear(7, 3), F.cross_entropy, data, device="cpu")


@pytest.mark.parametrize(
    ("compute", "points", "is_bound"),
    [
        (Compute(), 2 * 21 * 11, False),
        (Compute(part=(1, 3)), None, False),
        (Compute(tolerance=0.1), 2 * 21 * 11, True),
        (Compute(devices=("cpu", "cpu")), 2 * 21 * 11, False),
    ],
)
def test_work_is_counted(
    objective: Objective, compute: Compute, points: int | None, is_bound: bool
) -> None:
    planes = [Plane.random(objective.center, seed) for seed in (0, 1)]
    found = landscape.estimate(objective, planes, (21, 11), compute=compute)
    if points is None:
        points = 2 * int(landscape.Grid.regular((21, 11)).part(1, 3).sum())
    assert (found.points, found.images, found.is_bound) == (points, 50, is_bound)
    assert found.operations == 2 * 7 * 3
    assert found.seconds > 0
    assert found.devices == len(compute.devices or [0])  # type: ignore[arg-type]
    assert found.parcel_bytes > 50 * 7 * 4
    text = str(found)
    assert f"{points} points × 50 images × 42 operations" in text
    assert ("at most about" in text) == is_bound


def test_time_is_that_of_a_point_times_their_number(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    monkeypatch.setattr("landscape.evaluation.tuning.reference_seconds", lambda *_: 0.25)
    assert landscape.estimate(objective, grid=(8, 5)).seconds == pytest.approx(0.25 * 40)


def test_the_size_on_disk_is_that_of_the_file(objective: Objective, tmp_path: Path) -> None:
    found = landscape.estimate(objective, grid=21)
    path = tmp_path / "s.h5"
    landscape.scan(objective, grid=21, file=path)
    assert found.file_bytes == pytest.approx(path.stat().st_size, rel=0.05)


def test_the_command_computes_no_point(
    scan_command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[int] = []
    run = plan.run

    def counting(*given: Any, **more: Any) -> Any:
        evaluated.append(len(given[2]))
        return run(*given, **more)

    monkeypatch.setattr("landscape.scan_loop.run", counting)
    command = [*scan_command, "--points", "9", "--out", "s.h5", "--estimate"]
    result = CliRunner().invoke(group, command)
    assert result.exit_code == 0, result.output
    assert "81 points × 9 examples" in result.stdout
    assert not evaluated
    assert not Path("s.h5").exists()
