"""Data sets: embedded, downloaded, or the user's own."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.arrays import as_tensors, check_single
from landscape.brief import brief
from landscape.data_reading import read
from landscape.datasets.cifar import read_cifar10, read_cifar100
from landscape.datasets.digits import read_digits
from landscape.datasets.download import Reader
from landscape.datasets.mnist import read_fashion_mnist, read_mnist
from landscape.datasets.preprocessing import PREPROCESSINGS, Preprocessing, of_255
from landscape.environment import DATA_DIR_VARIABLE
from landscape.errors import DataError
from landscape.numpy_files import check_arrays
from landscape.user_code import load_callable

_MOST_CLASSES = 1_000_000

Split = Literal["train", "test", "all"]

SPLITS: tuple[str, ...] = get_args(Split)

READERS: dict[str, Reader] = {
    "digits": read_digits,
    "cifar10": read_cifar10,
    "cifar100": read_cifar100,
    "mnist": read_mnist,
    "fashion-mnist": read_fashion_mnist,
}

# Mean and standard deviation of the training images.
_STANDARD = {
    "digits": Preprocessing((0.3058,), (0.3764,)),
    "cifar10": PREPROCESSINGS["paper"],
    "cifar100": of_255((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
    "mnist": Preprocessing((0.1307,), (0.3081,)),
    "fashion-mnist": Preprocessing((0.2860,), (0.3530,)),
}

NAMES = tuple(READERS)
"""The data sets that can be named."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in memory.

    Attributes:
        name: As on the command line.
        split: Which part.
        x: Pixels or other inputs, shape (examples, …); images as (examples, channels, h, w),
            uint8 from 0 to 255 or floating-point from 0 to 1.
        y: Targets, shape (examples, …).
        preprocessing: Usual normalization for training; None for user-supplied data, which are
            used unchanged.
    """

    name: str
    split: str
    x: Tensor
    y: Tensor
    preprocessing: Preprocessing | None = None

    __repr__ = brief

    @property
    def num_classes(self) -> int:
        """One more than the largest label.

        Raises:
            DataError: The targets are not labels.
        """
        y = self.y
        is_integer = not y.is_floating_point() and not y.is_complex()
        lowest, highest = (int(y.min()), int(y.max())) if is_integer and y.numel() else (0, 0)
        if not is_integer or y.dim() != 1 or not 0 <= lowest <= highest < _MOST_CLASSES:
            raise DataError(
                f"{self.name}: y must be labels 0, 1, …, one integer below {_MOST_CLASSES} per "
                f"example, not {y.dtype} of shape {tuple(y.shape)} from {lowest} to {highest}"
            )
        return highest + 1

    def first(self, num: int | None) -> "Dataset":
        """Return the first ``num`` examples; all of them for None.

        Raises:
            DataError: The data set has fewer examples.
        """
        if num is None:
            return self
        if not 1 <= num <= len(self.x):
            raise DataError(
                f"{num} images asked of {self.name} ({self.split}), it has {len(self.x)}",
                expected=num,
                got=len(self.x),
            )
        return replace(self, x=self.x[:num], y=self.y[:num])


@dataclass(frozen=True, eq=False)
class OwnData:
    """What a user's function returns that is no pair of arrays: a loader, dictionaries, batches.

    Attributes:
        name: ``FILE.py:CALLABLE``.
        split: Which part, or ``all``.
        value: What it returned.
    """

    name: str
    split: str
    value: Any

    __repr__ = brief

    def first(self, num: int | None) -> Any:
        """Return the first ``num`` examples; what the function returned for None.

        Raises:
            DataError: It returned fewer, or no examples.
        """
        try:
            return self.value if num is None else read(self.value, num=num)
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from error


def load(name: str, split: Split = "train", data_dir: str | Path | None = None) -> Dataset:
    """Return a data set.

    Args:
        name: A name as ``cifar10``, or ``FILE.npz`` with arrays ``x`` and ``y``, or
            ``FILE.py:CALLABLE`` that returns ``(x, y)``; it is given ``split`` if it has a
            parameter of that name.
        split: Which part. ``all`` is both. A ``FILE.npz`` has one part only.
        data_dir: Where to look for files before downloading; by default the folder in the
            environment variable ``LANDSCAPE_DATA_DIR``.

    Raises:
        DataError: It is not known, missing, damaged, or of the wrong form.
        UserCodeError: The user's file could not be run.
    """
    found = load_any(name, split, data_dir)
    if isinstance(found, OwnData):
        raise DataError(f"{name} must return (x, y), not {type(found.value).__name__}")
    return found


def load_any(
    name: str, split: Split = "train", data_dir: str | Path | None = None
) -> Dataset | OwnData:
    """Return a data set, or what else a user's function returns.

    Args:
        name: See :func:`load`.
        split: Which part.
        data_dir: Where to look for files before downloading.

    Raises:
        DataError: It is not known, missing, damaged, or of the wrong form.
        UserCodeError: The user's file could not be run.
    """
    if name in READERS:
        given = data_dir or os.environ.get(DATA_DIR_VARIABLE)
        parts = [
            READERS[name](part, Path(given) if given else None)
            for part in (["train", "test"] if split == "all" else [split])
        ]
        x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return Dataset(name, split, torch.from_numpy(x), torch.from_numpy(y), _STANDARD[name])
    if name.endswith(".npz"):
        x, y = _read_npz(Path(name))
        return _own(name, "all", x, y)
    if ".py:" in name:
        function = load_callable(name)
        takes_split = "split" in inspect.signature(function.call).parameters
        value = function(split=split) if takes_split else function()
        check_single(value, name)
        part = split if takes_split else "all"
        return _own(name, part, *value) if _is_pair(value) else OwnData(name, part, value)
    raise DataError(
        f"no data set is named {name!r}: expected {', '.join(NAMES)}, FILE.npz or FILE.py:CALLABLE"
    )


def _is_pair(value: Any) -> bool:
    """Return whether a value is ``(x, y)`` of two arrays, not of dictionaries or tuples of them."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return not any(isinstance(each, Mapping | tuple) for each in value)


def _own(name: str, split: str, x: Any, y: Any) -> Dataset:
    return Dataset(name, split, *as_tensors(x, y, name))


def _read_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file", path=path)
    try:
        check_arrays(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]
    except Exception as error:  # damaged files raise nearly anything
        raise DataError(
            f"{path}: expected arrays x and y of numbers in an .npz file: {error}", path=path
        ) from error
