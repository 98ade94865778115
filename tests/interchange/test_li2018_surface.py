"""Files of the code of Li et al., written and read here by its loops over ``ravel``."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from landscape import figures, hdf5, interchange
from landscape.curvature_map import Curvature
from landscape.errors import SurfaceFileError
from landscape.grid import Grid
from landscape.overlays import Mark, Trajectory
from landscape.surface import Surface

Array = NDArray[np.float64]
GRIDS = {"square": (4, 4), "wide": (7, 3), "high": (2, 5), "line": (6, 1)}


def write_theirs(
    path: Path, xs: Array, ys: Array | None, **values: Callable[[float, float], float]
) -> None:
    """As ``crunch`` does: values in the order of a meshgrid, in an array of shape (nx, ny)."""
    with h5py.File(path, "w") as file:
        file["dir_file"] = "model_300.t7_weights_xignore=biasbn_xnorm=filter.h5"
        file["xcoordinates"] = xs
        if ys is not None:
            file["ycoordinates"] = ys
        for name, function in values.items():
            array = -np.ones(len(xs) if ys is None else (len(xs), len(ys)))
            places = list(product([0.0] if ys is None else ys, xs))
            for number, (y, x) in enumerate(places):
                array.ravel()[number] = function(x, y)
            file[name] = array


def read_theirs(path: Path, name: str) -> dict[tuple[float, float], float]:
    """As ``h5_to_vtp`` does: raveled coordinates of a meshgrid next to the raveled array."""
    with h5py.File(path) as file:
        ys = file["ycoordinates"][:] if "ycoordinates" in file else np.zeros(1)
        x, y = np.meshgrid(file["xcoordinates"][:], ys)
        values = file[name][:].ravel()
    return dict(zip(zip(x.ravel().tolist(), y.ravel().tolist(), strict=True), values, strict=True))


def loss(x: float, y: float) -> float:
    return 2 + x - 0.37 * y + x * y * y


def coordinates(shape: tuple[int, int]) -> tuple[Array, Array | None]:
    ys = None if shape[1] == 1 else np.linspace(-0.4, 1.1, shape[1])
    return np.linspace(-1, 0.7, shape[0]), ys


def datasets(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


@pytest.mark.parametrize("shape", GRIDS.values(), ids=GRIDS)
def test_a_loss_is_where_their_code_evaluated_it(shape: tuple[int, int], tmp_path: Path) -> None:
    xs, ys = coordinates(shape)
    write_theirs(tmp_path / "a.h5", xs, ys, train_loss=loss, train_acc=lambda x, y: 50 + 10 * x)
    surface, notes = interchange.read(tmp_path / "a.h5")
    assert notes == []
    assert surface.is_complete
    for alpha, beta, values in surface:
        assert values.loss == loss(alpha, beta)
        assert values.accuracy == pytest.approx((50 + 10 * alpha) / 100, rel=1e-15)
    assert surface.grid == Grid(xs, np.zeros(1) if ys is None else ys)


@pytest.mark.parametrize("shape", GRIDS.values(), ids=GRIDS)
def test_a_loss_is_where_their_code_looks_for_it(shape: tuple[int, int], tmp_path: Path) -> None:
    xs, ys = coordinates(shape)
    surface = Surface.empty(Grid(xs, np.zeros(1) if ys is None else ys), {}, {})
    for index in range(surface.grid.size):
        surface.losses.flat[index] = loss(*surface.grid.point(index))
    surface.evaluated[:] = True
    surface.evaluated[1, 0] = False
    interchange.write(surface, tmp_path / "a.h5", li2018="surface")
    found = read_theirs(tmp_path / "a.h5", "train_loss")
    assert found.pop((float(surface.grid.alphas[1]), float(surface.grid.betas[0]))) == -1
    assert len(found) == surface.grid.size - 1
    for (x, y), value in found.items():
        assert value == loss(x, y)


@pytest.mark.parametrize("shape", GRIDS.values(), ids=GRIDS)
def test_their_file_comes_back_bit_for_bit(shape: tuple[int, int], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = iter([-1.0, np.inf, np.nan, -np.inf, 0.0, *random.lognormal(size=100)])

    def accuracy(_x: float, _y: float) -> float:  # percentages of torch, in float32
        return float(100.0 * np.float32(random.integers(50_000)) / np.float32(50_000))

    write_theirs(
        tmp_path / "a.h5",
        *coordinates(shape),
        train_loss=lambda x, y: next(values),
        train_acc=accuracy,
        min_eig=lambda x, y: 1.0 if x == -1 else float(random.normal()),
        max_eig=lambda x, y: -1.0 if x == -1 else float(random.lognormal()),
    )
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["train_acc"][(0,) * file["train_acc"].ndim] = -1  # not evaluated, as its loss
    surface, _ = interchange.read(tmp_path / "a.h5")
    surface.save(tmp_path / "ours.h5")
    interchange.write(hdf5.load(tmp_path / "ours.h5"), tmp_path / "b.h5", li2018="surface")
    before, after = datasets(tmp_path / "a.h5"), datasets(tmp_path / "b.h5")
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)


@pytest.mark.parametrize("shape", GRIDS.values(), ids=GRIDS)
def test_our_surface_comes_back(shape: tuple[int, int], tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    xs, ys = coordinates(shape)
    grid = Grid(xs, np.zeros(1) if ys is None else ys)
    surface = Surface.empty(grid, {"split": "test"}, {"name": "net"})
    surface.losses[:] = random.lognormal(size=grid.shape)
    surface.losses.flat[:3] = np.inf, np.nan, 0.0
    surface.accuracies[:] = random.integers(1797, size=grid.shape) / 1797
    surface.evaluated[:] = random.random(grid.shape) < 0.7
    surface.evaluated.flat[:4] = True, True, True, False
    evaluated = random.random(grid.shape) < 0.5
    lowest, highest = random.normal(size=(2, *grid.shape))
    surface = replace(surface, curvature=Curvature(lowest, highest, evaluated, evaluated))
    interchange.write(surface, tmp_path / "a.h5", li2018="surface")
    found, _ = interchange.read(tmp_path / "a.h5", split="test")
    assert "eigenvalues" not in found.settings  # ours are those of the mean loss
    np.testing.assert_array_equal(found.evaluated, surface.evaluated)
    for name in ("losses", "accuracies"):
        np.testing.assert_array_equal(found.stacked(name), surface.stacked(name), err_msg=name)
    assert found.curvature is not None
    np.testing.assert_array_equal(found.curvature.evaluated, evaluated)
    for ours, theirs in ((lowest, found.curvature.lowest), (highest, found.curvature.highest)):
        np.testing.assert_array_equal(theirs, np.where(evaluated, ours, np.nan))


def test_an_array_whose_shape_is_that_of_its_order_is_read_too(tmp_path: Path) -> None:
    xs, ys = np.linspace(-1, 1, 4), np.linspace(0, 1, 3)
    write_theirs(tmp_path / "a.h5", xs, ys, train_loss=loss)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        values = file["train_loss"][:].reshape(3, 4)  # as repaired copies of their code write it
        del file["train_loss"]
        file["train_loss"] = values
    for alpha, beta, values in interchange.read(tmp_path / "a.h5")[0]:
        assert values.loss == loss(alpha, beta)


def test_a_split_is_chosen_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_theirs(path, *coordinates((3, 2)), train_loss=loss, test_loss=lambda x, y: 10 + x)
    surface, notes = interchange.read(path)
    assert surface.settings["split"] == "train"
    assert notes == [
        "losses of the train images; the file also has those of the test images: split='test'"
    ]
    surface, notes = interchange.read(path, split="test")
    assert notes == []
    assert surface.losses[0].tolist() == [9, 9]
    interchange.write(surface, tmp_path / "b.h5", li2018="surface")
    assert "test_loss" in datasets(tmp_path / "b.h5")
    write_theirs(path, *coordinates((3, 2)), test_loss=loss)
    assert interchange.read(path)[0].settings["split"] == "test"
    with pytest.raises(SurfaceFileError, match="has no train_loss: it has dir_file, test_loss"):
        interchange.read(path, split="train")


def test_what_is_unknown_is_not_claimed(tmp_path: Path) -> None:
    write_theirs(tmp_path / "a.h5", *coordinates((3, 3)), train_loss=loss)
    surface, _ = interchange.read(tmp_path / "a.h5")
    assert dict(surface.settings) == {
        "program": "code of Li et al. (2018)",
        "source": "a.h5",
        "split": "train",
    }
    assert surface.quantity == "mean loss"
    assert "xnorm=filter" in str(surface.provenance["direction_file"])
    text = "".join(each.get_title() for each in figures.plot(surface).axes)
    for claim in ("filter", "images", "seed", "cross"):
        assert claim not in text


def test_points_that_are_not_evaluated_are_reported(tmp_path: Path) -> None:
    write_theirs(tmp_path / "a.h5", np.arange(3.0), None, train_loss=lambda x, y: x - 1)
    surface, notes = interchange.read(tmp_path / "a.h5")
    assert surface.evaluated[:, 0].tolist() == [False, True, True]
    assert notes[0].startswith("1 of 3 points are not evaluated: their loss is −1")


def test_what_their_format_does_not_hold_is_reported(tmp_path: Path) -> None:
    surface = Surface.empty(Grid.regular(2), {"seed": 3}, {}, metrics=["error"])
    surface.losses[:], surface.evaluated[:] = [[-1, 0], [2, 3]], True
    surface.standard_errors[:], surface.examples[:] = 0.1, 7
    surface = replace(surface, repeats=(surface,), marks=(Mark("a", 0, 0),))
    notes = interchange.write(surface, tmp_path / "a.h5", li2018="surface")
    assert notes == [
        "1 points have a loss of −1, which this format reads as not evaluated",
        "2 points have a loss of 0 or below: their code computes them again",
        "losses are called train_loss: which images they are of is not recorded",
        "left out, the format holds one seed: the other 1 of 2",
        "left out, the format does not hold them: standard errors, numbers of images, metrics, "
        "marks, settings",
    ]


def test_their_eigenvalues_are_those_of_a_sum(tmp_path: Path) -> None:
    xs, ys = np.linspace(-1, 1, 3), np.linspace(-1, 1, 2)
    write_theirs(
        tmp_path / "eig.h5",
        xs,
        ys,
        min_eig=lambda x, y: 1.0 if x < 0 else x - y,
        max_eig=lambda x, y: -1.0 if x < 0 else 10.0 + x,
    )
    alone, notes = interchange.read(tmp_path / "eig.h5")
    assert "of the sum of the batches' mean losses" in notes[0]
    assert not alone.evaluated.any()
    write_theirs(tmp_path / "a.h5", xs, ys, train_loss=loss)
    surface, _ = interchange.read(tmp_path / "a.h5", tmp_path / "eig.h5")
    assert surface.curvature is not None
    assert surface.curvature.evaluated.tolist() == [[False, False], [True, True], [True, True]]
    assert surface.curvature.lowest[1:].tolist() == [[1, -1], [2, 0]]
    assert surface.curvature.highest[2].tolist() == [11, 11]
    write_theirs(tmp_path / "other.h5", xs + 1, ys, max_eig=loss, min_eig=loss)
    with pytest.raises(SurfaceFileError, match="alpha 0:2, beta -1:1, the surface has 3x2"):
        interchange.read(tmp_path / "a.h5", tmp_path / "other.h5")


def test_a_projected_trajectory_comes_back(tmp_path: Path) -> None:
    write_theirs(tmp_path / "a.h5", *coordinates((3, 3)), train_loss=loss)
    with h5py.File(tmp_path / "steps.h5", "w") as file:
        file["proj_xcoord"], file["proj_ycoord"] = [0.5, 0.2, 0.0], [1.0, -0.3, 0.0]
    with h5py.File(tmp_path / "directions.h5", "w") as file:
        file["explained_variance_ratio_"] = [0.75, 0.125]
    surface, notes = interchange.read(
        tmp_path / "a.h5", tmp_path / "steps.h5", tmp_path / "directions.h5"
    )
    assert "losses and off-plane distances of its checkpoints are unknown" in notes[0]
    (path,) = surface.trajectories
    assert (path.name, path.unit, path.betas.tolist()) == ("steps", "checkpoint", [1, -0.3, 0])
    assert surface.settings["explained_variation"] == 0.875
    surface.save(tmp_path / "ours.h5")
    interchange.write(hdf5.load(tmp_path / "ours.h5"), tmp_path / "b.h5", li2018="trajectory")
    before, after = datasets(tmp_path / "steps.h5"), datasets(tmp_path / "b.h5")
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)
    two = surface.with_overlays(trajectories=[replace(path, name="two")])
    with pytest.raises(ValueError, match=r"one trajectory, a has 2 \(steps, two\)"):
        interchange.write(two, tmp_path / "c.h5", li2018="trajectory")
    assert not (tmp_path / "c.h5").exists()


def test_a_trajectory_without_losses_is_drawn_where_its_place_is_known(tmp_path: Path) -> None:
    grid = Grid.regular(3)
    surface = Surface.empty(grid, {}, {"name": "net"})
    surface.losses[:], surface.evaluated[:] = np.arange(9.0).reshape(3, 3), True
    unknown = np.full(2, np.nan)
    path = Trajectory("sgd", np.arange(2.0), np.zeros(2), np.ones(2), unknown, unknown, unknown)
    surface = replace(surface, trajectories=(path,))
    relief = figures.plot(surface, kind="surface").axes[0]
    assert relief.get_legend() is None
    drawn = figures.plot(surface, kind="path")
    assert [text.get_text() for text in drawn.axes[2].texts] == ["losses unknown"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"train_loss": np.zeros((2, 2))}, r"a\.h5 is damaged: train_loss has shape \(2, 2\)"),
        ({"train_loss": None}, "has no train_loss: it has dir_file, xcoordinates, ycoordinates"),
        ({"train_loss": np.array([b"a"])}, "is damaged: /train_loss holds"),
        ({"xcoordinates": np.array([1.0, 0.0, 2.0])}, "alphas must be finite and strictly"),
    ],
)
def test_damaged_files_are_refused(change: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_theirs(path, np.arange(3.0), np.arange(2.0), train_loss=loss)
    with h5py.File(path, "r+") as file:
        for name, array in change.items():
            del file[name]
            if array is not None:
                file[name] = array
    with pytest.raises(SurfaceFileError, match=text):
        interchange.read(path)


def test_data_elsewhere_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_theirs(path, np.arange(3.0), np.arange(2.0), train_loss=loss)
    with h5py.File(path, "r+") as file:
        file["train_acc"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(SurfaceFileError, match="external"):
        interchange.read(path)


def test_a_file_that_belongs_to_no_surface_is_refused(tmp_path: Path) -> None:
    write_theirs(tmp_path / "a.h5", np.arange(3.0), np.arange(2.0), train_loss=loss)
    (tmp_path / "b.h5").write_text("text")
    with pytest.raises(SurfaceFileError, match="is not an HDF5 file"):
        interchange.read(tmp_path / "a.h5", tmp_path / "b.h5")
    with pytest.raises(SurfaceFileError, match="expected proj_xcoord .* found dir_file, train"):
        interchange.read(tmp_path / "a.h5", tmp_path / "a.h5")
