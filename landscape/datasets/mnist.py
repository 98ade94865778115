"""MNIST and Fashion-MNIST, from IDX files, compressed or not."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets.download import Reader, Remote
from landscape.errors import DataError

_LARGEST = 1 << 26  # of the content of a file in bytes; what is longer has another MD5


def _idx_reader(
    remotes: dict[str, tuple[Remote, Remote]], folder: str, contents_md5: dict[str, str]
) -> Reader:
    """Return a reader of MNIST's file format, compressed or not."""

    def read(split: str, data_dir: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
        images, labels = (
            _idx_array(_find_idx(remote, data_dir, folder), contents_md5)
            for remote in remotes[split]
        )
        return images[:, None], labels.astype(np.int64)

    return read


def _find_idx(remote: Remote, data_dir: Path | None, folder: str) -> Path:
    plain = remote.name.removesuffix(".gz")
    names = [
        f"{place}{name}"
        for place in (f"{folder}/raw/", f"{folder}/", "")
        for name in (remote.name, plain)
    ]
    return remote.find(data_dir, tuple(names))


def _idx_array(path: Path, contents_md5: dict[str, str]) -> NDArray[Any]:
    """Return an array of bytes: magic 0x0000 08 DIMENSIONS, sizes in big-endian, values.

    Raises:
        DataError: The header or the size is another.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read(_LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole file: {error}", path=path) from error
    md5 = contents_md5[path.name.removesuffix(".gz")]
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is damaged, or belongs to another data set with the same file names: "
            f"the MD5 of its uncompressed content is not {md5}",
            path=path,
        )
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    values: NDArray[np.uint8] = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return np.array(values.reshape(shape))


def _idx_set(base: str, folder: str, md5s: dict[str, tuple[str, str]]) -> Reader:
    """Return the reader of a data set in MNIST's layout; ``md5s`` are of archive and content."""
    remotes = {
        split: (
            Remote(f"{base}{stem}-images-idx3-ubyte.gz", md5s[f"{stem}-images-idx3-ubyte"][0]),
            Remote(f"{base}{stem}-labels-idx1-ubyte.gz", md5s[f"{stem}-labels-idx1-ubyte"][0]),
        )
        for split, stem in (("train", "train"), ("test", "t10k"))
    }
    return _idx_reader(remotes, folder, {name: pair[1] for name, pair in md5s.items()})


read_mnist = _idx_set(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "MNIST",
    {
        "train-images-idx3-ubyte": (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        "train-labels-idx1-ubyte": (
            "d53e105ee54ea40749a09fcbcd1e9432",
            "a25bea736e30d166cdddb491f175f624",
        ),
        "t10k-images-idx3-ubyte": (
            "9fb629c4189551a2d022fa330f9573f3",
            "2646ac647ad5339dbf082846283269ea",
        ),
        "t10k-labels-idx1-ubyte": (
            "ec29112dd5afa0611ce80d1b7f02629c",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    },
)

read_fashion_mnist = _idx_set(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "FashionMNIST",
    {
        "train-images-idx3-ubyte": (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        ),
        "train-labels-idx1-ubyte": (
            "25c81989df183df01b3e8a0aad5dffbe",
            "9018921c3c673c538a1fc5bad174d6f9",
        ),
        "t10k-images-idx3-ubyte": (
            "bef4ecab320f06d8554ea6380940ec79",
            "8181f5470baa50b63fa0f6fddb340f0a",
        ),
        "t10k-labels-idx1-ubyte": (
            "bb300cfdad3c16e7a12a480ee83cd310",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    },
)
