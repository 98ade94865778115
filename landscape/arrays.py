"""Arrays of a user's as tensors."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from landscape.errors import DataError
from landscape.trees import as_tensor


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
        x, y = (t if isinstance(t, Tensor) else as_tensor(t) for t in (x, y))
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: x and y must be arrays of numbers: {error}") from error
    if not x.dim() or not y.dim() or len(x) != len(y) or len(x) == 0:
        raise DataError(
            f"{what}: x and y must have one entry per example and one example or more, "
            f"they have shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return x, with_long_integers(y)


def with_long_integers(y: Tensor) -> Tensor:
    """Return targets of which integers are of torch's type for labels.

    Args:
        y: Targets; floating-point and complex ones are returned as they came.
    """
    return y if y.is_floating_point() or y.is_complex() else y.long()


def check_single(value: Any, what: str) -> None:
    """Check that a value is not several data sets, as those for training and test.

    Args:
        value: What a user gave as data.
        what: What it is, for the error's text.

    Raises:
        DataError: It is.
    """
    several = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(several, tuple | list):
        return
    if any(isinstance(each, DataLoader | Dataset) for each in several):
        found = ", ".join(type(each).__name__ for each in several)
        raise DataError(
            f"{what}: expected one DataLoader or Dataset, got {len(several)} ({found}; of training "
            "and test?): return one of them"
        )
