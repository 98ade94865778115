"""Recognizes surfaces, arrays and checkpoints by the first bytes of a file, whatever its name."""

import zipfile
from pathlib import Path

_HDF5 = b"\x89HDF\r\n\x1a\n"
# torch.save writes ZIP archives; before torch 1.6 it wrote pickles.
_NUMPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_TORCH = (_ZIP, b"\x80\x02")


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5 does."""
    return _begins_with(path, (_HDF5,))


def is_torch(path: Path) -> bool:
    """Return whether a file begins as those of ``torch.save`` do."""
    return _begins_with(path, _TORCH)


def is_zip(path: Path) -> bool:
    """Return whether a file begins as ZIP archives do."""
    return _begins_with(path, (_ZIP,))


def is_numpy(path: Path) -> bool:
    """Return whether a file is one array of NumPy (.npy), or an archive of some (.npz)."""
    if is_npy(path):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False  # no archive, or a damaged one
    return bool(names) and all(name.endswith(".npy") for name in names)


def is_npy(path: Path) -> bool:
    """Return whether a file is one array of NumPy."""
    return _begins_with(path, (_NUMPY,))


def _begins_with(path: Path, signatures: tuple[bytes, ...]) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HDF5)).startswith(signatures)
