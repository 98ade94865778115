"""Open HDF5 files, and check that they are surfaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from landscape.errors import SurfaceFileError
from landscape.hdf5.layout import FORMAT, VERSION
from landscape.hdf5.outline import Group, ReplacedError, read_outline

_LISTED = 4  # entries of a file, in a message
_ATTEMPTS = 5  # to open a file that other processes replace


def check_surface(file: Any, path: Path) -> None:
    """Check that an open file is a surface that this program reads.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: It is not, or of a later version.
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
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise SurfaceFileError(
            f"{path} has format version {version}, this program reads up to {VERSION}: "
            "install a newer landscape",
            path=path,
            key="format_version",
            expected=VERSION,
            got=version,
        )


@contextmanager
def open_hdf5(path: Path) -> Iterator[Group]:
    """Open any HDF5 file for reading, without locks.

    Args:
        path: The file.

    Yields:
        The root of the file.

    Raises:
        ReplacedError: Other processes replace it again and again.
        SurfaceFileError: It does not exist, is not a valid HDF5 file, or refers to data elsewhere.
    """
    for left in reversed(range(_ATTEMPTS)):
        check_is_file(path)
        with path.open("rb", buffering=0) as raw:
            try:
                root = read_outline(raw, path)
            except ReplacedError:
                if left:
                    continue
                raise
            yield root
            return


def check_is_file(path: Path) -> None:
    """Check that a path is a regular file.

    Args:
        path: The path.

    Raises:
        SurfaceFileError: It does not exist, or is something else.
    """
    if not path.is_file():
        raise SurfaceFileError(f"{path}: {'not a' if path.exists() else 'no such'} file", path=path)


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
