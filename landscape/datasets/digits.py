"""The embedded 8×8 digits."""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_digits(split: str, _: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the embedded digits; every fifth is for testing, so that all writers are in both.

    They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and
    C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0), as scikit-learn has it.

    Returns:
        Images, uint8, shape (images, 1, 8, 8), and labels.
    """
    with resources.files("landscape").joinpath("digits.npz").open("rb") as file:
        arrays = np.load(file)
        x, y = arrays["x"], arrays["y"]
    part = (np.arange(len(x)) % 5 == 4) == (split == "test")
    return x[part, None].astype(np.float32) / 16, y[part].astype(np.int64)
