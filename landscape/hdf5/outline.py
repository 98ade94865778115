"""HDF5 files for reading: their outline comes from another process, values straight from the file.

Nothing of the HDF5 library runs in this process, so that no damaged file can end or stall it. An
outline has the names of h5py's objects: groups are mappings, and all have ``attrs``.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import FileIO
from pathlib import Path
from shlex import quote
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from landscape.errors import SurfaceFileError
from landscape.filetypes import is_numpy, is_torch
from landscape.hdf5.process import outliner


@dataclass(frozen=True)
class Unsupported:
    """Stands for an attribute that is neither a text nor a number."""

    description: str

    def __str__(self) -> str:
        return self.description


@dataclass(frozen=True)
class Dataset:
    """An array in a file.

    Attributes:
        name: Path in the file.
        attrs: Its attributes.
        shape: Its shape; None of a data set without values.
        dtype: Type of its numbers; a description of other types.
        offset: Where its values are in the file, if they can be read and written there.
        text: Its value, of a text.
        source: The file.
        decoded: Its values, if they are not in the file as such.
    """

    name: str
    attrs: Mapping[str, Any]
    shape: tuple[int, ...] | None
    dtype: Any
    offset: int | None
    text: str | None
    source: FileIO = field(repr=False)
    decoded: memoryview | None = field(repr=False)

    @property
    def size(self) -> int:
        """Size of its values in bytes."""
        return math.prod(self.shape or ()) * int(self.dtype.itemsize)

    def read(self) -> NDArray[Any]:
        """Return its values in the file at this moment.

        Raises:
            TypeError: They are not real numbers.
            ValueError: The file has become shorter.
        """
        if self.shape is None or not isinstance(self.dtype, np.dtype):
            raise TypeError(f"{self.name} holds {self.dtype}, not numbers")
        data = bytearray(self.size if self.decoded is None else self.decoded)
        if self.decoded is None:
            self.source.seek(self.offset or 0)
            rest = memoryview(data)
            while rest:
                num = self.source.readinto(rest)
                if not num:
                    raise ValueError(f"the file ends within {self.name}")
                rest = rest[num:]
        return np.frombuffer(data, self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Group(Mapping[str, Union["Group", Dataset]]):
    """A group of a file; ``group["a/b"]`` is b in its group a.

    Attributes:
        name: Path in the file.
        attrs: Its attributes.
        members: Its groups and data sets.
    """

    name: str
    attrs: Mapping[str, Any]
    members: dict[str, Any] = field(default_factory=dict, repr=False)

    def __getitem__(self, key: str) -> Any:
        first, _, rest = key.partition("/")
        member = self.members[first]
        return member[rest] if rest else member

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.members))

    def __len__(self) -> int:
        return len(self.members)


class ReplacedError(SurfaceFileError):
    """Another file has got the name of the one that is open."""


def read_outline(raw: FileIO, path: Path) -> Group:
    """Return the root of an open file; its values can be read as long as the file is open.

    Args:
        raw: The file, open for reading.
        path: Its path.

    Raises:
        ReplacedError: Another file has got the path meanwhile.
        SurfaceFileError: It is no HDF5 file, is damaged, or refers to data elsewhere.
    """  # noqa: DOC501  # not_hdf5 returns it
    answer, decoded = outliner.ask(path)
    if "invalid" in answer:
        raise not_hdf5(path, answer["invalid"])
    if "refused" in answer:
        raise SurfaceFileError(f"{path} {answer['refused']}", path=path)
    if "damaged" in answer:
        raise SurfaceFileError(f"{path} is damaged: {answer['damaged']}", path=path)
    status = os.fstat(raw.fileno())
    if answer["file"] != [status.st_dev, status.st_ino]:
        raise ReplacedError(f"{path} was just replaced by another process: run it again", path=path)
    try:
        return _root(answer["objects"], raw, status.st_size, decoded)
    except ValueError as error:
        raise SurfaceFileError(f"{path} is damaged: {error}", path=path) from error


def not_hdf5(path: Path, reason: str) -> SurfaceFileError:
    """Return the error for a file that the HDF5 library does not open.

    Args:
        path: The file.
        reason: The library's.
    """
    if is_numpy(path):
        return SurfaceFileError(
            f"{path} holds NumPy arrays, not a surface of landscape: "
            f"`landscape convert {quote(str(path))} --out NAME.h5`"
        )
    if is_torch(path):
        return SurfaceFileError(
            f"{path} is a checkpoint, not a surface: make one with `landscape scan {path}`"
        )
    return SurfaceFileError(
        f"{path} is not a valid HDF5 file (truncated or corrupted): {reason}", path=path
    )


def _root(objects: Sequence[Any], raw: FileIO, size: int, decoded: memoryview) -> Group:
    """Return the root group of an outline.

    Raises:
        ValueError: Values lie outside of the file, or overlap.
    """
    root = Group("/", _attributes(objects[0][1]))
    left = size
    for path, found in objects[1:]:
        parent, _, name = path.rpartition("/")
        group = root[parent[1:]] if parent else root
        attributes = _attributes(found)
        if "shape" not in found and "text" not in found:
            group.members[name] = Group(path, attributes)
            continue
        shape = found.get("shape")
        dataset = Dataset(
            path,
            attributes,
            None if shape is None else tuple(shape),
            np.dtype(found["dtype"]) if {"offset", "blob"} & found.keys() else found.get("dtype"),
            found.get("offset"),
            found.get("text"),
            raw,
            None,
        )
        if "blob" in found:
            values = decoded[found["blob"] : found["blob"] + dataset.size]
            dataset = replace(dataset, decoded=values)
        elif dataset.offset is not None:
            left -= dataset.size
            if dataset.offset + dataset.size > size or left < 0:
                raise ValueError(f"{path} lies outside of the file, or overlaps other values")
        group.members[name] = dataset
    return root


def _attributes(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: Unsupported(value[0]) if isinstance(value, list) else value
        for key, value in found["attrs"].items()
    }
