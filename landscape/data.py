"""Data sets: embedded, downloaded, or the user's own."""

import inspect
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.archives import DATA_DIR_VARIABLE, READERS
from landscape.brief import brief
from landscape.errors import DataError
from landscape.usercode import load_callable

Split = Literal["train", "test", "all"]
SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True)
class Preprocessing:
    """How images become inputs: ``(pixel - mean) / std`` per channel, pixels from 0 to 1.

    Attributes:
        mean: One number per channel, or one for all; on the scale from 0 to 1.
        std: Likewise.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise ValueError("means must be finite, standard deviations finite and positive")

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return inputs, float32, of the shape of ``pixels``: (images, channels, …).

        Integers are taken as 0 to 255, floating-point pixels as 0 to 1.

        Raises:
            DataError: The number of channels is another.
        """
        values = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
        channels = pixels.shape[1] if pixels.dim() > 1 else 1
        if {len(self.mean), len(self.std)} - {1, channels}:
            raise DataError(
                f"the preprocessing has {len(self.mean)} means and {len(self.std)} standard "
                f"deviations, the images have {channels} channels"
            )
        shape = (1, -1, *[1] * (pixels.dim() - 2))
        return (values - torch.tensor(self.mean).view(shape)) / torch.tensor(self.std).view(shape)

    def __str__(self) -> str:
        return "/".join(",".join(f"{x:.6g}" for x in numbers) for numbers in (self.mean, self.std))

    @classmethod
    def parse(cls, text: str) -> "Preprocessing":
        """Read a named preprocessing, or numbers as ``M,M,M/S,S,S``.

        Raises:
            ValueError: The text is neither.
        """
        if text in PREPROCESSINGS:
            return PREPROCESSINGS[text]
        try:
            mean, std = (tuple(map(float, part.split(","))) for part in text.split("/"))
            return cls(mean, std)
        except ValueError:
            raise ValueError(
                f"preprocessing must be one of {', '.join(PREPROCESSINGS)}, or means and "
                f"positive standard deviations as 0.5,0.5,0.5/0.2,0.2,0.2, not {text!r}"
            ) from None


def _of_255(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    return Preprocessing(tuple(x / 255 for x in mean), tuple(x / 255 for x in std))


NO_PREPROCESSING = Preprocessing((0.0,), (1.0,))

PREPROCESSINGS = {
    "paper": _of_255((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
    "imagenet": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "none": NO_PREPROCESSING,
}
"""Named ones: the paper's for CIFAR-10, the one usual for ImageNet, and pixels from 0 to 1."""


# Mean and standard deviation of the training images.
_STANDARD = {
    "digits": Preprocessing((0.3058,), (0.3764,)),
    "cifar10": PREPROCESSINGS["paper"],
    "cifar100": _of_255((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
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
        preprocessing: What a net is trained with unless told otherwise; None for data of the
            user's, which are taken as they are.
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
        if self.y.is_floating_point() or self.y.dim() != 1 or int(self.y.min()) < 0:
            raise DataError(
                f"{self.name}: y must be labels 0, 1, …, one integer per example, not "
                f"{self.y.dtype} of shape {tuple(self.y.shape)} from {self.y.min():g}"
            )
        return int(self.y.max()) + 1

    def first(self, num: int | None) -> "Dataset":
        """Return the first ``num`` examples; all of them for None.

        Raises:
            DataError: There are fewer.
        """
        if num is None:
            return self
        if not 1 <= num <= len(self.x):
            raise DataError(
                f"{num} images asked of {self.name} ({self.split}), it has {len(self.x)}"
            )
        return replace(self, x=self.x[:num], y=self.y[:num])


def load(name: str, split: Split = "train", data_dir: Path | None = None) -> Dataset:
    """Return a data set.

    Args:
        name: One of :data:`NAMES`, or ``FILE.npz`` with arrays ``x`` and ``y``, or
            ``FILE.py:CALLABLE`` that returns ``(x, y)``; it is given ``split`` if it has a
            parameter of that name.
        split: Which part. ``all`` is both. A ``FILE.npz`` has one part only.
        data_dir: Where to look for files before downloading; by default the folder in the
            environment variable ``LANDSCAPE_DATA_DIR``.

    Raises:
        DataError: It is not known, missing, damaged, or of the wrong form.
        UserCodeError: The user's file could not be run.
    """
    if name in READERS:
        if data_dir is None and os.environ.get(DATA_DIR_VARIABLE):
            data_dir = Path(os.environ[DATA_DIR_VARIABLE])
        parts = [
            READERS[name](part, data_dir)
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
        pair = function(split=split) if takes_split else function()
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(f"{name} must return (x, y), not {type(pair).__name__}")
        return _own(name, split if takes_split else "all", *pair)
    raise DataError(
        f"no data set is named {name!r}: expected {', '.join(NAMES)}, FILE.npz or FILE.py:CALLABLE"
    )


def as_tensors(x: Any, y: Any, what: str) -> tuple[Tensor, Tensor]:
    """Return two arrays as tensors of one length.

    Args:
        x: Tensor, or anything that numpy takes; shape (examples, …).
        y: Likewise.
        what: What they are, for the error's text.

    Raises:
        DataError: They are not arrays of numbers, empty, or of different length.
    """
    try:
        x, y = (
            t if isinstance(t, Tensor) else torch.from_numpy(np.ascontiguousarray(t))
            for t in (x, y)
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: x and y must be arrays of numbers: {error}") from error
    if not x.dim() or not y.dim() or len(x) != len(y) or len(x) == 0:
        raise DataError(
            f"{what}: x and y must have one entry per example and one example or more, "
            f"they have shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if x.is_complex() or y.is_complex():
        raise DataError(f"{what}: x and y must be real numbers")
    if not y.is_floating_point():
        y = y.long()
    return x, y


def _own(name: str, split: str, x: Any, y: Any) -> Dataset:
    return Dataset(name, split, *as_tensors(x, y, name))


def _read_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]
    except Exception as error:  # damaged files raise nearly anything
        raise DataError(
            f"{path}: expected arrays x and y of numbers in an .npz file: {error}"
        ) from error
