"""Points on a Dask cluster of this machine: the surface of a single process, whatever dies."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import landscape
from landscape.compute import Compute
from landscape.environment import PLAIN_VARIABLE
from landscape.errors import LandscapeError
from landscape.evaluation import NotSpreadError, remembered
from landscape.objective import Objective
from landscape.user_code import load_callable
from tests.reporters import Recorder

distributed = pytest.importorskip("distributed")

# Schedulers, workers and their sockets warn of many things when they are killed.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIDE = 21


@pytest.fixture
def cluster() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            worker_dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def objective() -> Objective:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 30), nn.Tanh(), nn.Linear(30, 3))
    data = (torch.randn(300, 7), torch.randint(3, (300,)))
    return Objective(model, F.cross_entropy, data, device="cpu")


class Once(Recorder):
    """Does something after some points."""

    def __init__(self, act: Any, at: int = 20) -> None:
        super().__init__()
        self.act, self.at = act, at

    def update(self, done: int, detail: str = "") -> None:
        super().update(done, detail)
        if self.act is not None and done >= self.at:
            act, self.act = self.act, None
            act()


def kill_one(client: Any) -> None:
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)


@pytest.mark.parametrize("plan", ["", "1"])
def test_the_surface_is_that_of_one_process(
    cluster: Any, objective: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: str
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, plan)
    alone = landscape.scan(objective, grid=SIDE)
    executor = cluster.get_executor(pure=False, retries=3)
    path = tmp_path / "s.h5"
    together = landscape.scan(objective, grid=SIDE, file=path, compute=Compute(executor=executor))
    np.testing.assert_array_equal(together.losses, alone.losses)
    np.testing.assert_array_equal(landscape.load(path).losses, alone.losses)


def test_a_killed_worker_costs_no_point(
    cluster: Any, objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    alone = landscape.scan(objective, grid=SIDE)
    executor = cluster.get_executor(pure=False, retries=3)
    recorder = Once(lambda: kill_one(cluster))
    compute = Compute(executor=executor)
    together = landscape.scan(objective, grid=SIDE, compute=compute, progress=recorder)
    assert recorder.act is None
    np.testing.assert_array_equal(together.losses, alone.losses)


def test_a_lost_scheduler_is_a_clean_stop_that_resumes(
    objective: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    monkeypatch.setattr("landscape.evaluation.workers._SECONDS_LOST", 1.0)
    monkeypatch.setattr("landscape.evaluation.workers._SECONDS_PER_TASK", 0.01)
    alone, path = landscape.scan(objective, grid=SIDE), tmp_path / "s.h5"
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = distributed.Client(cluster)
    executor = client.get_executor(pure=False)

    def go(progress: Any, **more: Any) -> landscape.Surface:
        return landscape.scan(
            objective, grid=SIDE, file=path, compute=Compute(**more), progress=progress
        )

    began = time.monotonic()
    with pytest.raises(LandscapeError, match="run it again"):
        go(Once(cluster.close), executor=executor)
    assert time.monotonic() - began < 60
    client.close()
    stopped = landscape.load(path)
    assert 20 <= stopped.evaluated.sum() < stopped.grid.size
    monkeypatch.setattr(remembered, "_DECISIONS", {})
    np.testing.assert_array_equal(go(None).losses, alone.losses)


def test_any_executor_computes(objective: Objective) -> None:
    alone = landscape.scan(objective, grid=5)
    with ThreadPoolExecutor(2) as executor:
        together = landscape.scan(objective, grid=5, compute=Compute(executor=executor))
        np.testing.assert_array_equal(together.losses, alone.losses)

        def unknown(outputs: Any, targets: Any) -> Any:
            return (outputs[:, 0] - targets) ** 2

        own = Objective(objective.model, unknown, (torch.randn(9, 7), torch.arange(9) % 3))
        with pytest.raises(NotSpreadError, match="define them in a module"):
            landscape.scan(own, grid=3, compute=Compute(executor=executor))


def test_files_of_the_user_travel(cluster: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine_of_the_cluster.py"
    file.write_text(
        "from torch import nn\n"
        "class Mine(nn.Linear):\n    pass\n"
        "def make():\n    return Mine(7, 3)\n"
    )
    model = load_callable(f"{file}:make")()
    data = (torch.randn(20, 7), torch.randint(3, (20,)))
    objective = Objective(model, F.cross_entropy, data, device="cpu")
    alone = landscape.scan(objective, grid=5)
    file.unlink()  # as on another machine
    executor = cluster.get_executor(pure=False, retries=3)
    together = landscape.scan(objective, grid=5, compute=Compute(executor=executor))
    np.testing.assert_array_equal(together.losses, alone.losses)
