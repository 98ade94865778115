"""Files of checkpoints, whatever they contain."""

import hashlib
import json
import zipfile
from pathlib import Path

from landscape.errors import CheckpointError
from landscape.expansion import expands
from landscape.filetypes import is_zip

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".t7", ".tar")
"""What the names of checkpoints usually end in."""

_INDEX = ".index.json"  # of weights in several files: the file of each tensor
_IN_FOLDERS = tuple(
    name + ending
    for name in (
        "model.safetensors",
        "pytorch_model.bin",
        "adapter_model.safetensors",
        "adapter_model.bin",
        "diffusion_pytorch_model.safetensors",
    )
    for ending in ("", _INDEX)
)


def holds_weights(path: Path) -> bool:
    """Return whether a path is a folder of ``save_pretrained``, or of Hugging Face's Trainer.

    Args:
        path: The path.
    """
    return path.is_dir() and any((path / name).is_file() for name in _IN_FOLDERS)


def is_adapter(path: Path) -> bool:
    """Return whether a checkpoint is an adapter of PEFT, without the weights of its base model.

    Args:
        path: The checkpoint.
    """
    return weight_files(path)[0].name.startswith("adapter_model")


def weight_files(path: Path) -> list[Path]:
    """Return the files that hold the weights of a checkpoint.

    Args:
        path: A file; the index of weights in several files; or a folder of ``save_pretrained``.

    Raises:
        CheckpointError: It does not exist, or the folder holds no weights.
    """
    if path.is_dir():
        found = next((path / name for name in _IN_FOLDERS if (path / name).is_file()), None)
        if found is None:
            raise CheckpointError(
                f"{path}: not a file, nor a folder with {_IN_FOLDERS[0]} or {_IN_FOLDERS[2]}",
                path=path,
            )
        path = found
    check_is_file(path)
    return _indexed(path) if path.name.endswith(_INDEX) else [path]


def _indexed(path: Path) -> list[Path]:
    """Return the files that an index names, which lie next to it.

    Raises:
        CheckpointError: It is no index, or a file is missing.
    """
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
        files = [path.with_name(Path(name).name) for name in names]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is no index of weights", path=path) from error
    for file in files:
        check_is_file(file)
    return files


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
    """Return the SHA-256 of the bytes of some checkpoints, one after the other, in hexadecimal.

    Args:
        *paths: Files, or folders of which the files with weights count.

    Raises:
        CheckpointError: One is neither.
    """
    digest = hashlib.sha256()
    for path in paths:
        for each in weight_files(path):
            with each.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def check_archive(path: Path) -> None:
    """Check the sizes and the checksums inside a file of torch.save, which torch itself does not.

    Args:
        path: The file.

    Raises:
        BadZipFile: One is wrong.
    """
    if not zipfile.is_zipfile(path):
        if is_zip(path):
            raise zipfile.BadZipFile("it is cut short")
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if expands(size, path.stat().st_size):
            raise zipfile.BadZipFile(f"it expands to {size} bytes")
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} is damaged")
