"""Read checkpoints: our format, plain state_dicts and common wrappers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.checkpoints import weights
from landscape.checkpoints.checkpoint import FORMAT, VERSION, Checkpoint
from landscape.checkpoints.content import Unknown, read, recorded_accuracy, unknown_names
from landscape.checkpoints.files import is_adapter, weight_files
from landscape.datasets.preprocessing import Preprocessing
from landscape.errors import CheckpointError, first_line
from landscape.expansion import expands
from landscape.models import Architecture

_KINDS: Mapping[str, Any] = {
    "state_dict": Mapping,
    "data": str | None,
    "data_sha256": str | None,
    "recipe": Mapping,
    "epoch": int | None,
    "history": Mapping,
    "resume": Mapping,
}


def load(path: str | Path, key: str | None = None) -> Checkpoint:
    """Read a checkpoint without running anything that is in it.

    Understood are ours, a ``state_dict``, alone or in dictionaries with other things, files of
    safetensors, and folders of ``save_pretrained``.

    Args:
        path: The file or folder.
        key: Which of several networks in it: the key of its state_dict, ``a.b`` of a nested one,
            or the prefix of its names.

    Returns:
        The checkpoint, its tensors on the CPU.

    Raises:
        CheckpointError: It is missing, damaged, holds code, or no weights.
    """
    path = Path(path)
    try:
        return _of_content(read(path), key, path)
    except CheckpointError:
        raise
    except Exception as error:  # damaged files raise nearly anything
        raise CheckpointError(f"{path} is damaged: {first_line(error)}", path=path) from error


def _of_content(content: Any, key: str | None, path: Path) -> Checkpoint:
    if not isinstance(content, Mapping | Unknown):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not a state_dict", path=path
        )
    if isinstance(content, Mapping) and content.get("format") == FORMAT:
        return _ours(content, path)
    try:
        found = _weights(_find(content, key, path), path)
        if is_adapter(path):
            return Checkpoint(weights.of_adapter(found), is_partial=True)
    except CheckpointError as error:
        if names := unknown_names(path):
            raise CheckpointError(
                f"{path} holds more than data ({', '.join(names[:3])}); nothing in it was run: "
                "save only `model.state_dict()` with torch.save",
                path=path,
            ) from error
        raise
    if not isinstance(content, Mapping):
        return Checkpoint(found)
    epoch = content.get("epoch")
    accuracy = recorded_accuracy(content)
    return Checkpoint(found, epoch=epoch if isinstance(epoch, int) else None, accuracy=accuracy)


def _find(content: Any, key: str | None, path: Path) -> Mapping[Any, Any]:
    try:
        return {} if isinstance(content, Unknown) else weights.find(content, key)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}", path=path, key=key) from error


def _ours(content: Mapping[str, Any], path: Path) -> Checkpoint:
    version = content.get("format_version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        newer = isinstance(version, int) and version > VERSION
        advice = "install a newer landscape" if newer else "it is damaged"
        raise CheckpointError(
            f"{path} has checkpoint version {version}, this program reads up to {VERSION}: "
            f"{advice}",
            path=path,
            key="format_version",
            expected=VERSION,
            got=version,
        )
    net, preprocessing = content["net"], content["preprocessing"]
    for key, kind in _KINDS.items():
        if not isinstance(content[key], kind):
            raise TypeError(f"{key} is a {type(content[key]).__name__}")
    for name, values in content["history"].items():
        if not isinstance(name, str) or not isinstance(values, list):
            raise TypeError(f"history holds {name!r}: a {type(values).__name__}")
        [float(value) for value in values]
    _check_plain(content["recipe"], "recipe")
    return Checkpoint(
        _weights(content["state_dict"], path),
        net=_architecture(net, version) if net else None,
        data=content["data"],
        data_sha256=content["data_sha256"],
        preprocessing=Preprocessing(**preprocessing) if preprocessing else None,
        recipe=content["recipe"],
        epoch=content["epoch"],
        history=content["history"],
        resume=content["resume"],
        is_partial=content.get("is_partial") is True,
    )


def _check_plain(entries: Mapping[Any, Any], what: str) -> None:
    """Check that a dictionary holds texts and numbers by names.

    Raises:
        TypeError: It holds something else.
    """
    for key, value in entries.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | None):
            raise TypeError(f"{what} holds {key!r}: a {type(value).__name__}")


def _architecture(stored: Mapping[str, Any], version: int) -> Architecture:
    options = (
        stored["options"] if version >= 2 else {k: v for k, v in stored.items() if k != "name"}
    )
    _check_plain(options, "net")
    net = Architecture(stored["name"], **options)
    net.check()
    return net


def _weights(state: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    found = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} holds no state_dict: {key!r} is a {type(value).__name__}, expected "
                "tensors by name",
                path=path,
                key=str(key),
            )
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise CheckpointError(
                f"{path}: {key} is no dense tensor of numbers", path=path, key=key
            )
        found[key] = value
    size = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if expands(size, sum(file.stat().st_size for file in weight_files(path))):
        raise CheckpointError(f"{path}: its tensors expand to {size} bytes", path=path)
    if not found:
        raise CheckpointError(f"{path} holds no weights", path=path)
    return found
