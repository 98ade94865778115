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
    path = path.resolve()  # a link stays, and points to the new content
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "there is something that is not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
