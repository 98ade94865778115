"""Read what is in a file of ``torch.save`` or of safetensors; nothing in it is run."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoints.files import check_archive, weight_files
from landscape.errors import CheckpointError, first_line
from landscape.filetypes import is_hdf5

# Of images that the network was not trained on: Li et al. and many others; torchvision, and so on.
_ACCURACIES = ("acc", "test_acc", "val_acc", "best_acc", "best_acc1", "best_prec1")


class Unknown:
    """Stands for an object of a class that is not imported; holds nothing, does nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def read(path: Path) -> Any:
    """Return the content of a checkpoint, its tensors on the CPU.

    Objects that are neither tensors nor plain data, as a configuration or numbers of numpy, are
    replaced by :class:`Unknown`.

    Args:
        path: A file, the index of weights in several files, or a folder of ``save_pretrained``.

    Raises:
        CheckpointError: It is missing or damaged, or holds code only.
    """
    files = weight_files(path)
    if len(files) == 1 and files[0] == path:
        return _content(path)
    tensors: dict[Any, Any] = {}
    for file in files:
        part = _content(file)
        if not isinstance(part, Mapping):
            raise CheckpointError(f"{file} holds a {type(part).__name__}, not weights", path=file)
        tensors.update(part)
    return tensors


def unknown_names(path: Path) -> list[str]:
    """Return the names of the classes and functions in a file that are not imported.

    Args:
        path: The file.
    """
    if not zipfile.is_zipfile(path):
        return []
    return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))


def recorded_accuracy(content: Mapping[Any, Any]) -> float | None:
    """Return the test accuracy, 0 to 1, that a training script saved with its weights, or None.

    Args:
        content: The content of the checkpoint.
    """
    for key in _ACCURACIES:
        value = content.get(key)
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.item()
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100:
            return float(value) if value <= 1 else float(value) / 100
    return None


def _content(path: Path) -> Any:
    if is_hdf5(path):
        raise CheckpointError(
            f"{path} is a surface, not a checkpoint: show it with `landscape view {path}`",
            path=path,
        )
    if path.suffix == ".safetensors":
        return _safetensors(path)
    try:
        check_archive(path)
        inert: Any = [(Unknown, name) for name in unknown_names(path)]
        with warnings.catch_warnings(), torch.serialization.safe_globals(inert):
            warnings.simplefilter("ignore")  # the content is checked by the caller
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than data, or is damaged; nothing in it was run: save only "
            "`model.state_dict()` with torch.save",
            path=path,
        ) from error
    except Exception as error:  # damaged files raise nearly anything
        raise CheckpointError(
            f"{path} is not a whole file of torch.save: {first_line(error)}", path=path
        ) from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise CheckpointError(
            f"{path} needs safetensors: pip install safetensors", path=path
        ) from error
    try:
        return dict(load_file(path))
    except Exception as error:  # damaged files raise nearly anything
        raise CheckpointError(
            f"{path} is not a whole file of safetensors: {first_line(error)}", path=path
        ) from error
