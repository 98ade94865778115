"""Files of NumPy: checked before anything is allocated from what their headers say."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from landscape.expansion import expands
from landscape.filetypes import is_npy

_LONGEST_HEADER = 10_000


def check_arrays(path: Path) -> None:
    """Check that the arrays in a file are as large as their headers say; nothing is run.

    Args:
        path: A file of ``numpy.save`` or ``numpy.savez``.

    Raises:
        ValueError: One is not, or is no array of numbers; or the archive expands to many times
            its size.

    Example:
        >>> np.savez("arrays.npz", x=np.zeros(3))
        >>> check_arrays(Path("arrays.npz"))
    """
    size = path.stat().st_size
    if is_npy(path):
        with path.open("rb") as file:
            _check_header(file, size)
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if expands(total, size):
            raise ValueError(f"it expands from {size} to {total} bytes: save it by numpy.savez")
        for member in members:
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    _check_header(file, member.file_size)


def _check_header(file: IO[bytes], size: int) -> None:
    """Check the header of one array.

    Raises:
        ValueError: It does not fit the size of the file.
    """
    version = np.lib.format.read_magic(file)
    read: Any = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=_LONGEST_HEADER)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read: save arrays of numbers")
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or expected > size:
        raise ValueError(f"an array of shape {shape} takes {expected} bytes, the file has {size}")
