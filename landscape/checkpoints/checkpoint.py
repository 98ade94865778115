"""Read and write checkpoints: our format, plain state_dicts and common wrappers."""

import io
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.atomic import replacing
from landscape.brief import brief
from landscape.checkpoints.files import check_is_file, check_sums
from landscape.datasets.preprocessing import Preprocessing
from landscape.errors import CheckpointError, first_line
from landscape.filetypes import is_hdf5
from landscape.models import Architecture

FORMAT = "landscape-checkpoint"

VERSION = 2

_KINDS: Mapping[str, Any] = {
    "state_dict": Mapping,
    "data": str | None,
    "data_sha256": str | None,
    "recipe": Mapping,
    "epoch": int | None,
    "history": Mapping,
    "resume": Mapping,
}

_STATE_KEYS = ("state_dict", "model_state_dict", "model", "net")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A net's weights, and what is known of them. Data only.

    Attributes:
        state: All parameters and buffers by name.
        net: Which of our nets it is, if the file says so.
        data: Name of the data set it was trained on, if the file says so.
        data_sha256: Of the training inputs and labels, if the file says so.
        preprocessing: What its inputs were trained with, if the file says so.
        recipe: How it was trained.
        epoch: How many epochs, if the file says so.
        history: One list per quantity (``train_loss``, ``test_accuracy``, …), one entry per
            epoch.
        resume: State that the trainer needs to resume; empty in a finished run.
    """

    state: Mapping[str, Tensor]
    net: Architecture | None = None
    data: str | None = None
    data_sha256: str | None = None
    preprocessing: Preprocessing | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)
    resume: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = brief

    @property
    def unwrapped(self) -> Mapping[str, Tensor]:
        """The state without the prefixes of ``DataParallel`` and ``torch.compile``."""
        state = self.state
        for prefix in ("module.", "_orig_mod.", "module."):
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        return state

    def save(self, path: Path) -> None:
        """Write the checkpoint; the file appears complete or not at all.

        Raises:
            OSError: It cannot be written.
        """
        content = {
            "format": FORMAT,
            "format_version": VERSION,
            "state_dict": {name: tensor.detach().cpu() for name, tensor in self.state.items()},
            "net": {"name": self.net.name, "options": dict(self.net.options)} if self.net else None,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "preprocessing": asdict(self.preprocessing) if self.preprocessing else None,
            "recipe": dict(self.recipe),
            "epoch": self.epoch,
            "history": dict(self.history),
            "resume": dict(self.resume),
        }
        # In memory first: torch's writer reports a full disk as a RuntimeError.
        whole = io.BytesIO()
        torch.save(content, whole)
        with replacing(path) as temporary:
            temporary.write_bytes(whole.getbuffer())

    def model(self) -> nn.Module:
        """Return the network with its weights.

        Raises:
            CheckpointError: The file does not say which network it is, or the weights do not fit.
        """
        if self.net is None:
            raise CheckpointError("the checkpoint does not say which network it is: use load_into")
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay
            model = self.net.build()
        self.load_into(model, self.net.name)
        return model

    def load_into(self, model: nn.Module, what: str) -> None:
        """Put the weights into a model.

        Args:
            model: Changed in place.
            what: What the model is, for the error's text.

        Raises:
            CheckpointError: Names or shapes differ.
        """
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
            raise CheckpointError(f"{what} has lazy layers: run it once before it is returned")
        wanted = model.state_dict()
        state = self.state if wanted.keys() & self.state.keys() else self.unwrapped
        # Checkpoints from before torch 0.4.1 have no such counters; they are not used.
        optional = {name for name in wanted if name.endswith("num_batches_tracked")}
        missing = [name for name in wanted if name not in state and name not in optional]
        unexpected = [name for name in state if name not in wanted]
        shapes = [
            f"{name} has shape {tuple(state[name].shape)}, the net's {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in state and state[name].shape != tensor.shape
        ]
        kinds = [
            f"{name} is {state[name].dtype}, the net's {tensor.dtype}"
            for name, tensor in wanted.items()
            if name in state and state[name].is_floating_point() != tensor.is_floating_point()
        ]
        if missing or unexpected or shapes or kinds:
            problems = [
                *([f"{len(missing)} missing ({missing[0]}, …)"] if missing else []),
                *([f"{len(unexpected)} unexpected ({unexpected[0]}, …)"] if unexpected else []),
                *shapes[:1],
                *kinds[:1],
            ]
            raise CheckpointError(f"the checkpoint does not fit {what}: {'; '.join(problems)}")
        model.load_state_dict(state, strict=False)


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint without running anything that is in it.

    Understood are ours, a ``state_dict``, and dictionaries that hold one under
    ``state_dict``, ``model_state_dict``, ``model`` or ``net``.

    Returns:
        The checkpoint, its tensors on the CPU.

    Raises:
        CheckpointError: It is missing, damaged, holds code, or no weights.
    """
    path = Path(path)
    check_is_file(path)
    if is_hdf5(path):
        raise CheckpointError(
            f"{path} is a surface, not a checkpoint: show it with `landscape view {path}`",
            path=path,
        )
    try:
        check_sums(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the content is checked below
            content = torch.load(path, map_location="cpu", weights_only=True)
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
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not a state_dict", path=path
        )
    if content.get("format") == FORMAT:
        return _ours(content, path)
    state = next(
        (content[key] for key in _STATE_KEYS if isinstance(content.get(key), Mapping)), content
    )
    return Checkpoint(_weights(state, path))


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
    try:
        net, preprocessing = content["net"], content["preprocessing"]
        for key, kind in _KINDS.items():
            if not isinstance(content[key], kind):
                raise TypeError(f"{key} is a {type(content[key]).__name__}")
        for values in content["history"].values():
            [float(value) for value in values]
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
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}", path=path) from error


def _architecture(stored: Mapping[str, Any], version: int) -> Architecture:
    options = (
        stored["options"] if version >= 2 else {k: v for k, v in stored.items() if k != "name"}
    )
    net = Architecture(stored["name"], **options)
    net.check()
    return net


def _weights(state: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    weights = {}
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
        weights[key] = value
    if not weights:
        raise CheckpointError(f"{path} holds no weights", path=path)
    return weights
