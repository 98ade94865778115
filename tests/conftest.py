"""What the tests share: small nets, few data, one thread."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape.surface import Surface
from tests import nets
from tests.browser import chromium

matplotlib.use("Agg")
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's library is imported

# A shell ignores it for what it starts in the background, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


_SLOW_FIXTURES = {"run_process", "installed", "wheel"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes."""
    for item in items:
        if _SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _deterministic() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """Every available device."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return str(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of one file; skipped if none is installed."""
    with chromium() as found:
        yield found


@pytest.fixture
def conv_net() -> nn.Module:
    """A net with BatchNorm for images of shape (1, 6, 6) and 3 classes, in training mode."""
    return nets.ConvNet()


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    """23 images of shape (1, 6, 6), a prime number of them, with labels 0 to 2."""
    return torch.randn(23, 1, 6, 6), torch.randint(3, (23,))


@pytest.fixture
def scan_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A scan of an own model in the present folder, without its points and its output."""
    monkeypatch.chdir(tmp_path)
    torch.save(nn.Linear(4, 3).state_dict(), "w.pt")
    rng = np.random.default_rng(0)
    np.savez("d.npz", x=rng.random((9, 4), "f4"), y=np.arange(9) % 3)
    Path("mine.py").write_text("from torch import nn\ndef make(): return nn.Linear(4, 3)\n")
    return ["scan", "w.pt", "--model", "mine.py:make", "--data", "d.npz"]


@pytest.fixture
def mlp() -> nn.Module:
    """A net without BatchNorm for inputs of shape (7,) and 3 classes."""
    return nets.mlp()


@pytest.fixture
def vectors() -> tuple[Tensor, Tensor]:
    """23 inputs of shape (7,) with labels 0 to 2."""
    return torch.randn(23, 7), torch.randint(3, (23,))


@pytest.fixture
def surface(mlp: nn.Module, vectors: tuple[Tensor, Tensor]) -> Surface:
    """A complete surface of 3×2 points that is not square."""
    from tests.scans import scan

    return scan(
        mlp, nn.functional.cross_entropy, vectors, points=(3, 2), beta=(-0.5, 0.25), name="mlp"
    )


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run the command line in this process, in an empty folder."""
    from landscape import cli

    def call(*arguments: str | Path, cwd: Path = tmp_path) -> "subprocess.CompletedProcess[str]":
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["landscape", *map(str, arguments)])
        monkeypatch.setattr(sys, "path", list(sys.path))
        terminate = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        try:
            # Warnings are errors in the tests; a user sees them.
            with matplotlib.rc_context(), pytest.raises(SystemExit) as ended:
                cli.main()
        finally:
            signal.signal(signal.SIGTERM, terminate)
            torch.set_num_threads(1)
        output = capfd.readouterr()
        code = ended.value.code
        return subprocess.CompletedProcess(
            sys.argv, code if isinstance(code, int) else 0, output.out, output.err
        )

    yield call
    for name in [name for name in sys.modules if name.startswith("landscape_user_")]:
        del sys.modules[name]


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, in an empty folder."""

    def call(
        *arguments: str | Path, cwd: Path = tmp_path, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "landscape", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


ROOT = Path(__file__).resolve().parent.parent
