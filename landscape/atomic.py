"""Atomic file replacement: a file appears complete or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Provide a temporary name next to ``path``; at the end, synced, it replaces ``path``.

    If the block fails, nothing is left behind and an existing file stays. Missing folders are
    made.

    Args:
        path: The file; a symbolic link stays one.

    Yields:
        The temporary path.

    Raises:
        OSError: It cannot be written there.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path.resolve())
    except OSError as error:
        # The user knows the name that was requested, not the temporary one.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Check, before long work, that a file can be written at ``path``; make missing folders.

    Args:
        path: The file.

    Raises:
        OSError: It cannot.
    """
    temporary = temporary_name(path)
    try:
        temporary.touch()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Return the temporary name next to the target of ``path``; make missing folders.

    Args:
        path: The file.

    Raises:
        OSError: It exists and is not a regular file, or the folder cannot be made.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "exists and is not a regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")
