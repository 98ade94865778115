"""``landscape convert``, and what other verbs answer to files of other programs."""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from landscape import hdf5
from landscape.grid import Grid
from landscape.hdf5 import SurfaceFile
from landscape.interchange.formats import FORMATS
from landscape.overlays import Trajectory
from landscape.surface import Surface
from tests.conftest import ROOT, Run
from tests.interchange.surfaces import hill
from tests.interchange.test_li2018_surface import loss, write_theirs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A surface of ours, one of the code of Li et al. and its trajectory, an array, other files."""
    hill().save(tmp_path / "hill.h5")
    xs, ys = np.linspace(-1, 1, 3), np.linspace(0, 1, 4)
    write_theirs(tmp_path / "theirs.h5", xs, ys, train_loss=loss, test_loss=lambda x, y: x + 9)
    with h5py.File(tmp_path / "steps.h5", "w") as file:
        file["proj_xcoord"], file["proj_ycoord"] = [1.0, 0.5, 0.0], [0.0, 0.5, 0.0]
    with h5py.File(tmp_path / "directions.h5", "w") as file:
        file["xdirection/0"], file["ydirection/0"] = np.ones((2, 2)), np.ones((2, 2))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        for name in "abcde":
            file[name] = 1.0
    np.save(tmp_path / "plane.npy", np.arange(6.0).reshape(3, 2))
    np.savez(tmp_path / "loss.npz", loss=np.ones((2, 2)), coordinates=[[0, 1], [0, 1]])
    line = Surface.empty(Grid.regular((5, 1)), {}, {"name": "line"})
    line.losses[:], line.evaluated[:] = 1.0, True
    line.save(tmp_path / "line.h5")
    return tmp_path


def test_their_surface_is_drawn_after_its_conversion(folder: Path, run: Run) -> None:
    result = run("convert", "theirs.h5", "steps.h5", "--out", "ours.h5")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "ours.h5\n"
    assert (
        "note: losses of the train images; the file also has those of the test images: --split"
        in (result.stderr)
    )
    surface = hdf5.load(folder / "ours.h5")
    assert surface.name == "ours"
    assert surface.losses[2, 3] == loss(1.0, 1.0)
    assert len(surface.trajectories) == 1
    assert re.search("program +code of Li et al", run("info", "ours.h5").stdout)
    for kind in ("surface", "contour", "path"):
        assert run("plot", "ours.h5", "--kind", kind, "--out", f"{kind}.png").returncode == 0
    assert run("view", "ours.h5", "--html", "a.html", "--no-open").returncode == 0


@pytest.mark.parametrize(
    "ending", ["csv", "parquet", "nc", "npz", "vts", "ply", "glb", "gltf", "stl"]
)
def test_a_surface_becomes_every_format(folder: Path, run: Run, ending: str) -> None:
    result = run("convert", "hill.h5", "--out", f"new/a.{ending}")
    assert result.returncode == 0, result.stderr
    assert (folder / f"new/a.{ending}").stat().st_size > 100
    again = run("convert", "hill.h5", "--out", f"new/a.{ending}")
    assert again.returncode == 1
    assert "exists: choose another name" in again.stderr
    assert run("convert", "hill.h5", "--out", f"new/a.{ending}", "--overwrite").returncode == 0
    assert len(list((folder / "new").iterdir())) == 1


def test_ours_becomes_theirs(folder: Path, run: Run) -> None:
    result = run("convert", "hill.h5", "--li2018", "surface", "--out", "a.h5")
    assert result.returncode == 0, result.stderr
    assert "standard errors" in result.stderr
    assert run("convert", "a.h5", "--out", "b.h5").returncode == 0
    np.testing.assert_array_equal(hdf5.load(folder / "b.h5").losses, hill().losses)


def test_directions_and_trajectories_become_theirs(folder: Path, run: Run) -> None:
    torch = pytest.importorskip("torch")
    unknown = np.full(2, np.nan)
    paths = [
        Trajectory(name, np.arange(2.0), np.full(2, k), np.ones(2), unknown, unknown, unknown)
        for k, name in enumerate(("sgd", "adam"))
    ]
    direction = {"w": torch.full((2, 3), 0.5)}
    with SurfaceFile(folder / "paths.h5") as file:
        file.write(hill().with_overlays(trajectories=paths), (direction, direction))
    many = run("convert", "paths.h5", "--li2018", "trajectory", "--out", "a.h5")
    assert (
        many.returncode,
        "has 2 (sgd, adam): give --trajectory NAME" in " ".join(many.stderr.split()),
    ) == (2, True)
    arguments = ("--li2018", "trajectory", "--trajectory", "adam", "--out", "a.h5")
    assert run("convert", "paths.h5", *arguments).returncode == 0
    assert run("convert", "paths.h5", "--li2018", "directions", "--out", "d.h5").returncode == 0
    with h5py.File(folder / "a.h5") as found:
        assert found["proj_xcoord"][:].tolist() == [1, 1]
    with h5py.File(folder / "d.h5") as found:
        assert found["xdirection/0"][:].tolist() == [[0.5] * 3] * 2


def test_an_array_gets_the_given_ranges(folder: Path, run: Run) -> None:
    result = run("convert", "plane.npy", "--alpha=-1:1", "--beta", "0:3", "--out", "a.h5")
    assert result.returncode == 0, result.stderr
    surface = hdf5.load(folder / "a.h5")
    assert str(surface.grid) == "3x2 points, alpha -1:1, beta 0:3"
    assert surface.losses[1].tolist() == [2, 3]
    assert run("convert", "loss.npz", "--out", "b.h5").returncode == 0


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("hill.h5 --out a.h5", 2, "is a surface of landscape already: --li2018 writes it"),
        ("hill.h5 --out a.xyz", 2, "expected a file in .h5, .csv, .parquet, .nc"),
        ("hill.h5 --out a.csv --li2018 surface", 2, "--li2018 changes nothing in .csv"),
        ("hill.h5 --out a.csv --scale log", 2, "--scale changes nothing in .csv"),
        ("hill.h5 --out a.ply --size 3", 2, "--size changes nothing in .ply"),
        ("hill.h5 --out a.stl --size 0", 2, "expected 1 to 10000 millimeters"),
        ("hill.h5 --out a.ply --trajectory x", 2, "--trajectory changes nothing in .ply"),
        ("hill.h5 --out a.h5 --li2018 trajectory", 2, "hill has 0"),
        (
            "hill.h5 --out a.h5 --li2018 trajectory --trajectory x",
            2,
            "--trajectory x: hill has none",
        ),
        ("hill.h5 --out a.h5 --li2018 directions", 1, "stores no direction arrays, only seed 5"),
        ("hill.h5 line.h5 --out a.h5 --li2018 directions", 2, "takes one surface"),
        ("hill.h5 --out a.csv --split test", 2, "which hill.h5 is not"),
        ("hill.h5 --out a.csv --alpha 0:1", 2, "are for arrays"),
        (
            "hill.h5 steps.h5 --out a.csv",
            2,
            "further files (steps.h5) are for surfaces of the code",
        ),
        ("line.h5 --out a.ply", 1, "a shape needs two points or more along both axes"),
        ("plane.npy --out a.h5", 2, "give the first and last alpha and beta, as --alpha=-1:1"),
        ("other.h5 --out a.csv", 1, "found the entries a, b, c, d, …"),
        ("directions.h5 --out a.csv", 1, "`landscape scan NET.pt --plane directions.h5`"),
        ("none.h5 --out a.csv", 1, "none.h5: no such file"),
        (". --out a.csv", 1, ".: not a file"),
        ("hill.h5 --out hill.h5/a.csv", 1, "hill.h5"),
        ("theirs.h5 steps.h5 none.h5 --out a.h5", 1, "none.h5: no such file"),
    ],
)
def test_wrong_input_gets_one_line_and_leaves_nothing(
    folder: Path, run: Run, command: str, code: int, text: str
) -> None:
    before = sorted(folder.iterdir())
    result = run("convert", *command.split())
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert text in " ".join(lines[-3:])
    assert code == 2 or len(lines) == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("verb", ["info", "plot", "view"])
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("theirs.h5", "is a surface of the code of Li et al. .*`landscape convert theirs.h5 --out"),
        ("steps.h5", "is a projected trajectory .* not a surface: `landscape convert SURFACE.h5"),
        ("directions.h5", "is a direction file of the code of Li et al. .* --plane directions.h5`"),
        ("other.h5", "is an HDF5 file but not a surface of landscape: expected the attribute"),
        ("plane.npy", "holds NumPy arrays, not a surface .* `landscape convert plane.npy --out"),
        ("loss.npz", "holds NumPy arrays, not a surface .* `landscape convert loss.npz --out"),
    ],
)
def test_other_verbs_name_what_a_file_is(
    folder: Path, run: Run, verb: str, file: str, text: str
) -> None:
    more: Any = ("--html", "a.html") if verb == "view" else ()
    result = run(verb, file, *more)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert re.search(text, result.stderr), result.stderr


def test_every_format_is_described() -> None:
    text = (ROOT / "docs" / "how-to" / "exchange.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `.")]
    for ending, each in FORMATS.items():
        found = [row for row in rows if f"`{ending}`" in row.split("|")[1]]
        written = [row.split("|")[5].strip() for row in found if row.split("|")[4].strip() == "yes"]
        assert written == [", ".join(each.needs)], ending
