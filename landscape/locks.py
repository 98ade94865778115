"""Locks on files: one writer at a time; readers are not affected."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import ModuleType
from typing import IO

from landscape.errors import CheckpointError, SurfaceFileError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def lock(file: FileIO, path: Path) -> None:
    """Lock a file for writing, until it is closed; readers do not notice.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: Another process is writing the file.
    """
    if not _acquired(file):
        raise SurfaceFileError(
            f"{path} is being written by another process: wait for it, or write to another file",
            path=path,
        )


@contextmanager
def writing_checkpoints(path: Path) -> Iterator[None]:
    """Keep other processes from training into the same files; make missing folders.

    Checkpoints are replaced by new files, so that a hidden file next to them is locked. It is
    removed at the end; that of a killed process is used again.

    Args:
        path: The checkpoint that a training resumes from.

    Raises:
        CheckpointError: Another process is training into it.
        OSError: The folder cannot be written.
    """
    hidden = path.with_name(f".{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            file = hidden.open("ab")
        except OSError as error:
            # The user knows the name that was requested, not the hidden one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        with file:
            if not _acquired(file):
                raise CheckpointError(
                    f"{path} is being written by another training: wait for it, or write to "
                    "another folder",
                    path=path,
                )
            if not _is_at(file, hidden):  # the other training has just ended, and removed it
                continue
            try:
                yield
            finally:
                with suppress(OSError):
                    hidden.unlink()
            return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def is_being_written(path: Path) -> bool | None:
    """Return whether a process is writing a file at this moment; None if unknown.

    Args:
        path: The file.
    """
    if fcntl is None or not hasattr(fcntl, "F_OFD_GETLK"):
        return None
    try:
        with path.open("rb") as file:
            held: bytes = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
    except OSError:
        return None
    return held != _whole_file(fcntl.F_UNLCK)


def _acquired(file: IO[bytes]) -> bool:
    """Return whether a file is locked now, because no other process holds it."""
    if fcntl is None:
        return True
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # Unlike lockf's, this lock outlives a reading of the file by the same process.
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        else:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _whole_file(kind: int) -> bytes:
    """Return the system's structure for a lock of a whole file."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)
