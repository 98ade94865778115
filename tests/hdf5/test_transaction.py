"""The output file of a scan: opened once, checked, amended, and of every format version."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import landscape
from landscape import planes
from landscape.errors import DifferentScanError, SurfaceFileError
from landscape.hdf5 import SurfaceFile, transaction
from landscape.objective import Objective
from landscape.overlays import Mark
from landscape.plane import Plane
from landscape.surface import Surface
from tests.conftest import ROOT
from tests.reporters import StopAt
from tests.scans import scan

DATA = ROOT / "tests" / "data"
_opened: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # Path.touch, which checks that a file can be made, has no mode.
    if _opened is not None and event == "open" and arguments[1] is not None:
        _opened.append(str(arguments[0]))


sys.addaudithook(_audit)  # cannot be removed


@contextmanager
def opens(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """List the opens of a file, under its name or the temporary one, also by HDF5."""
    global _opened  # of the audit hook
    found: list[str] = []
    original = h5py.File.__init__

    def init(self: Any, name: Any, *arguments: Any, **options: Any) -> None:
        if isinstance(name, str | Path):
            _opened.append(str(name))  # type: ignore[union-attr]
        original(self, name, *arguments, **options)

    monkeypatch.setattr(h5py.File, "__init__", init)
    _opened = []
    try:
        yield found
    finally:
        found += [name for name in _opened if path.name in name]
        _opened = None
        monkeypatch.undo()


@pytest.mark.parametrize("kind", ["random", "through", "eigenvectors", "curvature"])
def test_the_file_is_opened_once(
    mlp: nn.Module, vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path, other = tmp_path / "a.h5", tmp_path / "b.h5"
    objective = Objective(mlp, data=vectors, device="cpu")
    moved = {name: tensor + 0.1 for name, tensor in objective.center.items()}
    plane: Any = {
        "through": planes.through_spec(objective, [moved]),
        "eigenvectors": planes.eigenvectors_spec(objective),
    }.get(kind)
    quantities: Any = ("loss", "curvature") if kind == "curvature" else ("loss",)
    options: Any = {"grid": 3 if kind != "through" else (7, 1), "quantities": quantities}
    with opens(path, monkeypatch) as opened:
        whole = landscape.scan(objective, plane, file=path, **options)
    assert len(opened) == 1
    with pytest.raises(KeyboardInterrupt):
        landscape.scan(objective, plane, file=other, progress=StopAt(3), **options)
    assert not landscape.load(other).is_complete
    with opens(other, monkeypatch) as opened:
        resumed = landscape.scan(objective, plane, file=other, **options)
    assert len(opened) == 1
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    with opens(path, monkeypatch) as opened:
        landscape.scan(objective, plane, file=path, **options)
    assert len(opened) == 1


def test_a_different_scan_has_its_differences(mlp: nn.Module, vectors: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    scan(mlp, data=vectors, points=3, path=path)
    with pytest.raises(DifferentScanError) as caught:
        scan(mlp, data=vectors, points=3, path=path, seed=7, normalize="layer")
    assert caught.value.path == path
    assert caught.value.differences == {"seed": (0, 7), "normalize": ("filter", "layer")}


def test_no_other_process_writes_the_file_of_a_scan(
    mlp: nn.Module, vectors: Any, tmp_path: Path, surface: Surface
) -> None:
    path = tmp_path / "a.h5"
    with SurfaceFile(path) as file:
        file.write(surface)
        for overwrite in (False, True):
            with pytest.raises(SurfaceFileError, match="being written by another process"):
                SurfaceFile(path, overwrite=overwrite)
        with pytest.raises(SurfaceFileError, match="being written by another process"):
            scan(mlp, data=vectors, points=3, path=path)
    SurfaceFile(path).close()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_made_meanwhile_is_not_replaced(
    tmp_path: Path, surface: Surface, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "a.h5"

    def no_links(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr("os.link", no_links)
    with SurfaceFile(path) as file:
        surface.save(path)
        before = path.read_bytes()
        with pytest.raises(SurfaceFileError, match="just created by another process"):
            file.write(surface)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]


def test_a_file_that_fails_to_be_written_leaves_the_old_one(
    tmp_path: Path, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transaction, "_write_all", full)
    with pytest.raises(OSError, match="No space left") as caught:
        surface.save(path, overwrite=True)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]


def test_overlays_are_added_and_directions_kept(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    first = scan(mlp, data=vectors, points=3, path=path, store_directions=True)
    scan(mlp, data=vectors, points=3, path=path, marks=[Mark("here", 0.5, 0.0)])
    found = landscape.load(path)
    assert [mark.name for mark in found.marks] == ["here"]
    np.testing.assert_array_equal(found.losses, first.losses)
    again = scan(mlp, data=vectors, points=3, directions=path)
    np.testing.assert_allclose(again.losses, first.losses, rtol=1e-5)


def _archived() -> tuple[Objective, Any]:
    """The model and the data of the archived scans; without random numbers, which may change."""
    model = nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        for k, parameter in enumerate(model.parameters()):
            steps = torch.arange(parameter.numel()).reshape(parameter.shape)
            parameter.copy_((steps * (k + 3) % 11 - 5) / 8)
    x = torch.arange(23 * 7).reshape(23, 7) % 13 / 4 - 1.5
    data = x, torch.arange(23) % 3
    return Objective(model, "cross_entropy", data, device="cpu"), data


@pytest.mark.parametrize("name", ["scan-v2.h5", "scan-v2-part.h5"])
def test_scans_of_the_version_before_are_recognized(tmp_path: Path, name: str) -> None:
    """Files that format version 2 wrote: complete, and interrupted at 12 of 25 points."""
    path = tmp_path / name
    shutil.copy(DATA / name, path)
    before, found = path.read_bytes(), landscape.load(path)
    objective, data = _archived()
    fresh = landscape.scan(objective, Plane.random(objective.center, recipe=1), 5)
    part = found.evaluated
    assert part.sum() == (12 if "part" in name else 25)
    np.testing.assert_allclose(found.losses[part], fresh.losses[part], rtol=1e-5)
    resumed = landscape.scan(objective, grid=5, file=path)
    np.testing.assert_array_equal(resumed.losses[part], found.losses[part])
    np.testing.assert_allclose(resumed.losses, fresh.losses, rtol=1e-5)
    if part.all():
        assert path.read_bytes() == before
    else:
        with h5py.File(path) as file:
            assert file.attrs["format_version"] == 4
        assert landscape.load(path).is_complete
    with pytest.raises(DifferentScanError, match="seed: file 0, requested 1"):
        scan(objective.model, data=data, points=5, path=path, seed=1)


def test_a_surface_of_version_2_is_written_as_version_3(tmp_path: Path) -> None:
    found = landscape.load(DATA / "surface-v2.h5")
    found.save(tmp_path / "a.h5")
    again = landscape.load(tmp_path / "a.h5")
    for old, new in zip(found.seeds, again.seeds, strict=True):
        np.testing.assert_array_equal(old.losses, new.losses)
        np.testing.assert_array_equal(old.examples, new.examples)
    assert again.settings == found.settings
    assert repr(again.marks) == repr(found.marks)  # nan is not equal to itself
    assert replace(again.trajectories[0]).name == found.trajectories[0].name
    assert again.curvature is not None
    assert found.curvature is not None
    for name in ("lowest", "highest", "evaluated", "converged"):
        np.testing.assert_array_equal(
            getattr(again.curvature, name), getattr(found.curvature, name)
        )
