"""Points spread over processes, one per device; here all on the CPU."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import landscape
from landscape.devices import choose_devices
from landscape.environment import PLAIN_VARIABLE
from landscape.errors import LandscapeError
from landscape.evaluation.workers import blocks
from landscape.progress import Silent
from tests.conftest import Run
from tests.reporters import Recorder
from tests.scans import scan

# A process needs seconds to import torch.
pytestmark = pytest.mark.slow

DEVICES = ("cpu", "cpu")


@pytest.fixture(autouse=True)
def _spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape.scan_loop._SECONDS_WORTH_PROCESSES", 0.0)


class Deadly(nn.Module):
    """Ends its process, if that is not the first one, once for each file to remove."""

    def __init__(self, inner: nn.Module, folder: Path) -> None:
        super().__init__()
        self.inner, self.folder = inner, folder

    def forward(self, x: Tensor) -> Tensor:
        if multiprocessing.parent_process() is not None:
            for file in self.folder.iterdir():
                try:
                    file.unlink()
                except FileNotFoundError:
                    continue
                os._exit(1)
        out: Tensor = self.inner(x)
        return out


def test_processes_find_the_same_surface(mlp: nn.Module, vectors: Any, tmp_path: Path) -> None:
    alone = scan(mlp, F.cross_entropy, vectors, points=(5, 3), precision="float64")
    path = tmp_path / "spread.h5"
    together = scan(
        mlp,
        F.cross_entropy,
        vectors,
        points=(5, 3),
        precision="float64",
        device=DEVICES,
        path=path,
    )
    np.testing.assert_allclose(together.losses, alone.losses, rtol=1e-12)
    np.testing.assert_array_equal(landscape.load(path).losses, together.losses)


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_dead_process_costs_no_point(
    mlp: nn.Module, vectors: Any, tmp_path: Path, deaths: int
) -> None:
    folder, path, recorder = tmp_path / "files", tmp_path / "s.h5", Recorder()
    folder.mkdir()
    model = Deadly(mlp, folder)

    def go() -> landscape.Surface:
        return scan(
            model,
            F.cross_entropy,
            vectors,
            points=4,
            precision="float64",
            device=DEVICES,
            path=path,
            progress=recorder,
        )

    for k in range(deaths):
        (folder / str(k)).touch()
    alone = scan(model, F.cross_entropy, vectors, points=4, precision="float64")
    np.testing.assert_allclose(go().losses, alone.losses, rtol=1e-12)
    assert sum("a worker process died" in note for note in recorder.notes) == deaths
    assert any("cpu alone" in note for note in recorder.notes) == (deaths == len(DEVICES))


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 9), st.integers(1, 20))
def test_tasks_hold_every_point_once_and_shrink(
    num: int, most: int, processes: int, batch: int
) -> None:
    points = [(float(k), 0.0) for k in range(num)]
    tasks = list(blocks(points, most, batch, processes))
    assert [each for task in tasks for each in task] == list(enumerate(points))
    sizes = [len(task) for task in tasks]
    assert sizes == sorted(sizes, reverse=True)
    assert all(1 <= size <= max(most, batch) for size in sizes)
    assert all(size % batch == 0 for size in sizes[:-1])
    assert num == 0 or sizes[-1] <= batch


def test_processes_that_cannot_start_do_not_block(
    mlp: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a script without a guard: they end before they read data that fill a pipe."""
    monkeypatch.setattr("landscape.evaluation.workers._begin", os.abort)
    recorder = Recorder()
    vectors = torch.randn(100_000, 7), torch.randint(3, (100_000,))
    surface = scan(mlp, F.cross_entropy, vectors, points=2, device=DEVICES, progress=recorder)
    assert surface.is_complete
    assert any("Could not start worker processes" in note for note in recorder.notes)


def test_a_stopped_process_does_not_hold_up_the_others(
    mlp: nn.Module, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    monkeypatch.setattr("landscape.evaluation.workers._LATEST", 1.0)
    monkeypatch.setattr("landscape.evaluation.workers._SECONDS_PER_TASK", 0.01)
    monkeypatch.setattr("landscape.evaluation.workers._LATE", 1.0)
    stopped: list[int] = []

    class Stopper(Silent):
        def update(self, done: int, detail: str = "") -> None:
            if not stopped and done > 20:
                stopped.append(multiprocessing.active_children()[0].pid or 0)
                os.kill(stopped[0], signal.SIGSTOP)

    alone = scan(mlp, F.cross_entropy, vectors, points=15)
    together = scan(mlp, F.cross_entropy, vectors, points=15, device=DEVICES, progress=Stopper())
    assert stopped
    np.testing.assert_array_equal(together.losses, alone.losses)


def test_processes_that_die_at_work_are_an_error(
    mlp: nn.Module, vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")  # one point at a time

    class Killer(Silent):
        def update(self, done: int, detail: str = "") -> None:
            for child in multiprocessing.active_children():
                child.kill()

    path = tmp_path / "s.h5"
    with pytest.raises(LandscapeError, match="all processes died"):
        scan(
            mlp,
            F.cross_entropy,
            vectors,
            points=60,
            device=DEVICES,
            path=path,
            progress=Killer(),
        )
    assert 0 < landscape.load(path).evaluated.sum() < 3600


def test_what_cannot_be_sent_is_computed_here_and_reported(mlp: nn.Module, vectors: Any) -> None:
    recorder = Recorder()
    surface = scan(
        mlp,
        lambda outputs, targets: (outputs[:, 0] - targets) ** 2,
        vectors,
        points=3,
        device=DEVICES,
        progress=recorder,
    )
    assert surface.is_complete
    assert any("cannot be sent to other processes" in note for note in recorder.notes)


def test_a_users_own_files_reach_the_processes(run_process: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Mine(nn.Linear):\n    pass\n"
        "def make():\n    return Mine(4, 3)\n"
        "def loss(outputs, targets):\n"
        "    return nn.functional.cross_entropy(outputs, targets, reduction='none')\n"
    )
    torch.save(nn.Linear(4, 3).state_dict(), tmp_path / "w.pt")
    np.savez(
        tmp_path / "d.npz", x=np.random.default_rng(0).random((9, 4), "f4"), y=np.arange(9) % 3
    )
    command = ["scan", "w.pt", "--model", "mine.py:make", "--loss", "mine.py:loss"]
    command += ["--data", "d.npz", "--points", "3", "--precision", "float64"]
    (tmp_path / "sitecustomize.py").write_text(
        "import landscape.scan_loop\nlandscape.scan_loop._SECONDS_WORTH_PROCESSES = 0.0\n"
    )
    path = f"{Path(landscape.__file__).parent.parent}{os.pathsep}{tmp_path}"
    for out, device in (("a.h5", "cpu"), ("b.h5", "cpu,cpu")):
        done = run_process(*command, "--out", out, "--device", device, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
    a, b = (landscape.load(tmp_path / name) for name in ("a.h5", "b.h5"))
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-12)


def test_devices_are_named() -> None:
    assert choose_devices("cpu") == [torch.device("cpu")]
    assert len(choose_devices("cpu,cpu")) == 2
    assert len(choose_devices([torch.device("cpu"), "cpu"])) == 2
    wrong: Any
    for wrong in ("", "cpu,", "tpu", []):
        with pytest.raises(ValueError, match="device"):
            choose_devices(wrong)
