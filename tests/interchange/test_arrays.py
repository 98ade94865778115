"""Arrays of loss-landscapes and of Landscaper, made here by their loops."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landscape import interchange
from landscape.curvature_map import Curvature
from landscape.errors import SurfaceFileError
from landscape.interchange.arrays import aligned
from tests.interchange.surfaces import hill

Array = NDArray[np.float64]


def loss(alpha: float, beta: float) -> float:
    return (alpha - 0.3) ** 2 + 3 * (beta + 0.1) ** 2 + alpha * beta


def walked(steps: int, step: float) -> Array:
    """As ``random_plane`` of loss-landscapes 3.0.6: add and subtract directions in place."""
    alpha = beta = -steps / 2 * step
    rows = []
    for i in range(steps):
        row: list[float] = []
        for _ in range(steps):
            if i % 2 == 0:
                beta += step
                row.append(loss(alpha, beta))
            else:
                beta -= step
                row.insert(0, loss(alpha, beta))
        rows.append(row)
        alpha += step
    return np.array(rows)


def test_an_array_has_alpha_first(tmp_path: Path) -> None:
    alphas, betas = np.linspace(-1, 0.5, 4), np.linspace(0, 2, 3)
    np.save(tmp_path / "a.npy", [[loss(a, b) for b in betas] for a in alphas])
    surface, notes = interchange.read(tmp_path / "a.npy", alpha=(-1, 0.5), beta=(0, 2))
    assert notes == []
    assert surface.is_complete
    for alpha, beta, values in surface:
        assert values.loss == pytest.approx(loss(alpha, beta))
    assert surface.settings == {"program": "unknown", "source": "a.npy"}


@pytest.mark.parametrize("steps", [5, 6, 20])
def test_a_plane_of_loss_landscapes_is_aligned(steps: int, tmp_path: Path) -> None:
    step = 1 / steps
    np.save(tmp_path / "a.npy", walked(steps, step))
    ends = (-0.5, 0.5 - step), (-0.5 + step, 0.5 - step)
    surface, notes = interchange.read(
        tmp_path / "a.npy", alpha=ends[0], beta=ends[1], align_rows=True
    )
    assert "rows are aligned" in notes[0]
    assert surface.grid.shape == (steps, steps - 1)
    for alpha, beta, values in surface:
        assert values.loss == pytest.approx(loss(alpha, beta))
    _, notes = interchange.read(tmp_path / "a.npy", alpha=ends[0], beta=(-0.5, 0.5))
    assert "draws a zigzag: align_rows=True aligns them" in notes[0]


def test_rows_that_do_not_alternate_are_not_suspected(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number, values in enumerate((random.random((20, 20)), hill().losses, np.ones((9, 9)))):
        np.save(tmp_path / f"{number}.npy", values)
        assert interchange.read(tmp_path / f"{number}.npy", alpha=(0, 1), beta=(0, 1))[1] == []


def test_a_line_needs_one_range(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(5))
    surface, _ = interchange.read(tmp_path / "a.npy", alpha=(0, 1))
    assert surface.is_line
    assert surface.losses[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert surface.grid.betas.tolist() == [0]


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ((3, 2), {}, "no coordinates, and an array of shape .* first and last alpha and beta"),
        ((3, 2), {"alpha": (0, 1)}, "alpha and beta"),
        ((3,), {"alpha": (0, 1), "beta": (0, 1)}, "alpha alone"),
        ((3,), {"alpha": (0, 1), "align_rows": True}, "no rows to align"),
        ((3, 2), {"alpha": (0, 1), "beta": (0, 1), "split": "test"}, "split='test' is for"),
    ],
)
def test_ranges_are_never_invented(
    shape: tuple[int, ...], options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(ValueError, match=text):
        interchange.read(tmp_path / "a.npy", **options)


def test_a_file_of_landscaper_has_its_coordinates(tmp_path: Path) -> None:
    coordinates = [np.linspace(-0.01, 0.01, 5), np.linspace(-0.02, 0.02, 5)]
    losses = np.zeros((5, 5))
    for point in product(range(5), repeat=2):  # as compute_loss_landscape
        losses[point] = loss(coordinates[0][point[0]], coordinates[1][point[1]])
    np.savez(tmp_path / "a.npz", loss=losses, coordinates=coordinates)  # as LossLandscape.save
    surface, notes = interchange.read(tmp_path / "a.npz")
    assert surface.settings["program"] == "Landscaper"
    assert "not finite" in notes[0]
    for alpha, beta, values in surface:
        assert values.loss == loss(alpha, beta)
    with pytest.raises(ValueError, match="has coordinates"):
        interchange.read(tmp_path / "a.npz", alpha=(0, 1))


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"losses": np.ones((2, 2))}, "expected the arrays loss and coordinates .* found losses"),
        ({"loss": np.ones((2, 2, 2)), "coordinates": np.ones((3, 2))}, "not of two dimensions"),
        (
            {"loss": np.ones((2, 3)), "coordinates": [[0, 1], [0, 1]]},
            r"shape \(2, 3\), the coordinates \(2, 2\)",
        ),
        ({"loss": np.ones((2, 2), "c8"), "coordinates": [[0, 1], [0, 1]]}, "complex64"),
        ({"loss": np.array([{}]), "coordinates": np.ones((2, 2))}, "is damaged"),
    ],
)
def test_other_archives_are_refused(arrays: dict[str, Any], text: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SurfaceFileError, match=text):
        interchange.read(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(0,), (3, 0), (20_000, 1)])
def test_arrays_that_are_no_grid_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(SurfaceFileError, match="expected 1 to 10,000 points along each axis"):
        interchange.read(tmp_path / "a.npy", alpha=(-1, 1), beta=(-1, 1))


def test_coordinates_that_do_not_rise_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", loss=np.ones((2, 2)), coordinates=np.zeros((2, 2)))
    with pytest.raises(SurfaceFileError, match="strictly increasing"):
        interchange.read(tmp_path / "a.npz")


def test_aligned_rows_keep_their_order() -> None:
    ahead = np.array([[1, 2, 3], [10, 11, 12], [21, 22, 23], [30, 31, 32]], dtype=float)
    np.testing.assert_array_equal(aligned(ahead), [[1, 2], [11, 12], [21, 22], [31, 32]])


def test_numpy_reads_every_seed(tmp_path: Path) -> None:
    first = hill()
    second = replace(first, losses=first.losses + 1, settings={**first.settings, "seed": 6})
    second.evaluated[0, 0], second.losses[0, 0] = False, np.nan
    ones = np.ones(first.grid.shape)
    curvature = Curvature(-ones, 2 * ones, ones > 0, ones < 0)
    surface = replace(first, repeats=(second,), curvature=curvature)
    assert interchange.write(surface, tmp_path / "a.npz") == []
    with np.load(tmp_path / "a.npz") as found:
        assert found["seeds"].tolist() == [5, 6]
        np.testing.assert_array_equal(found["alphas"], first.grid.alphas)
        np.testing.assert_array_equal(found["losses"], [first.losses, second.losses])
        np.testing.assert_array_equal(found["evaluated"][1], second.evaluated)
        assert found["metric_names"].tolist() == ["rate/s"]
        assert found["metrics"].shape == (1, 2, 7, 4)
        assert json.loads(str(found["settings"]))["loss"] == "cross_entropy"
        assert found["curvature_highest"][0, 0] == 2
