import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import landscape
from landscape import hdf5, locks
from landscape.errors import SurfaceFileError
from landscape.grid import Grid
from landscape.hdf5 import SurfaceFile
from landscape.overlays import Mark, Trajectory
from landscape.surface import Surface
from tests import inputs
from tests.conftest import ROOT

ARCHIVE = ROOT / "tests" / "data" / "surface-v1.h5"


def test_a_surface_comes_back_as_it_was(surface: Surface, tmp_path: Path) -> None:
    surface.losses[0, 1] = np.inf
    surface.evaluated[1, 0] = False
    surface.save(tmp_path / "new folder" / "a.h5")
    again = landscape.load(tmp_path / "new folder" / "a.h5")
    assert again.grid == surface.grid
    np.testing.assert_array_equal(again.evaluated, surface.evaluated)
    for name in ("losses", "accuracies", "standard_errors"):  # where nothing is, nothing is said
        known = np.where(surface.evaluated, getattr(surface, name), np.nan)
        np.testing.assert_array_equal(getattr(again, name), known)
    assert again.settings == surface.settings
    assert again.provenance == surface.provenance
    assert again.seconds == surface.seconds
    assert again.name == "mlp"


def test_an_existing_file_is_not_replaced_unasked(surface: Surface, tmp_path: Path) -> None:
    surface.save(tmp_path / "a.h5")
    with pytest.raises(SurfaceFileError, match="exists"):
        surface.save(tmp_path / "a.h5")
    surface.save(tmp_path / "a.h5", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_the_file_is_what_the_specification_says(surface: Surface, tmp_path: Path) -> None:
    """Read with h5py alone, as another program would."""
    surface.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["format"] == "landscape-surface"
        assert file.attrs["format_version"] == 4
        assert file["alphas"].shape == (3,)
        assert file["betas"].shape == (2,)
        layer = file["layers/loss"]
        for name in ("losses", "accuracies", "standard_errors"):
            assert layer[name].shape == (1, 3, 2)
            assert layer[name].dtype == np.dtype("<f8")
        assert layer["evaluated"].dtype == np.dtype("u1")
        assert layer["examples"].dtype == np.dtype("<i8")
        assert layer["seconds"].shape == (1,)
        for dataset in (*layer.values(), file["alphas"], file["betas"]):
            assert dataset.chunks is None
            assert dataset.id.get_offset() is not None
        assert file["settings"].attrs["normalize"] == "filter"
        assert file["provenance"].attrs["landscape"] == landscape.__version__
        assert layer["losses"][0, 2, 0] == surface.losses[2, 0]


def test_version_1_is_still_read() -> None:
    """A file that version 0.1.0 wrote, of a bowl with a known surface."""
    from tests.oracles import bowl_surface

    surface = landscape.load(ARCHIVE)
    assert surface.grid == Grid.regular((4, 3), (-1, 2), (-3, 1))
    expected = bowl_surface(surface.grid.alphas, surface.grid.betas)
    np.testing.assert_allclose(surface.losses[surface.evaluated], expected[surface.evaluated])
    assert surface.evaluated.sum() == 10
    assert surface.settings["precision"] == "float64"


@pytest.mark.parametrize("version", [2, 3, 4])
def test_archived_versions_are_read(version: int) -> None:
    """The same bowl with everything that a file may hold."""
    from tests.oracles import bowl_surface

    surface = landscape.load(ARCHIVE.with_name(f"surface-v{version}.h5"))
    expected = bowl_surface(surface.grid.alphas, surface.grid.betas)
    for each in surface.seeds:
        np.testing.assert_allclose(each.losses, expected)
        assert (each.examples == 3).all()
    assert [each.settings.get("seed") for each in surface.repeats] == [1]
    assert surface.curvature is not None
    np.testing.assert_allclose(surface.curvature.lowest, 2)  # of (a - 0.25)² + 3 (b + 0.5)² + 7
    np.testing.assert_allclose(surface.curvature.highest, 6)
    (mark,), (path,) = surface.marks, surface.trajectories
    assert (mark.name, mark.alpha, mark.beta, mark.loss) == ("minimum", 0.25, -0.5, 7.0)
    assert path.name == "descent"
    np.testing.assert_allclose(path.losses, bowl_surface(path.alphas, path.betas).diagonal())


def test_writing_changes_no_metadata(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    empty = Surface.empty(surface.grid, surface.settings, surface.provenance)
    empty.save(path)
    before = path.read_bytes()
    writer = hdf5.SurfaceFile(path)
    writer.put("loss", 3, {"losses": 1.5, "accuracies": 0.25, "examples": 7}, seconds=2.0)
    assert path.read_bytes() == before
    writer.commit()
    after = path.read_bytes()
    assert len(after) == len(before)
    changed = [k for k in range(len(before)) if before[k] != after[k]]
    with h5py.File(path) as file:
        spans = [(d.id.get_offset(), d.id.get_storage_size()) for d in file["layers/loss"].values()]
    assert changed
    assert all(any(start <= k < start + size for start, size in spans) for k in changed)
    writer.close()
    read = landscape.load(path)
    assert read.losses[1, 1] == 1.5
    assert read.evaluated.sum() == 1
    assert read.seconds == 2.0


WRITER = """
import sys
from pathlib import Path
from landscape import hdf5
writer = hdf5.SurfaceFile(Path(sys.argv[1]))
hdf5.load(Path(sys.argv[1]))  # a lock of lockf's would be gone with this
for index in range(10_000):
    arrays = ("losses", "accuracies", "standard_errors")
    values = {name: index + k for k, name in enumerate(arrays, 1)}
    writer.put("loss", index, {**values, "examples": 7}, seconds=index)
    if index % 16 == 15:
        writer.commit()
        print(index + 1, flush=True)
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.h5"
    Surface.empty(Grid.regular(100), {}, {}).save(path)
    return path


def start_writer(path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [16, 160, 800])
def test_a_killed_writer_loses_no_acknowledged_point(large: Path, acknowledged: int) -> None:
    process = start_writer(large)
    assert process.stdout is not None
    last = 0
    for line in process.stdout:
        last = int(line)
        if last >= acknowledged:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    last = int(rest[-1]) if rest else last
    surface = landscape.load(large)
    evaluated = surface.evaluated.ravel()
    assert evaluated[:last].all()
    index = np.flatnonzero(evaluated)
    np.testing.assert_array_equal(surface.losses.flat[index], index + 1.0)
    np.testing.assert_array_equal(surface.accuracies.flat[index], index + 2.0)
    np.testing.assert_array_equal(surface.standard_errors.flat[index], index + 3.0)
    hdf5.SurfaceFile(large).close()  # and it can be written on


@pytest.mark.slow
def test_readers_and_the_writer_do_not_disturb_each_other(large: Path) -> None:
    process = start_writer(large)
    assert process.stdout is not None
    reads, until = 0, time.monotonic() + 60
    with h5py.File(large, "r"):  # a reader with a lock, held all the while
        while process.poll() is None and time.monotonic() < until:
            surface = landscape.load(large)
            index = np.flatnonzero(surface.evaluated)
            np.testing.assert_array_equal(surface.losses.flat[index], index + 1.0)
            reads += 1
    process.stdout.close()
    assert process.wait() == 0
    assert reads > 3
    assert landscape.load(large).evaluated[:99].all()


@pytest.mark.slow
def test_two_processes_do_not_write_one_file(large: Path, surface: Surface) -> None:
    process = start_writer(large)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(SurfaceFileError, match="being written by another process"):
        hdf5.SurfaceFile(large)
    with pytest.raises(SurfaceFileError, match="being written by another process"):
        surface.save(large, overwrite=True)
    with pytest.raises(SurfaceFileError, match="being written by another process"):
        hdf5.amend(large, lambda there: there)
    process.kill()
    process.stdout.close()
    process.wait()
    hdf5.SurfaceFile(large).close()


def test_what_is_added_keeps_what_was_written_meanwhile(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with hdf5.SurfaceFile(path) as writer:
        writer.put("loss", 0, {"losses": 7.0, "examples": 10}, seconds=1.0)
    mark = Mark("b", 0.5, 0.0, 0.0, 1.0)

    def marked(there: Surface) -> Surface:
        with pytest.raises(SurfaceFileError, match="being written by another process"):
            hdf5.SurfaceFile(path)
        return replace(there, marks=(mark,))

    assert hdf5.amend(path, marked).losses[0, 0] == 7.0
    assert landscape.load(path).losses[0, 0] == 7.0
    assert repr(landscape.load(path).marks) == repr((mark,))  # nan is not equal to itself


def test_a_writer_does_not_write_into_a_file_that_was_replaced(
    surface: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    lock = locks.lock

    def late(file: FileIO, path: Path) -> None:
        (tmp_path / "b.h5").write_bytes(path.read_bytes())
        (tmp_path / "b.h5").replace(path)
        lock(file, path)

    monkeypatch.setattr(locks, "lock", late)
    with pytest.raises(SurfaceFileError, match="just replaced by another process"):
        hdf5.SurfaceFile(path)


@pytest.mark.parametrize("how", ["removed", "replaced", "cut"])
def test_a_file_that_is_gone_while_it_is_written_is_reported(
    surface: Surface, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    writer = hdf5.SurfaceFile(path)
    if how == "removed":
        path.unlink()
    elif how == "replaced":
        (tmp_path / "b.h5").write_bytes(path.read_bytes())
        (tmp_path / "b.h5").replace(path)
    else:
        os.truncate(path, 100)
    writer.put("loss", 0, {"losses": 7.0, "examples": 10}, seconds=1.0)
    with pytest.raises(SurfaceFileError, match="removed or changed while it was written"):
        writer.commit()
    writer.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers/loss/losses", np.array([[[b"a"] * 2] * 3])),
        ("layers/loss/losses", np.ones((1, 3, 2), dtype=complex)),
        ("layers/loss/losses", np.ones((1, 2, 3))),
        ("layers/loss/seconds", np.array([np.nan])),
        ("layers/loss/seconds", np.ones(2)),
        ("seeds", np.arange(2)),
        ("trajectories/000/losses", np.ones(3)),
        ("trajectories/000/steps", np.ones(0)),
        ("settings", np.ones(3)),
        ("format_version", np.array([1, 2])),
        ("format_version", "two"),
    ],
)
def test_odd_content_is_damage(
    surface: Surface, tmp_path: Path, name: str, value: np.ndarray[Any, Any] | str
) -> None:
    path = tmp_path / "a.h5"
    ones = np.ones(2)
    path_of_two = Trajectory("p", ones, ones, ones, ones, ones, ones)
    replace(surface, trajectories=(path_of_two,)).save(path)
    assert landscape.load(path).trajectories[0].losses.tolist() == [1, 1]
    with h5py.File(path, "r+") as file:
        if name == "settings":
            file[name].attrs["images"] = value
        elif name == "format_version":
            file.attrs[name] = value
        else:
            if name in file:
                del file[name]
            file[name] = value
    with pytest.raises(SurfaceFileError, match=r"is damaged|has format version"):
        landscape.load(path)


def test_data_that_are_elsewhere_are_not_read(surface: Surface, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(range(48)))
    for kind in ("external storage", "external link", "soft link"):
        path = tmp_path / f"{kind}.h5"
        surface.save(path)
        with h5py.File(path, "r+") as file:
            del file["layers/loss/losses"]
            if kind == "external storage":
                where = [(str(tmp_path / "secret"), 0, 48)]
                file.create_dataset("layers/loss/losses", (1, 3, 2), "<f8", external=where)
            elif kind == "external link":
                file["layers/loss/losses"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "losses")
            else:
                file["layers/loss/losses"] = h5py.SoftLink("/layers/loss/accuracies")
        with pytest.raises(SurfaceFileError, match="external or virtual datasets or links"):
            landscape.load(path)


def test_a_link_stays_a_link(surface: Surface, tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to(tmp_path / "target.h5")
    surface.save(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink()
    assert (tmp_path / "target.h5").is_file()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b"not HDF5 at all"), "not a valid HDF5 file"),
        (
            lambda path: path.write_bytes(ARCHIVE.read_bytes()[:3000]),
            "not a valid HDF5 file|damaged",
        ),
        (lambda path: h5py.File(path, "w").close(), "not a surface of landscape"),
    ],
)
def test_what_is_no_surface_is_refused(tmp_path: Path, make: object, text: str) -> None:
    path = tmp_path / "a.h5"
    make(path)  # type: ignore[operator]
    with pytest.raises(SurfaceFileError, match=text):
        landscape.load(path)


def test_damaged_directions_are_refused(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        file.create_group("directions/delta")
    with pytest.raises(SurfaceFileError, match="is damaged"):
        hdf5.load_directions(path)
    with SurfaceFile(path) as opened, pytest.raises(SurfaceFileError, match="is damaged"):
        opened.directions()


def test_a_surface_of_the_code_of_li_et_al_is_recognized_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    inputs.original_surface(path)
    before = path.read_bytes()
    with pytest.raises(SurfaceFileError, match="is a surface of the code of Li et al"):
        landscape.load(path)
    assert path.read_bytes() == before


def test_a_later_version_and_a_damaged_file_are_refused(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(SurfaceFileError, match="version 99, this program reads up to 4"):
        landscape.load(path)
    surface.save(path, overwrite=True)
    with h5py.File(path, "r+") as file:
        del file["layers/loss/accuracies"]
    with pytest.raises(SurfaceFileError, match="damaged"):
        landscape.load(path)
