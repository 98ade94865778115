"""A net's weights and what is known of them; written in our format."""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.atomic import replacing
from landscape.brief import brief
from landscape.checkpoints import weights
from landscape.datasets.preprocessing import Preprocessing
from landscape.errors import CheckpointError
from landscape.models import Architecture

FORMAT = "landscape-checkpoint"

VERSION = 2


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
        is_partial: Whether the rest of the net's parameters are those of the net itself, as the
            frozen ones of an adapter.
        accuracy: On data it was not trained on, 0 to 1, if another program recorded it.
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
    is_partial: bool = False
    accuracy: float | None = None

    __repr__ = brief

    @property
    def recorded(self) -> Mapping[str, float]:
        """``accuracy`` (0 to 1) and ``loss`` on data it was not trained on, if they are known."""
        last = {key: self.history.get(f"test_{key}", [])[-1:] for key in ("accuracy", "loss")}
        known = {key: float(values[0]) for key, values in last.items() if values}
        return {**({} if self.accuracy is None else {"accuracy": self.accuracy}), **known}

    @property
    def unwrapped(self) -> Mapping[str, Tensor]:
        """The state without the prefixes of ``DataParallel``, ``torch.compile`` and Lightning."""
        return weights.without_wrappers(self.state)

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
            **({"is_partial": True} if self.is_partial else {}),
        }
        # In memory first: torch's writer reports a full disk as a RuntimeError.
        whole = io.BytesIO()
        torch.save(content, whole)
        with replacing(path) as temporary:
            temporary.write_bytes(whole.getvalue())

    def model(self) -> nn.Module:
        """Return the network with its weights.

        Raises:
            CheckpointError: The file does not say which network it is, or the weights do not fit.
        """
        if self.net is None:
            raise CheckpointError("the checkpoint does not say which network it is: use load_into")
        return self.build(self.net)

    def build(self, net: Architecture) -> nn.Module:
        """Return a network with the weights.

        Args:
            net: Which one.

        Raises:
            CheckpointError: The weights do not fit; if they are too few, before memory is taken.
        """
        num, found = net.num_parameters, sum(tensor.numel() for tensor in self.state.values())
        if num > found:
            raise CheckpointError(
                f"the checkpoint does not fit {net.name}: expected {num} numbers, found {found}"
            )
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay
            model = net.build()
        self.load_into(model, net.name)
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
        state = weights.fitted(self.state, wanted)
        missing = [] if self.is_partial else weights.missing(state, wanted)
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
