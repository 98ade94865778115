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
from landscape.hdf5 import checksums
from landscape.hdf5.layout import LAYERS, VERSION, value_types
from landscape.hdf5.outline import Group


@dataclass(frozen=True)
class _Entry:
    """A point to be written: its flat index over (seeds, points), and its values by name."""

    layer: str
    index: int
    values: Mapping[str, float]


class Writer:
    """Puts values into an open file, point by point.

    A commit writes the values with their checksums, makes them durable, and only then marks the
    points as evaluated; points that had values are first marked as not evaluated. No metadata
    change, so that neither a killed scan nor a reader can damage the file.

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
        self._values: dict[str, list[str]] = {}
        self._grid_size = math.prod(file["layers/loss/evaluated"].shape[1:])
        for layer in LAYERS.keys() & file["layers"].keys():
            group = file["layers"][layer]
            types = value_types(group, layer)
            self._values[layer] = sorted(types)
            masks = {"evaluated": "u1", checksums.POINTS: "<u4", "seconds": "<f8"}
            for name, dtype in {**types, **masks}.items():
                offset = group[name].offset
                if offset is None or group[name].dtype != dtype:
                    raise SurfaceFileError(
                        f"{path} uses chunked, compressed or converted datasets and cannot be "
                        "updated in place; rewrite it with `Surface.save`.",
                        path=path,
                    )
                self._offsets[layer, name] = offset
            self._types.update({(layer, name): dtype for name, dtype in types.items()})
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
            self._write_values(entry)
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

    def _write_values(self, entry: _Entry) -> None:
        """Write the values of a point and its checksum; values that are not given stay."""
        layer, values = entry.layer, {}
        for name in self._values[layer]:
            dtype = self._types[layer, name]
            if name in entry.values:
                values[name] = np.array(entry.values[name], dtype).tobytes()
                self._write(layer, name, dtype.itemsize * entry.index, values[name])
            else:
                position = dtype.itemsize * entry.index
                values[name] = self._read(layer, name, position, dtype.itemsize)
        checksum = checksums.of_point(entry.index, values)
        self._write(layer, checksums.POINTS, 4 * entry.index, checksum.to_bytes(4, "little"))

    def _is_marked(self, entry: _Entry) -> bool:
        return self._read(entry.layer, "evaluated", entry.index, 1) != b"\x00"

    def _read(self, layer: str, name: str, position: int, num: int) -> bytes:
        self._raw.seek(self._offsets[layer, name] + position)
        return self._raw.read(num)

    def _write(self, layer: str, name: str, position: int, data: bytes) -> None:
        self._raw.seek(self._offsets[layer, name] + position)
        self._raw.write(data)
