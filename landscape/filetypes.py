"""Recognizes surfaces and checkpoints by the first bytes of a file, whatever its name."""

from pathlib import Path

_HDF5 = b"\x89HDF\r\n\x1a\n"
# torch.save writes ZIP archives; before torch 1.6 it wrote pickles.
_TORCH = (b"PK\x03\x04", b"\x80\x02")


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5 does."""
    return _begins_with(path, (_HDF5,))


def is_torch(path: Path) -> bool:
    """Return whether a file begins as those of ``torch.save`` do."""
    return _begins_with(path, _TORCH)


def _begins_with(path: Path, signatures: tuple[bytes, ...]) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HDF5)).startswith(signatures)
