"""Files of checkpoints, whatever they contain."""

import hashlib
import zipfile
from pathlib import Path

from landscape.errors import CheckpointError


def check_is_file(path: Path) -> None:
    """Check that a path is a regular file.

    Args:
        path: The path.

    Raises:
        CheckpointError: It is not.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: {'not a' if path.exists() else 'no such'} file", path=path)


def sha256(*paths: Path) -> str:
    """Return the SHA-256 of the bytes of some files, one after the other, in hexadecimal.

    Args:
        *paths: The files.

    Raises:
        CheckpointError: One is not a file.
    """
    digest = hashlib.sha256()
    for path in paths:
        check_is_file(path)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def check_sums(path: Path) -> None:
    """Check the checksums inside a file of torch.save, which torch itself does not.

    Args:
        path: The file.

    Raises:
        BadZipFile: One is wrong.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged")
