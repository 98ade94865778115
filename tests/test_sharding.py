"""A network whose weights are shards on two ranks has the surface of the whole network."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

import landscape
from landscape.cli import group
from landscape.errors import LandscapeError
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.sharding import sharded
from tests.sharded_scan import data, network

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


MODEL = """
from tests.sharded_scan import Net, data

def make():
    return Net()

def loss(outputs, targets):
    return -outputs.log_softmax(1).gather(1, targets[:, None])[:, 0]
"""


def two_ranks(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script, or a module, by torchrun on two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("source", ["model", "state"])
def test_two_ranks_have_the_surface_of_one_process(tmp_path: Path, source: str) -> None:
    script = str(ROOT / "tests" / "sharded_scan.py")
    done = two_ranks(script, str(tmp_path), source, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    objective = Objective(network(), F.cross_entropy, data(), device="cpu")
    whole = landscape.scan(objective, Plane.random(objective.center, 3), (5, 4))
    np.testing.assert_allclose(np.load(tmp_path / "losses.npy"), whole.losses, rtol=1e-6)
    surface = landscape.load(tmp_path / "s.h5")
    assert surface.settings["seed"] == 3
    assert surface.settings["normalize"] == "filter"
    assert len(str(surface.settings["shards_sha256"])) == 64


def test_the_command_line_scans_shards(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODEL)
    torch.save(network().state_dict(), tmp_path / "net.pt")
    scan = ["-m", "landscape", "scan", "net.pt", "--model", "mine.py:make", "--loss"]
    scan += ["mine.py:loss", "--data", "mine.py:data", "--points", "5x4", "--seed", "3"]
    scan += ["--shard", "--out", "s.h5"]
    for report in ("took", "all losses are evaluated already"):  # the second time it is resumed
        done = two_ranks(*scan, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stderr.count(report) == 1  # of one rank alone
        assert done.stdout.splitlines() == ["s.h5"]
    objective = Objective(network(), F.cross_entropy, data(), device="cpu")
    whole = landscape.scan(objective, Plane.random(objective.center, 3), (5, 4))
    np.testing.assert_allclose(landscape.load(tmp_path / "s.h5").losses, whole.losses, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "start it with torchrun"),
        (["--curvature"], "--shard cannot be combined with --curvature"),
        (["--plane", "pca"], "--shard needs --plane random, got pca"),
        (["--only", "a"], "--shard cannot be combined with --only"),
    ],
)
def test_what_shards_cannot_do_is_refused(options: list[str], message: str) -> None:
    result = CliRunner().invoke(group, ["scan", "net.pt", "--shard", *options])
    assert result.exit_code == 2
    assert message in result.output


def test_a_process_group_is_needed() -> None:
    with pytest.raises(LandscapeError, match="start with torchrun"), sharded(network()):
        pass
