"""The page's modules that need no page: tested with deno, the scale against the one of figures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landscape.grid import Grid
from landscape.scale import Scale
from landscape.surface import Surface
from tests.conftest import ROOT

TESTS = ROOT / "tests" / "page_js"


def deno() -> str:
    of_python = Path(sys.executable).parent / "deno"
    found = str(of_python) if of_python.exists() else shutil.which("deno")
    if found is None:
        pytest.skip("no deno")
    return found


def surface(losses: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Surface:
    grid = Grid.regular((len(losses), 1))
    empty = Surface.empty(grid, {}, {})
    empty.losses[:, 0], empty.evaluated[:] = losses, True
    return empty


def cases() -> list[dict[str, object]]:
    """Random losses of all magnitudes, with outliers, and what figures make of them."""
    random, found = np.random.default_rng(0), []
    for number in range(300):
        surfaces = [
            surface(
                10 ** random.uniform(-4, 3)
                * np.exp(random.uniform(0, 6) * random.standard_normal(random.integers(3, 40)))
                + (random.uniform(0, 5) if number % 3 else 0)
            )
            for _ in range(1 + number % 2)
        ]
        kind = ("auto", "linear", "log")[number % 3]
        scale = Scale.covering(surfaces, kind)  # type: ignore[arg-type]
        found.append(
            {
                "surfaces": [each.losses[:, 0].tolist() for each in surfaces],
                "kind": kind,
                "low": scale.low,
                "high": scale.high,
                "log": scale.log,
                "clipped": scale.clipped,
                "labels": [Scale.label(float(level)) for level in scale.levels(12)],
            }
        )
    return found


@pytest.mark.slow
def test_modules_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "scales.json").write_text(json.dumps(cases()))
    allowed = ["--allow-env", "--allow-read"]
    result = subprocess.run(
        [deno(), "test", "-q", "--no-check", *allowed, "--config", ROOT / "deno.json", TESTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "SCALES": str(tmp_path / "scales.json"), "DENO_NO_UPDATE_CHECK": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
