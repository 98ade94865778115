"""Open HDF5 files, and check that they are surfaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import h5py
import numpy as np

from landscape.errors import SurfaceFileError, first_line
from landscape.filetypes import is_numpy, is_torch
from landscape.hdf5.layout import FORMAT, VERSION

_LISTED = 4  # entries of a file, in a message


def check_surface(file: Any, path: Path) -> None:
    """Check that an open file is a surface that this program reads.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: It is not, or of a later version, or refers to data elsewhere.
    """
    if str(file.attrs.get("format")) != FORMAT:
        raise SurfaceFileError(
            f"{path} is {_what_else(file, path)}",
            path=path,
            key="format",
            expected=FORMAT,
            got=file.attrs.get("format"),
        )
    version = file.attrs.get("format_version", 0)
    if not isinstance(version, np.integer | int) or not 1 <= version <= VERSION:
        raise SurfaceFileError(
            f"{path} has format version {version}, this program reads up to {VERSION}: "
            "install a newer landscape",
            path=path,
            key="format_version",
            expected=VERSION,
            got=version,
        )
    check_self_contained(file, path)


def check_self_contained(file: Any, path: Path) -> None:
    """Check that all data of an open file are in it: else it would determine what else is read.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: It refers to data elsewhere.
    """
    if not _is_self_contained(file):
        raise SurfaceFileError(
            f"{path} contains external or virtual datasets or links, which are not allowed.",
            path=path,
        )


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open any HDF5 file for reading, without locks.

    Args:
        path: The file.

    Yields:
        The open file.

    Raises:
        SurfaceFileError: It does not exist, or is not a valid HDF5 file.
    """  # noqa: DOC501  # not_hdf5 returns it
    check_is_file(path)
    try:
        file = _open_unlocked(path)
    except OSError as error:
        raise not_hdf5(path, error) from error
    with file:
        yield file


def check_is_file(path: Path) -> None:
    """Check that a path is a regular file.

    Args:
        path: The path.

    Raises:
        SurfaceFileError: It does not exist, or is something else.
    """
    if not path.is_file():
        raise SurfaceFileError(f"{path}: {'not a' if path.exists() else 'no such'} file", path=path)


def not_hdf5(path: Path, error: Exception) -> SurfaceFileError:
    """Return the error for a file that the HDF5 library does not open.

    Args:
        path: The file.
        error: The library's error.
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
        f"{path} is not a valid HDF5 file (truncated or corrupted): {first_line(error)}"
    )


def _open_unlocked(path: Path) -> Any:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        # Opened with locks in this process: HDF5 requires all its handles to agree.
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")


def _what_else(file: Any, path: Path) -> str:
    """Return what an HDF5 file is that is no surface of this program, and what to do with it."""
    theirs, name = "of the code of Li et al. (tomgoldstein/loss-landscape)", quote(str(path))
    if "xcoordinates" in file:
        return f"a surface {theirs}: `landscape convert {name} --out NAME.h5`"
    if "xdirection" in file:
        return f"a direction file {theirs}, not a surface: `landscape scan NET.pt --plane {name}`"
    if "proj_xcoord" in file:
        return (
            f"a projected trajectory {theirs}, not a surface: "
            f"`landscape convert SURFACE.h5 {name} --out NAME.h5`"
        )
    return (
        f"an HDF5 file but not a surface of landscape: expected the attribute format = {FORMAT!r}, "
        f"as written by `landscape scan`, found the entries {_listed(list(file))}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + ", …" * (len(names) > _LISTED) or "none"


def _is_self_contained(group: Any) -> bool:
    """Return whether all data are in the file."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return False
        item = group[name]
        if isinstance(item, h5py.Group):
            if not _is_self_contained(item):
                return False
        elif item.external is not None or item.is_virtual:
            return False
    return True
