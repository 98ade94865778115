"""The well-known data sets: where their files are, and how to read them.

Files come from a folder of the user's, or are downloaded once into the user's cache. What
is read is checked against the official checksums of its content, so that an archive packed
anew is as good as the official one, and one data set is never taken for another.
"""

import gzip
import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.errors import DataError

DATA_DIR_VARIABLE = "LANDSCAPE_DATA_DIR"
"""Environment variable that stands in for ``--data-dir``."""

Reader = Callable[[str, Path | None], tuple[NDArray[Any], NDArray[Any]]]
"""``read("train" or "test", data_dir)``: images, shape (n, channels, h, w), and labels."""


def _read_digits(split: str, _: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the embedded digits; every fifth is for testing, so that all writers are in both.

    They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and
    C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0), as scikit-learn has it.
    """
    with resources.files("landscape").joinpath("digits.npz").open("rb") as file:
        arrays = np.load(file)
        x, y = arrays["x"], arrays["y"]
    part = (np.arange(len(x)) % 5 == 4) == (split == "test")
    return x[part, None].astype(np.float32) / 16, y[part].astype(np.int64)


@dataclass(frozen=True)
class _Remote:
    """A file that can be downloaded."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]

    def find(self, data_dir: Path | None, other_names: tuple[str, ...] = ()) -> Path:
        """Return the path of this file, or of the same under another name; else download it."""
        import pooch

        cache = Path(pooch.os_cache("landscape"))
        for name in (*other_names, self.name):
            path = (data_dir or cache) / name
            if path.exists():
                return path
        if data_dir is not None:
            raise DataError(f"{data_dir} holds no {self.name}: put it there, from {self.url}")
        pooch.get_logger().setLevel("WARNING")
        try:
            return Path(pooch.retrieve(self.url, f"md5:{self.md5}", self.name, cache))
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot download {self.name} ({type(error).__name__}): put the file from "
                f"{self.url} into {cache}, or into a folder given by --data-dir or "
                f"{DATA_DIR_VARIABLE}"
            ) from error


def _cifar_reader(
    remote: _Remote, folder: str, members: dict[str, dict[str, str]], labels: str
) -> Reader:
    """Return a reader of the python version of CIFAR, as an archive or unpacked."""

    def read(split: str, data_dir: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
        path = remote.find(data_dir, (folder,))
        contents = dict(_cifar_files(path, set(members[split])))
        batches = []
        for name, md5 in members[split].items():
            if name not in contents:
                raise DataError(f"{path} holds no {folder}/{name}")
            if hashlib.md5(contents[name], usedforsecurity=False).hexdigest() != md5:
                raise DataError(
                    f"{path}: {name} is damaged (its MD5 is not {md5}): get {remote.url} again"
                )
            batches.append(_ArrayUnpickler(io.BytesIO(contents[name]), encoding="latin1").load())
        x = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        y = np.concatenate([batch[labels] for batch in batches]).astype(np.int64)
        return x, y

    return read


def _cifar_files(path: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        yield from ((n, (path / n).read_bytes()) for n in names if (path / n).is_file())
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                file = archive.extractfile(member) if name in names else None
                if file is not None:
                    yield name, file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is not a whole archive: {error}") from error


class _ArrayUnpickler(pickle.Unpickler):
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


def _idx_reader(
    remotes: dict[str, tuple[_Remote, _Remote]], folder: str, contents_md5: dict[str, str]
) -> Reader:
    """Return a reader of MNIST's file format, compressed or not."""

    def read(split: str, data_dir: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
        images, labels = (
            _idx_array(_find_idx(remote, data_dir, folder), contents_md5)
            for remote in remotes[split]
        )
        return images[:, None], labels.astype(np.int64)

    return read


def _find_idx(remote: _Remote, data_dir: Path | None, folder: str) -> Path:
    plain = remote.name.removesuffix(".gz")
    names = [
        f"{place}{name}"
        for place in (f"{folder}/raw/", f"{folder}/", "")
        for name in (remote.name, plain)
    ]
    return remote.find(data_dir, tuple(names))


def _idx_array(path: Path, contents_md5: dict[str, str]) -> NDArray[Any]:
    """Read an array of bytes: magic 0x0000 08 DIMENSIONS, sizes in big-endian, values."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole file: {error}") from error
    md5 = contents_md5[path.name.removesuffix(".gz")]
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is damaged, or belongs to another data set with the same file names: "
            f"the MD5 of its uncompressed content is not {md5}"
        )
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    values: NDArray[np.uint8] = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return np.array(values.reshape(shape))


def _idx_set(base: str, folder: str, md5s: dict[str, tuple[str, str]]) -> Reader:
    """Describe a data set in MNIST's layout; ``md5s`` are of the archive and its content."""
    remotes = {
        split: (
            _Remote(f"{base}{stem}-images-idx3-ubyte.gz", md5s[f"{stem}-images-idx3-ubyte"][0]),
            _Remote(f"{base}{stem}-labels-idx1-ubyte.gz", md5s[f"{stem}-labels-idx1-ubyte"][0]),
        )
        for split, stem in (("train", "train"), ("test", "t10k"))
    }
    return _idx_reader(remotes, folder, {name: pair[1] for name, pair in md5s.items()})


_cifar10 = _cifar_reader(
    _Remote(
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
_cifar100 = _cifar_reader(
    _Remote(
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
_mnist = _idx_set(
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
_fashion_mnist = _idx_set(
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

READERS: dict[str, Reader] = {
    "digits": _read_digits,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "mnist": _mnist,
    "fashion-mnist": _fashion_mnist,
}
