"""Checksums in surface files: of the values of every point, and of whole arrays and marks.

A point has one checksum over all its values in a layer, which is written with them, before the
point is marked as evaluated. So they agree wherever the point is marked, after a crash as well.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ATTRIBUTE = "crc32"
"""Attribute of an array or of a mark: its CRC-32."""

POINTS = "checksums"
"""Array of a layer: the CRC-32 of every point, 0 where none has been evaluated."""


def of_point(index: int, values: Mapping[str, bytes]) -> int:
    """Return the checksum of a point.

    Args:
        index: Its flat index over (seeds, points).
        values: The bytes of its values by the name of the array.
    """
    return zlib.crc32(struct.pack("<q", index) + b"".join(values[name] for name in sorted(values)))


def of_points(arrays: Mapping[str, NDArray[Any]], evaluated: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the checksums of all points, 0 for those that are not evaluated.

    Args:
        arrays: The values by the name of the array, of the types in the file.
        evaluated: Which points are.

    Example:
        >>> losses = np.array([[[1.5]]], "<f8")
        >>> same = of_point(0, {"losses": losses.tobytes()})
        >>> int(of_points({"losses": losses}, np.array([[[True]]]))[0, 0, 0]) == same
        True
    """
    names = sorted(arrays)
    fields: Any = [("", "<i8"), *(("", arrays[name].dtype) for name in names)]
    records = np.empty(evaluated.size, fields)
    columns = [np.arange(evaluated.size), *(arrays[name].ravel() for name in names)]
    for field, column in zip(records.dtype.names or (), columns, strict=True):
        records[field] = column
    data, size = memoryview(records.tobytes()), records.itemsize
    checksums = [zlib.crc32(data[k : k + size]) for k in range(0, len(data), size)]
    found = np.array(checksums, "<u4").reshape(evaluated.shape)
    return np.where(evaluated, found, np.uint32(0)).astype("<u4")


def of_array(values: NDArray[Any]) -> int:
    """Return the checksum of an array.

    Args:
        values: The array, of the type in the file.
    """
    return zlib.crc32(np.ascontiguousarray(values).tobytes())


def of_mark(name: str, numbers: tuple[float, ...]) -> int:
    """Return the checksum of a labeled checkpoint.

    Args:
        name: Its name.
        numbers: Its coordinates, distance and loss.
    """
    return zlib.crc32(name.encode() + struct.pack(f"<{len(numbers)}d", *numbers))


def check(found: int, stored: object, what: str) -> None:
    """Check a checksum, where the file has one.

    Args:
        found: That of the values.
        stored: That in the file, or None.
        what: What they are of, for the message.

    Raises:
        ValueError: They differ.
    """
    if stored is not None and stored != found:
        raise ValueError(f"the checksum of {what} does not match its values: restore a copy")
