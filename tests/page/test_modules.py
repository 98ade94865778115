"""The page's modules that need no page: tested with deno, against figures and scipy."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from landscape.figures.between import between, finer
from landscape.grid import Grid
from landscape.scale import Scale
from landscape.surface import Surface
from tests.conftest import ROOT

Array = NDArray[np.float64]

TESTS = ROOT / "tests" / "page_js"


def deno() -> str:
    of_python = Path(sys.executable).parent / "deno"
    found = str(of_python) if of_python.exists() else shutil.which("deno")
    if found is None:
        pytest.skip("no deno")
    return found


def surface(losses: Array) -> Surface:
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
                - (random.uniform(0, 1e-2) if number % 7 == 0 else 0)
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
                "floored": scale.floored,
                "labels": [Scale.label(float(level)) for level in scale.levels(12)],
            }
        )
    return found


def along(where: Array, values: Array, to: Array) -> Array:
    """The monotone cubic of scipy through every run of finite values, nan between the runs."""
    result = np.full(len(to), np.nan)
    edges = [-1, *np.flatnonzero(~np.isfinite(values)), len(values)]
    for before, end in itertools.pairwise(edges):
        x, y = where[before + 1 : end], values[before + 1 : end]
        if len(x) == 1:
            result[to == x[0]] = y[0]
        elif len(x):
            inside = (to >= x[0]) & (to <= x[-1])
            result[inside] = PchipInterpolator(x, y)(to[inside])
    return result


def in_both_orders(grid: Grid, heights: Array, alphas: Array, betas: Array) -> Array:
    """The mean of interpolating along α, then β, and along β, then α."""
    first = np.stack([along(grid.alphas, column, alphas) for column in heights.T], axis=1)
    one = np.stack([along(grid.betas, row, betas) for row in first])
    second = np.stack([along(grid.betas, row, betas) for row in heights])
    other = np.stack([along(grid.alphas, column, alphas) for column in second.T], axis=1)
    result: Array = (one + other) / 2
    return result


def samples(seed: int) -> tuple[Grid, Array, int]:
    """A grid with uneven steps, heights of which some are equal or missing, and a fineness."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 9, 2)
    grid = Grid(np.sort(rng.normal(size=m)), np.sort(rng.normal(size=n)))
    rugged, few = 10 ** rng.normal(0, 2, (m, n)), rng.choice([0.0, 1.0, 2.0, 5.0], (m, n))
    heights = np.where(rng.random((m, n)) < 0.1 * (seed % 3), np.nan, few if seed % 2 else rugged)
    return grid, heights, int(rng.integers(2, 40))


def test_heights_between_the_points_of_a_grid_are_those_of_scipy() -> None:
    for seed in range(100):
        grid, heights, num = samples(seed)
        alphas, betas = finer(grid.alphas, num), finer(grid.betas, num)
        found = between(grid, heights, alphas, betas)
        wanted = in_both_orders(grid, heights, alphas, betas)
        rounding = 1e-12 * max(1, np.nanmax(heights, initial=0))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=rounding)


def interpolated() -> list[dict[str, object]]:
    """Heights, and what scipy has between them: nan is None, rows are those of one β."""

    def rows(values: Array) -> list[list[float | None]]:
        return [[float(v) if np.isfinite(v) else None for v in row] for row in values.T]

    found = []
    for seed in range(200):
        grid, heights, num = samples(seed)
        alphas, betas = finer(grid.alphas, num), finer(grid.betas, num)
        given = {"alphas": grid.alphas.tolist(), "betas": grid.betas.tolist()}
        wanted = {"alphas": alphas.tolist(), "betas": betas.tolist()}
        fine = in_both_orders(grid, heights, alphas, betas)
        found.append(
            {
                "given": {**given, "rows": rows(heights)},
                "num": num,
                "wanted": {**wanted, "rows": rows(fine)},
            }
        )
    return found


@pytest.mark.slow
def test_modules_of_the_page(tmp_path: Path) -> None:
    passed = {"SCALES": cases(), "HEIGHTS": interpolated()}
    for name, content in passed.items():
        (tmp_path / name).write_text(json.dumps(content))
    files = {name: str(tmp_path / name) for name in passed}
    allowed = ["--allow-env", "--allow-read"]
    result = subprocess.run(
        [deno(), "test", "-q", "--no-check", *allowed, "--config", ROOT / "deno.json", TESTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **files, "DENO_NO_UPDATE_CHECK": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
