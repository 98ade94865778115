"""Hostile data files: refused before they take memory, and nothing in them is run."""

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape import datasets
from landscape.datasets.cifar import read_cifar10
from landscape.datasets.dataset import Dataset
from landscape.datasets.mnist import read_mnist
from landscape.errors import DataError, SurfaceFileError
from landscape.interchange import read
from tests.inputs import Bomb

_HEADER = np.lib.format.magic(1, 0)


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return _HEADER + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("shape", ["(1000000000, 8)", "(-1, 3)", "(True, 9)", "__import__('os')"])
def test_a_header_without_its_numbers_is_refused(tmp_path: Path, shape: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header(shape))
        archive.writestr("y.npy", header(shape))
    with pytest.raises(DataError, match="expected arrays x and y"):
        datasets.load(str(tmp_path / "a.npz"))
    (tmp_path / "a.npy").write_bytes(header(shape))
    with pytest.raises(SurfaceFileError, match="is damaged"):
        read(tmp_path / "a.npy", alpha=(-1, 1), beta=(-1, 1))


def test_an_archive_of_zeros_is_not_unpacked(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        file.write(header(f"({300 << 17},)"))
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError, match="it expands from"):
        datasets.load(str(tmp_path / "a.npz"))


def test_pickled_objects_are_not_run(tmp_path: Path) -> None:
    bomb = np.array([Bomb(tmp_path / "ran")], dtype=object)
    np.savez(tmp_path / "a.npz", x=bomb, y=bomb)
    with pytest.raises(DataError, match="expected arrays x and y of numbers"):
        datasets.load(str(tmp_path / "a.npz"))
    np.save(tmp_path / "a.npy", bomb)
    with pytest.raises(SurfaceFileError, match="is damaged"):
        read(tmp_path / "a.npy", alpha=(-1, 1))
    assert not (tmp_path / "ran").exists()


def test_a_compressed_idx_file_of_zeros_is_not_unpacked(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(bytes(1 << 20))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError, match="damaged, or belongs to another data set"):
        read_mnist("train", tmp_path)


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def test_archives_of_cifar_that_are_odd_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name = tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py/test_batch"
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    plain = packed((tarfile.TarInfo(name), b"x"))
    for content, text in (
        (lzma.compress(plain)[:60], "not a whole archive"),
        (lzma.compress(plain)[:40] + b"\xff" * 40, "not a whole archive"),
        (lzma.compress(plain), "test_batch is damaged"),
        (plain[:512] + b"\xff" * 100, "not a whole archive|test_batch"),
        (packed((link, b"")), "holds no"),
        (b"", "not a whole archive"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=text):
            read_cifar10("test", tmp_path)
    monkeypatch.setattr("landscape.datasets.cifar._LARGEST", 1 << 20)
    path.write_bytes(gzip.compress(packed((tarfile.TarInfo("long"), bytes(1 << 21)))))
    with pytest.raises(DataError, match="expands to more than 1048576 bytes"):
        read_cifar10("test", tmp_path)


@pytest.mark.parametrize("labels", [[10**12], [], [-1], [[1]], [0.5]])
def test_labels_that_are_no_classes_are_refused(labels: list[int]) -> None:
    y = torch.tensor(labels)
    found = Dataset("own", "all", torch.zeros(len(y), 2), y)
    with pytest.raises(DataError, match="y must be labels 0, 1, …"):
        found.num_classes  # noqa: B018
