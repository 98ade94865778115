"""Atomic file replacement: a file appears complete or not at all."""

import errno
import glob
import os
import platform
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
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
        sync_names(path.resolve().parent)
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

    Files under such names that killed processes of this machine have left are removed.

    Args:
        path: The file.

    Raises:
        OSError: It exists and is not a regular file, or the folder cannot be made.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "exists and is not a regular file", str(path))
    missing = [each for each in (path.parent, *path.parent.parents) if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_names(folder.parent)
    prefix = f".{path.name}.{_machine()}."
    for left in path.parent.glob(f"{glob.escape(prefix)}*.tmp"):
        if not _is_alive(left.name[len(prefix) : -len(".tmp")]):
            left.unlink(missing_ok=True)
    return path.with_name(f"{prefix}{os.getpid()}.tmp")


def sync_names(folder: Path) -> None:
    """Make the names of the files in a folder durable, where the system can.

    Args:
        folder: The folder.
    """
    with suppress(OSError):  # Windows, and some network file systems
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@cache
def _machine() -> str:
    """Return what distinguishes the numbers of our processes from those of other machines."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino  # containers have their own
    except OSError:
        space = 0
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"


def _is_alive(number: str) -> bool:
    """Return whether a process of this machine may be running."""
    if os.name != "posix" or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
