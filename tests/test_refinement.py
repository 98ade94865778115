"""As many points as the picture needs: what is left out deviates by no more than is stated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from numpy.typing import NDArray
from torch import nn

import landscape
from landscape import captions
from landscape.cli import group
from landscape.commands.options import POINTS
from landscape.compute import Compute
from landscape.errors import DifferentScanError, LandscapeError
from landscape.geometry import area_below
from landscape.grid import Grid
from landscape.interpolation import interpolate_missing
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.refinement import deviations, expected_points, refining
from landscape.surface import Surface
from tests.reporters import Recorder

Array = NDArray[np.float64]

GRID = Grid.regular(101)
ALPHAS, BETAS = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")


def spike(alpha: float, beta: float, width: float) -> Array:
    bump = np.exp(-((ALPHAS - alpha) ** 2 + (BETAS - beta) ** 2) / (2 * width**2))
    return np.asarray(ALPHAS**2 + BETAS**2 + 1 + 3 * bump)


def waves(seed: int) -> Array:
    """A bowl with waves of random lengths and directions, some too short for the grid."""
    rng = np.random.default_rng(seed)
    losses = 2 + 3 * (ALPHAS**2 + 0.5 * BETAS**2)
    for k, phase, height in zip(
        rng.normal(0, 15, (6, 2)), rng.random(6), rng.random(6), strict=True
    ):
        losses = losses + 0.3 * height * np.sin(k[0] * ALPHAS + k[1] * BETAS + 6.3 * phase)
    return losses


def refined(
    losses: Array, tolerance: float, grid: Grid = GRID
) -> tuple[Surface, float, NDArray[np.bool_]]:
    """Return a surface with the points that are wanted of given losses, and the stated error."""
    steps, empty = (
        refining(grid, tolerance),
        Surface.empty(grid, {"points_tolerance": tolerance}, {}),
    )
    wanted = next(steps)
    while True:
        surface = replace(
            empty,
            losses=np.where(wanted, losses, np.nan),
            evaluated=wanted,
            examples=wanted.astype(np.int64),
        )
        try:
            following = steps.send(surface)
        except StopIteration as stop:
            return surface, stop.value, wanted
        assert (following | ~wanted).all()  # what is wanted is kept
        wanted = following


def coverage(losses: Array, surface: Surface, error: float) -> float:
    """Return the share of the points left out that deviate by no more than the error."""
    known = surface.evaluated
    found = deviations(replace(surface, losses=losses), known, known)[~known]
    return float(np.mean(found <= error + 1e-12)) if found.size else 1.0


SMOOTH: dict[str, Array] = {
    "bowl": ALPHAS**2 + BETAS**2 + 0.3,
    "log bowl": ALPHAS**2 + BETAS**2,
    "narrow bowl": 1e-3 + 5 * ALPHAS**2 + BETAS**2 + ALPHAS * BETAS,
    "saddle": ALPHAS**2 - BETAS**2,
    "constant": np.full(GRID.shape, 2.3),
    "one spike": spike(0.31, -0.42, 0.05),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_surface_takes_few_points(name: str) -> None:
    losses = SMOOTH[name]
    surface, error, wanted = refined(losses, 0.01)
    assert wanted.mean() < 0.12
    assert error <= 0.01
    assert coverage(losses, surface, 0.01) >= 0.99
    if name == "one spike":
        top = np.unravel_index(losses.argmax(), losses.shape)
        drawn = surface.interpolated()
        assert drawn[top] == pytest.approx(losses[top], rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.01, 0.03])
def test_the_stated_error_covers_the_points_left_out(tolerance: float) -> None:
    """95 % of them with a confidence of 99 %, for any surface."""
    covered = []
    for seed in range(6):
        surface, error, _ = refined(waves(seed), tolerance)
        assert error <= tolerance
        covered.append(coverage(waves(seed), surface, error))
    assert min(covered) >= 0.95


def test_noise_takes_all_points() -> None:
    _, error, wanted = refined(np.random.default_rng(0).random(GRID.shape), 0.01)
    assert wanted.all()
    assert error == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_border_of_what_is_not_finite_is_found(value: float) -> None:
    losses = np.where(ALPHAS + BETAS > 0.53, value, ALPHAS**2 + BETAS**2 + 0.3)
    surface, _, wanted = refined(losses, 0.01)
    assert wanted.mean() < 0.5
    drawn = np.isfinite(surface.interpolated())
    assert np.mean(drawn != np.isfinite(losses)) < 0.005


def test_nothing_finite_takes_few_points() -> None:
    surface, error, wanted = refined(np.full(GRID.shape, np.nan), 0.01)
    assert wanted.mean() < 0.05
    assert error == 0
    assert np.isnan(surface.interpolated()).all()


@pytest.mark.parametrize("shape", [(401, 1), (61, 33), (1, 401)])
def test_lines_and_grids_that_are_not_square(shape: tuple[int, int]) -> None:
    grid = Grid.regular(shape, (-1.0, 2.0), (-3.0, 1.0))
    losses = 1 + (grid.alphas[:, None] - 0.3) ** 2 + 2 * (grid.betas[None] + 1) ** 2
    surface, error, wanted = refined(losses, 0.01, grid)
    assert wanted.mean() < 0.45
    assert coverage(losses, surface, error) >= 0.95


def test_a_small_grid_is_evaluated_whole() -> None:
    grid = Grid.regular(13)
    assert next(refining(grid, 0.01)).all()
    assert next(refining(GRID, 0.0)).all()
    assert expected_points(grid) == 64


def test_what_is_not_finite_is_not_interpolated_over() -> None:
    values = np.array([[1.0, 9, np.nan, 9, np.nan], [1, 9, np.nan, 9, np.nan]])
    known = np.array([[True, False, True, False, True]] * 2)
    found = interpolate_missing(values, known)
    assert np.isnan(found[:, 2:]).all()
    assert (found[:, :2] == 1).all()


@pytest.mark.parametrize("smooth", [False, True])
def test_a_plane_is_interpolated_exactly(smooth: bool) -> None:
    losses = 2 + ALPHAS - 0.5 * BETAS
    known = np.zeros(GRID.shape, dtype=bool)
    known[::20, ::25] = True
    known.flat[np.random.default_rng(0).choice(GRID.size, 50)] = True
    found = interpolate_missing(losses, known, smooth=smooth)
    np.testing.assert_allclose(found, losses, atol=1e-6)
    low, high = losses[known].min(), losses[known].max()
    assert low <= found.min()
    assert found.max() <= high


@pytest.fixture
def objective() -> Objective:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 12), nn.Tanh(), nn.Linear(12, 3))
    x = torch.randn(400, 7)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.5).long() + (x[:, 2] > 1).long()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return Objective(model, F.cross_entropy, (x, y), device="cpu").described(name="net")


class Stopping(Recorder):
    """Interrupts at the k-th point of the scan."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.seen = at, 0

    def update(self, done: int, detail: str = "") -> None:
        super().update(done, detail)
        self.seen += 1
        if self.seen == self.at:
            raise KeyboardInterrupt


def values_at(surface: Surface) -> Array:
    return np.where(surface.evaluated, surface.losses, np.nan)


def test_a_scan_takes_the_points_that_the_picture_needs(
    objective: Objective, tmp_path: Path
) -> None:
    compute, recorder = Compute(points_tolerance=0.01), Recorder()
    path = tmp_path / "s.h5"
    surface = landscape.scan(objective, grid=61, file=path, compute=compute, progress=recorder)
    whole = landscape.scan(objective, grid=61)
    known = surface.evaluated
    assert known.mean() < 0.3
    assert surface.is_complete
    assert surface.done == (known.sum(), known.sum())
    np.testing.assert_allclose(surface.losses[known], whole.losses[known], rtol=1e-5)
    found = deviations(replace(surface, losses=whole.losses), known, known)[~known]
    assert np.mean(found <= float(surface.provenance["points_error"])) >= 0.95
    text = f"{known.sum()} of 3721 points evaluated, the others interpolated (error "
    assert any(text in note for note in recorder.notes)
    assert any(entry.startswith(text) for entry in captions.notes(surface))
    assert not captions.unfinished(surface)
    assert sum("3721 points or fewer" in note for note in recorder.notes) == 1
    stored = landscape.load(path)
    np.testing.assert_array_equal(values_at(stored), values_at(surface))
    assert stored.is_complete
    np.testing.assert_array_equal(stored.interpolated(), surface.interpolated())
    with pytest.raises(LandscapeError, match="scan with a number of points"):
        area_below(stored, 1.0)
    plt.close(landscape.plot(stored))
    for other in (0.0, 0.02):
        with pytest.raises(DifferentScanError):
            landscape.scan(objective, grid=61, file=path, compute=Compute(points_tolerance=other))


@pytest.mark.parametrize("tolerance", [0.0, 0.2])
@pytest.mark.parametrize("at", [1, 80, 150])
def test_a_resumed_scan_has_the_same_points(
    objective: Objective, tmp_path: Path, at: int, tolerance: float
) -> None:
    compute = Compute(tolerance=tolerance, points_tolerance=0.01)

    def go(name: str, progress: Any = None) -> Surface:
        file = tmp_path / name
        return landscape.scan(objective, grid=61, file=file, compute=compute, progress=progress)

    whole = go("whole.h5")
    with pytest.raises(KeyboardInterrupt):
        go("s.h5", Stopping(at))
    stopped = landscape.load(tmp_path / "s.h5")
    assert not stopped.is_complete
    assert stopped.done == (stopped.final.sum(), 3721)
    if at < 81:
        assert captions.unfinished(stopped)
    resumed = go("s.h5")
    assert resumed.is_complete
    np.testing.assert_array_equal(resumed.evaluated, whole.evaluated)
    np.testing.assert_allclose(values_at(resumed), values_at(whole), rtol=1e-6)
    assert len(np.unique(resumed.examples[resumed.evaluated])) == 1


def test_a_mesh_of_it_has_no_holes(objective: Objective, tmp_path: Path) -> None:
    surface = landscape.scan(objective, grid=61, compute=Compute(points_tolerance=0.01))
    notes = landscape.interchange.write(surface, tmp_path / "a.stl")
    assert any("the others interpolated" in note for note in notes)
    assert not any("holes" in note for note in notes)
    part = replace(surface, provenance={})  # as if it were not complete
    with pytest.raises(LandscapeError, match="points are not evaluated"):
        landscape.interchange.write(part, tmp_path / "b.stl")


def test_what_needs_all_points_is_refused(objective: Objective) -> None:
    compute = Compute(points_tolerance=0.01)
    with pytest.raises(ValueError, match="curvature is evaluated at all points"):
        landscape.scan(objective, grid=5, quantities=("loss", "curvature"), compute=compute)
    planes = [Plane.random(objective.center, seed) for seed in (0, 1)]
    with pytest.raises(ValueError, match="several seeds are evaluated at all points"):
        landscape.scan(objective, planes, grid=5, compute=compute)
    with pytest.raises(ValueError, match="points_tolerance must be in"):
        Compute(points_tolerance=1.0)


def test_the_option_takes_auto(scan_command: list[str], tmp_path: Path) -> None:
    assert POINTS.convert("auto", None, None) is None

    def run(*given: str) -> Any:
        return CliRunner().invoke(group, [*scan_command, "--points", "auto", *given])

    result = run("--out", "a.h5")
    assert result.exit_code == 0, result.output
    surface = landscape.load(tmp_path / "a.h5")
    assert surface.grid.shape == (101, 101)
    assert surface.settings["points_tolerance"] == 0.02
    assert surface.evaluated.mean() < 0.2
    result = run("--line", "--out", "b.h5")
    assert result.exit_code == 0, result.output
    assert landscape.load(tmp_path / "b.h5").grid.shape == (401, 1)
    assert run("--curvature", "--out", "c.h5").exit_code == 2
    assert not (tmp_path / "c.h5").exists()
