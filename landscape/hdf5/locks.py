"""Locks on surface files: one writer at a time; readers are not affected."""

import os
import struct
from io import FileIO
from pathlib import Path
from types import ModuleType

from landscape.errors import SurfaceFileError

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
    if fcntl is None:
        return
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # Unlike lockf's, this lock outlives a reading of the file by the same process.
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        else:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise SurfaceFileError(
            f"{path} is being written by another process: wait for it, or write to another file",
            path=path,
        ) from None
    except OSError:
        pass  # a file system without locks


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


def _whole_file(kind: int) -> bytes:
    """Return the system's structure for a lock of a whole file."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)
