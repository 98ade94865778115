"""A network whose weights are shards on two ranks has the surface of the whole network."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F

import landscape
from landscape.errors import LandscapeError
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.sharding import sharded
from tests.sharded_scan import data, network

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("source", ["model", "state"])
def test_two_ranks_have_the_surface_of_one_process(tmp_path: Path, source: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command += [str(ROOT / "tests" / "sharded_scan.py"), str(tmp_path), source]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    objective = Objective(network(), F.cross_entropy, data(), device="cpu")
    whole = landscape.scan(objective, Plane.random(objective.center, 3), (5, 4))
    np.testing.assert_allclose(np.load(tmp_path / "losses.npy"), whole.losses, rtol=1e-6)
    surface = landscape.load(tmp_path / "s.h5")
    assert surface.settings["seed"] == 3
    assert surface.settings["normalize"] == "filter"
    assert len(str(surface.settings["shards_sha256"])) == 64


def test_a_process_group_is_needed() -> None:
    with pytest.raises(LandscapeError, match="start with torchrun"), sharded(network()):
        pass
