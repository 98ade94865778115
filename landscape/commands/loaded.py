"""Models and examples as the command line loads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from torch import nn

from landscape import checkpoints, libraries
from landscape.brief import brief
from landscape.checkpoints import Checkpoint
from landscape.commands.settings import chosen, texts
from landscape.errors import UserCodeError
from landscape.facts import Facts
from landscape.libraries import LibraryModel
from landscape.losses import LOSSES, Loss
from landscape.metrics import Metric
from landscape.models import Architecture
from landscape.planes.states import Source
from landscape.user_code import load_callable


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model with the weights of a checkpoint.

    Attributes:
        path: Path of the checkpoint.
        checkpoint: Its content.
        model: The model, with its weights.
        name: Name of the architecture, or of the user-supplied function.
        title: Name in figures.
        net: The architecture, if it is one of ours.
        library: The model of another library, if it is one.
        in_file: Whether the model's weights are those that ``checkpoints.load(path)`` returns.
    """

    path: Path
    checkpoint: Checkpoint
    model: nn.Module
    name: str
    title: str
    net: Architecture | None = None
    library: LibraryModel | None = None
    in_file: bool = False

    __repr__ = brief

    @property
    def kind(self) -> str:
        """The name, with what distinguishes networks of one name, such as the shortcut."""
        return self.name if self.net is None else str(self.net)

    @property
    def options(self) -> Facts:
        """The options, for a surface's settings, that name, weights and data do not determine.

        Empty for the default ones, so that scans made before an option existed can be resumed.
        """
        if self.net is None:
            return {}
        is_centered = "shortcut A-centered" in self.kind
        options = ", ".join(texts(chosen(self.net)))
        return {
            **({"shortcut": "A-centered"} if is_centered else {}),
            **({"options": options} if options else {}),
        }

    @property
    def alternatives(self) -> tuple[Architecture, ...]:
        """Other architectures that the weights fit; none if the checkpoint records its own."""
        if self.net is None or self.checkpoint.net is not None:
            return ()
        return self.net.alternatives

    @property
    def task(self) -> str:
        """What the model predicts, if it is one of another library."""
        return "" if self.library is None else self.library.predicts

    @property
    def only(self) -> str | None:
        """What is moved where no option says it: all, but of an adapter only itself."""
        return None if self.library is None else self.library.only

    @property
    def source(self) -> Source:
        """What a plane reads the weights from."""
        return self.path if self.in_file else self.model

    def recorded(self, data: str) -> Facts:
        """Return what the checkpoint recorded on such data, for a surface's provenance.

        Args:
            data: Name of the data set; a checkpoint of other data recorded another task.
        """
        if self.checkpoint.data not in (None, data):
            return {}
        return {f"recorded_{key}": value for key, value in self.checkpoint.recorded.items()}

    @property
    def provenance(self) -> Facts:
        """Path and SHA-256 of the checkpoint, for a surface's provenance."""
        place = libraries.location(self.path)
        known = {"checkpoint_sha256": checkpoints.sha256(place)} if place.exists() else {}
        return {"checkpoint": str(self.path), **known}


@dataclass(frozen=True, eq=False)
class Examples:
    """Preprocessed examples.

    Attributes:
        data: Inputs and targets, or whatever :class:`landscape.Objective` takes.
        settings: Facts that determine them and the model.
        provenance: Further facts.
    """

    data: Any
    settings: Facts
    provenance: Facts = field(default_factory=dict)

    __repr__ = brief


def load_loss(reference: str) -> Loss:
    """Return the loss that ``--loss`` names.

    Args:
        reference: A name, or FILE.py:CALLABLE.

    Raises:
        click.UsageError: It is neither.
        UserCodeError: The loss cannot be loaded.
    """
    if reference in LOSSES:
        return LOSSES[reference]
    if ".py:" not in reference:
        raise click.UsageError(
            f"--loss must be {', '.join(LOSSES)} or FILE.py:CALLABLE, not {reference!r}"
        )
    loss: Loss = _function(reference)
    return loss


def load_metrics(references: Sequence[str]) -> dict[str, Metric]:
    """Return the metrics that ``--metric`` names, by the names of their callables.

    Args:
        references: FILE.py:CALLABLE of each.

    Raises:
        click.UsageError: Two have one name.
        UserCodeError: One cannot be loaded.
    """
    metrics: dict[str, Metric] = {}
    for reference in references:
        name = reference.rpartition(":")[2]
        if name in metrics:
            raise click.UsageError(f"--metric {reference}: expected different names of callables")
        metrics[name] = _function(reference)
    return metrics


def _function(reference: str) -> Any:
    """Return a user-supplied function, or an instance of a user-supplied class."""
    user = load_callable(reference)
    if isinstance(user.call, type) and user.needed:
        raise UserCodeError(
            f"{reference}: expected a function, or a class without arguments; it needs "
            f"{', '.join(user.needed)}: write NAME = {user.call.__name__}(…) into the file, and "
            "give NAME"
        )
    function = user() if isinstance(user.call, type) else user.call
    if not callable(function):
        raise UserCodeError(f"{reference} made a {type(function).__name__}, which cannot be called")
    return function
