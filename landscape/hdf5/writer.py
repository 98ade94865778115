"""Write the values of points into an existing file, without the HDF5 library."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import SurfaceFileError
from landscape.hdf5.layout import VERSION
from landscape.hdf5.outline import Group


@dataclass(frozen=True)
class _Entry:
    """A point to be written: its flat index over (seeds, points), and its values by name."""

    layer: str
    index: int
    values: Mapping[str, float]


class Writer:
    """Puts values into an open file, point by point.

    A commit writes the values, makes them durable, and only then marks the points as evaluated;
    points that had values are first marked as not evaluated. No metadata change, so that
    neither a killed scan nor a reader can damage the file.

    Args:
        raw: The open file, unbuffered.
        path: Its path.
        file: Root of the same file.
        size: Its size in bytes when it was opened; another size later is another's change.

    Raises:
        SurfaceFileError: The file is of an older format version or not contiguous.
    """

    def __init__(self, raw: FileIO, path: Path, file: Group, size: int) -> None:
        if int(file.attrs["format_version"]) != VERSION:
            raise SurfaceFileError(
                f"{path}: expected format version {VERSION}; rewrite it first", path=path
            )
        self._raw, self._path = raw, path
        self._size = size
        self._offsets: dict[tuple[str, str], int] = {}
        self._types: dict[tuple[str, str], np.dtype[Any]] = {}
        self._grid_size = math.prod(file["layers/loss/evaluated"].shape[1:])
        for layer in file["layers"]:
            group = file["layers"][layer]
            for name in group:
                offset = group[name].offset
                if offset is None:
                    raise SurfaceFileError(
                        f"{path} uses chunked or compressed datasets and cannot be updated in "
                        "place; rewrite it with `Surface.save`.",
                        path=path,
                    )
                self._offsets[layer, name] = offset
                self._types[layer, name] = group[name].dtype
        self._pending: list[_Entry] = []
        self._seconds: dict[tuple[str, int], float] = {}

    def put(
        self, layer: str, index: int, values: Mapping[str, float], *, seconds: float, seed: int = 0
    ) -> None:
        """Remember the values of a point until the next commit.

        Args:
            layer: Name of the layer.
            index: Flat index into arrays over the grid.
            values: Values by the name of the array.
            seconds: Time spent on all points of this layer and seed so far.
            seed: Position of the seed.
        """
        self._pending.append(_Entry(layer, seed * self._grid_size + index, values))
        self._seconds[layer, seed] = seconds

    def commit(self) -> None:
        """Make all points durable.

        Raises:
            SurfaceFileError: The file was removed or changed by another process.
            OSError: It cannot be written.
        """
        if not self._pending:
            return
        self._check_in_place()
        again = [entry for entry in self._pending if self._is_marked(entry)]
        for entry in again:
            self._write(entry.layer, "evaluated", entry.index, b"\x00")
        if again:
            os.fsync(self._raw.fileno())
        for entry in self._pending:
            for name, value in entry.values.items():
                data = np.array(value, dtype=self._types[entry.layer, name]).tobytes()
                self._write(entry.layer, name, len(data) * entry.index, data)
        for (layer, seed), seconds in self._seconds.items():
            self._write(layer, "seconds", 8 * seed, np.array(seconds, dtype="<f8").tobytes())
        os.fsync(self._raw.fileno())
        for entry in self._pending:
            self._write(entry.layer, "evaluated", entry.index, b"\x01")
        os.fsync(self._raw.fileno())
        self._pending.clear()
        self._seconds.clear()

    def _check_in_place(self) -> None:
        here = os.fstat(self._raw.fileno())
        try:
            there = self._path.stat()
            is_in_place = os.path.samestat(here, there) and here.st_size == self._size
        except OSError:
            is_in_place = False
        if not is_in_place:
            self._pending.clear()
            raise SurfaceFileError(
                f"{self._path} was removed or changed while it was written: run it again",
                path=self._path,
            )

    def _is_marked(self, entry: _Entry) -> bool:
        return self._read(entry.layer, "evaluated", entry.index, 1) != b"\x00"

    def _read(self, layer: str, name: str, position: int, num: int) -> bytes:
        self._raw.seek(self._offsets[layer, name] + position)
        return self._raw.read(num)

    def _write(self, layer: str, name: str, position: int, data: bytes) -> None:
        self._raw.seek(self._offsets[layer, name] + position)
        self._raw.write(data)
