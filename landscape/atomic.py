"""Files that appear complete or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; at the end, synced, it takes its place.

    If the block fails, nothing is left behind and a file that was there stays. Missing
    folders are made.

    Raises:
        OSError: It cannot be written there.
    """
    path, temporary = _places(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # The user knows the name that was asked for, not the temporary one.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Check, before long work, that a file can be written at ``path``; make missing folders.

    Raises:
        OSError: It cannot.
    """
    path, temporary = _places(path)
    try:
        temporary.touch()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _places(path: Path) -> tuple[Path, Path]:
    """Return the real path, since a link stays a link, and the temporary one beside it."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "there is something that is not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path, path.with_name(f".{path.name}.{os.getpid()}.tmp")
