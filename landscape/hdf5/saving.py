"""Write, amend and open surface files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape.errors import SurfaceFileError
from landscape.hdf5.opening import check_is_file
from landscape.hdf5.transaction import SurfaceFile
from landscape.surface import Surface


def save(surface: Surface, path: Path, *, overwrite: bool = False) -> None:
    """Write a surface to a new file, atomically.

    Args:
        surface: The surface, complete or not.
        path: The file; missing folders are made.
        overwrite: Replace an existing file.

    Raises:
        SurfaceFileError: The file exists and ``overwrite`` is false, or is being written.
        OSError: It cannot be written.
    """
    if not overwrite:
        check_new(path)
    with SurfaceFile(path, overwrite=overwrite) as file:
        if file.found is not None:  # created since
            check_new(path)
        file.write(surface)


def check_new(path: Path) -> None:
    """Check that a path is free.

    Args:
        path: The path.

    Raises:
        SurfaceFileError: Something exists there.
    """
    if path.exists():
        raise SurfaceFileError(f"{path} exists: choose another name, or overwrite it", path=path)


def amend(path: Path, change: Callable[[Surface], Surface]) -> Surface:
    """Replace a file by a changed one, while no other process can write it.

    Args:
        path: A surface file; its directions are kept.
        change: Returns the surface to write, given that of the file.

    Returns:
        The changed surface.

    Raises:
        SurfaceFileError: It is not a surface, or another process is writing it.
        OSError: It cannot be written.
    """
    check_is_file(path)
    with SurfaceFile(path) as file:
        assert file.found is not None  # noqa: S101  # the file exists
        changed = change(file.found)
        file.write(changed)
    return changed


@contextmanager
def output_file(
    file: "str | Path | SurfaceFile | None", *, overwrite: bool = False
) -> Iterator[SurfaceFile | None]:
    """Open the output file of a scan, if given; an open file is left open.

    Args:
        file: Path, open file, or None.
        overwrite: Ignore the content of an existing file.

    Yields:
        The open file, or None.

    Raises:
        SurfaceFileError: The file cannot be read, or is written by another process.
        OSError: It cannot be opened.
    """
    if file is None or isinstance(file, SurfaceFile):
        yield file
        return
    with SurfaceFile(file, overwrite=overwrite) as opened:
        yield opened
