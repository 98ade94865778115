"""CIFAR-10 and CIFAR-100, from their Python version, packed or unpacked."""

import bz2
import gzip
import hashlib
import io
import lzma
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets.download import Reader, Remote
from landscape.errors import DataError, first_line

_LARGEST = 1 << 29  # bytes of an archive, unpacked
_COMPRESSED: list[tuple[bytes, Any]] = [
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
]


def _cifar_reader(
    remote: Remote, folder: str, members: dict[str, dict[str, str]], labels: str
) -> Reader:
    """Return a reader of the python version of CIFAR, as an archive or unpacked."""

    def read(split: str, data_dir: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
        path = remote.find(data_dir, (folder,))
        contents = dict(_cifar_files(path, set(members[split])))
        batches = []
        for name, md5 in members[split].items():
            if name not in contents:
                raise DataError(f"{path} holds no {folder}/{name}", path=path)
            if hashlib.md5(contents[name], usedforsecurity=False).hexdigest() != md5:
                raise DataError(
                    f"{path}: {name} is damaged (its MD5 is not {md5}): get {remote.url} again",
                    path=path,
                )
            batches.append(_ArrayUnpickler(io.BytesIO(contents[name]), encoding="latin1").load())
        x = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        y = np.concatenate([batch[labels] for batch in batches]).astype(np.int64)
        return x, y

    return read


def _cifar_files(path: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for name in names:
                if (path / name).is_file():
                    with (path / name).open("rb") as file:
                        yield name, _Bounded(file).read(_LARGEST + 1)
            return
        with path.open("rb") as file:
            start = file.read(6)
        unpacked = next((o for magic, o in _COMPRESSED if start.startswith(magic)), open)
        with unpacked(path, "rb") as content:
            bounded: Any = _Bounded(content)
            with tarfile.open(fileobj=bounded, mode="r|") as archive:  # counts all it unpacks
                for member in archive:
                    name = member.name.rsplit("/", 1)[-1]
                    if name in names and member.isreg() and not member.issparse():
                        found = archive.extractfile(member)
                        yield name, found.read() if found is not None else b""
    except DataError:
        raise
    except Exception as error:  # damaged archives raise nearly anything
        raise DataError(f"{path} is not a whole archive: {first_line(error)}", path=path) from error


class _Bounded:
    """A file of which only so much is read.

    Args:
        file: The file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, _LARGEST

    def read(self, num: int) -> bytes:
        """Return some bytes.

        Args:
            num: At most so many.

        Raises:
            DataError: The file is longer than any that holds CIFAR.
        """
        data = self._file.read(min(num, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"the data file expands to more than {_LARGEST} bytes: it is not CIFAR")
        return data


class _ArrayUnpickler(pickle.Unpickler):  # noqa: S301  # finds only arrays
    """Reads the pickled arrays that CIFAR comes as, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")
        allowed = {
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
        if (module, name) not in allowed:
            raise DataError(f"the data file wants to run {module}.{name}: it is not CIFAR")
        if name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        return getattr(np, name)


read_cifar10 = _cifar_reader(
    Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    ),
    "cifar-10-batches-py",
    {
        "train": {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
    },
    "labels",
)

read_cifar100 = _cifar_reader(
    Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
    ),
    "cifar-100-python",
    {
        "train": {"train": "16019d7e3df5f24257cddd939b257f8d"},
        "test": {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    },
    "fine_labels",
)
