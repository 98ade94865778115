"""Damaged and hostile HDF5 files: refused in one line, in bounded time and memory."""

import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import landscape
from landscape import hdf5
from landscape.curvature_map import Curvature
from landscape.errors import SurfaceFileError
from landscape.hdf5.writer import Writer
from landscape.interchange.li2018 import load_directions
from landscape.overlays import Mark, Trajectory
from landscape.page.catalog import Shelf
from landscape.surface import Surface
from tests.conftest import ROOT

_GIGABYTES = 1 << 33


def endless(path: Path) -> None:
    """Change one byte of the list of texts: the library follows it for ever.

    The size of the unused rest of its global heap becomes smaller, so that what follows are
    objects of size zero.
    """
    content = bytearray(path.read_bytes())
    heap = position = content.index(b"GCOL")
    position += 16
    while struct.unpack_from("<H", content, position)[0]:
        (size,) = struct.unpack_from("<Q", content, position + 8)
        position += 16 + (size + 7) // 8 * 8
    (size,) = struct.unpack_from("<Q", content, position + 8)
    assert position + size == heap + 4096
    content[position + 9] = 1
    path.write_bytes(content)


@pytest.mark.slow
def test_a_file_on_which_the_library_hangs_is_refused(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    endless(path)
    began = time.process_time()
    with pytest.raises(SurfaceFileError, match="damaged: the HDF5 library does not finish"):
        landscape.load(path)
    assert time.process_time() - began < 5  # the other process took the time
    surface.save(path, overwrite=True)
    assert landscape.load(path).grid == surface.grid  # by a new process


def test_a_damaged_file_does_not_keep_the_others_from_being_listed(
    surface: Surface, tmp_path: Path
) -> None:
    surface.save(tmp_path / "a.h5")
    surface.save(tmp_path / "b.h5")
    damaged = bytearray((tmp_path / "b.h5").read_bytes())
    at = damaged.index(b"SNOD")
    damaged[at] ^= 1
    (tmp_path / "b.h5").write_bytes(damaged)
    (tmp_path / "c.h5").write_bytes(b"not HDF5")
    states = {each["name"]: each["state"] for each in Shelf([tmp_path]).index()}
    assert states == {"mlp": "complete", "b": "damaged", "c": "damaged"}
    shelf = Shelf([tmp_path])
    assert list(shelf.load()) == ["a"]
    assert ["damaged" in reason or "not a valid" in reason for reason in shelf.left_out] == [
        True
    ] * 2
    with pytest.raises(SurfaceFileError, match="damaged"):
        Shelf([tmp_path / "b.h5"])


def doubled_links(file: Any) -> None:
    group = file["layers"]
    for level in range(40):
        below = group.create_group(f"{level}a")
        group[f"{level}b"] = below
        group = below


def unallocated(file: Any) -> None:
    del file["layers/loss/losses"]
    file["layers/loss"].create_dataset("losses", (1, _GIGABYTES // 8), "<f8")


def unallocated_chunks(file: Any) -> None:
    del file["layers/loss/losses"]
    file["layers/loss"].create_dataset("losses", (1, _GIGABYTES // 8), "<f8", chunks=(1, 1024))


def compressed(file: Any) -> None:
    for name, num in (("alphas", 1 << 11), ("betas", 1 << 12)):
        del file[name]
        file[name] = np.arange(num, dtype="<f8")
    for name in list(file["layers/loss"]):
        dtype = file["layers/loss"][name].dtype
        del file["layers/loss"][name]
        file["layers/loss"].create_dataset(
            name, (1, 1 << 11, 1 << 12), dtype, chunks=(1, 1 << 11, 1 << 12), compression="gzip"
        )
        file["layers/loss"][name][...] = 0


def large_chunk(file: Any) -> None:
    del file["layers/loss/losses"]
    shape = (1, 1 << 28)
    dataset = file["layers/loss"].create_dataset(
        "losses", (1, 2), "<f8", chunks=shape, maxshape=(1, None), compression="gzip"
    )
    dataset.id.write_direct_chunk((0, 0), b"x")


def many_attributes(file: Any) -> None:
    file["settings"].attrs["images"] = np.zeros(8000)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (doubled_links, "more than one link to an object"),
        (unallocated, "stores 0 of the 8589934592 bytes of /layers/loss/losses"),
        (unallocated_chunks, "stores 0 of the 8589934592 bytes"),
        (compressed, "expand to"),
        (large_chunk, "expand to|damaged"),
        (many_attributes, "damaged: images is an array of float64 with shape"),
    ],
)
def test_small_files_of_large_content_are_refused(
    surface: Surface, tmp_path: Path, change: Callable[[Any], None], text: str
) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        change(file)
    assert path.stat().st_size < 1 << 21
    with pytest.raises(SurfaceFileError, match=text):
        landscape.load(path)


def test_values_that_overlap_are_refused(surface: Surface, tmp_path: Path) -> None:
    """Many arrays at one place make a small file large."""
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        for k in range(20):
            file.create_dataset(f"x{k}", data=np.full(1000, k, "<f8"))
        offsets = [file[f"x{k}"].id.get_offset() for k in range(20)]
    content = path.read_bytes()
    for offset in offsets[1:]:
        content = content.replace(struct.pack("<Q", offset), struct.pack("<Q", offsets[0]))
    path.write_bytes(content[: offsets[1] + 8000])
    with pytest.raises(SurfaceFileError, match=r"overlaps|truncated"):
        landscape.load(path)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_files_that_others_have_repacked_are_read(
    surface: Surface, tmp_path: Path, compression: str | None
) -> None:
    path, again = tmp_path / "a.h5", tmp_path / "b.h5"
    surface.save(path)
    with h5py.File(path) as old, h5py.File(again, "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        for group in ("settings", "provenance"):
            new.create_group(group).attrs.update(old[group].attrs)
        for name in ("alphas", "betas", *(f"layers/loss/{k}" for k in old["layers/loss"])):
            new.create_dataset(name, data=old[name][()], compression=compression, chunks=True)
    assert landscape.load(again).settings == surface.settings
    np.testing.assert_array_equal(landscape.load(again).losses, surface.losses)


def test_texts_of_files_cannot_control_a_terminal(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        file["provenance"].attrs["name"] = "\x1b[31mred"
        file["provenance"].attrs["device"] = b"\xff\xfe"
    assert landscape.load(path).name == "\ufffd[31mred"
    assert landscape.load(path).provenance["device"] == "\ufffd\ufffd"


def test_names_that_are_not_utf8_are_stored(surface: Surface, tmp_path: Path) -> None:
    """Those of files on Linux, where any bytes are a name."""
    path, name = tmp_path / "a\udcff.h5", "b\udcff"
    named = replace(
        surface, settings={**surface.settings, "data": name}, marks=(Mark(name, 0.0, 0.0),)
    )
    named.save(path)
    with hdf5.SurfaceFile(path) as file:
        file.check_same(named)  # it can be resumed
    assert landscape.load(path).settings["data"] == "b\ufffd"
    assert landscape.load(path).marks[0].name == "b\ufffd"


def test_directions_that_are_elsewhere_are_not_read(tmp_path: Path) -> None:
    import torch

    path, secret = tmp_path / "d.h5", tmp_path / "secret"
    secret.write_bytes(bytes(range(8)))
    with h5py.File(path, "w") as file:
        for key in ("xdirection", "ydirection"):
            file.create_dataset(f"{key}/0", (2,), "<f4", external=[(str(secret), 0, 8)])
    with pytest.raises(SurfaceFileError, match="external or virtual"):
        load_directions(path, {"w": torch.zeros(2)}, ["w"])


def test_the_contents_of_every_archived_file_are_shown() -> None:
    from landscape.commands.info import facts_of

    for path in sorted((ROOT / "tests" / "data").glob("*.h5")):
        assert facts_of(hdf5.load(path))["kind"] == "surface"


def everything(surface: Surface) -> Surface:
    """Return a surface with all that has a checksum."""
    ones = np.array([0.0, 1.0])
    return replace(
        surface,
        metrics={"norm": np.arange(6.0).reshape(3, 2)},
        curvature=Curvature.empty(surface.grid),
        marks=(Mark("other", 0.5, 0.25, 1.0, 2.0),),
        trajectories=(Trajectory("run", ones, ones, ones, ones, ones, ones),),
    )


@pytest.mark.slow
def test_every_flipped_byte_of_the_values_is_found(surface: Surface, tmp_path: Path) -> None:
    """All are refused with their place, or make a complete surface an incomplete one."""
    whole, path = tmp_path / "whole.h5", tmp_path / "a.h5"
    everything(surface).save(whole)
    with h5py.File(whole) as file:
        layer = file["layers/loss"]
        arrays = [layer[name] for name in layer if name != "seconds"]
        arrays += [file["alphas"], file["betas"], *file["trajectories/000"].values()]
        places = [
            (dataset.name, dataset.id.get_offset() + k)
            for dataset in arrays
            for k in range(dataset.id.get_storage_size())
        ]
    content, random = whole.read_bytes(), np.random.default_rng(0)
    for _ in range(1000):
        name, position = places[random.integers(len(places))]
        damaged = bytearray(content)
        damaged[position] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        if name.endswith("evaluated") and damaged[position] == 0:
            assert not landscape.load(path).is_complete
            continue
        with pytest.raises(SurfaceFileError, match="checksum") as caught:
            landscape.load(path)
        group = name.rpartition("/")[0] if name.startswith("/layers") else name
        assert group in str(caught.value)


def test_a_damaged_point_is_named_and_not_resumed(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path, "r+") as file:
        file["layers/loss/losses"][0, 2, 1] += 1e-9
    expected = r"1 points of /layers/loss .* first \[0, 2, 1\]"
    with pytest.raises(SurfaceFileError, match=expected):
        landscape.load(path)
    with pytest.raises(SurfaceFileError, match=expected):
        hdf5.SurfaceFile(path)


def test_a_mark_that_was_changed_is_found(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    everything(surface).save(path)
    assert landscape.load(path).marks[0].alpha == 0.5
    with h5py.File(path, "r+") as file:
        file["marks/000"].attrs["alpha"] = 0.75
    with pytest.raises(SurfaceFileError, match="checksum of /marks/000"):
        landscape.load(path)


def test_a_write_that_was_cut_short_leaves_a_file_that_agrees(
    surface: Surface, tmp_path: Path
) -> None:
    """A power failure after any of the writes of a commit, also of a point with better values."""
    path, again = tmp_path / "a.h5", tmp_path / "b.h5"
    empty = Surface.empty(surface.grid, surface.settings, surface.provenance)
    empty.save(path)
    states: list[bytes] = []

    class Recorded(Writer):
        def _write(self, *args: Any) -> None:
            super()._write(*args)
            states.append(path.read_bytes())

    with hdf5.SurfaceFile(path) as file:
        file._writer = Recorded(*(getattr(file, key) for key in ("_raw", "path", "_file", "_size")))
        for loss in (1.0, 2.0):
            file.put("loss", 3, {"losses": loss, "accuracies": 0.5, "examples": 7}, seconds=1.0)
            file.put("loss", 4, {"losses": loss + 10, "examples": 7}, seconds=1.0)
            file.commit()
    assert len(states) > 20
    for state in states:
        again.write_bytes(state)
        found = landscape.load(again).losses.ravel()
        assert found[3] in {1.0, 2.0} or np.isnan(found[3])
        assert found[4] in {11.0, 12.0} or np.isnan(found[4])
    assert found[3:5].tolist() == [2.0, 12.0]


def test_the_checksum_is_that_of_the_specification(surface: Surface, tmp_path: Path) -> None:
    import zlib

    path = tmp_path / "a.h5"
    surface.save(path)
    with h5py.File(path) as file:
        layer = file["layers/loss"]
        names = ("accuracies", "examples", "losses", "standard_errors")
        values = b"".join(layer[name][0, 1, 1].tobytes() for name in names)
        assert layer["checksums"][0, 1, 1] == zlib.crc32(struct.pack("<q", 3) + values)
        assert file["alphas"].attrs["crc32"] == zlib.crc32(file["alphas"][()].tobytes())
