"""Models and examples as the command line loads them."""

from dataclasses import dataclass, field
from pathlib import Path

import click
from torch import Tensor, nn

from landscape import checkpoints
from landscape.brief import brief
from landscape.checkpoints import Checkpoint
from landscape.commands.settings import chosen, texts
from landscape.errors import UserCodeError
from landscape.facts import Facts
from landscape.losses import LOSSES, Loss
from landscape.models import Architecture
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
    """

    path: Path
    checkpoint: Checkpoint
    model: nn.Module
    name: str
    title: str
    net: Architecture | None = None

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
    def provenance(self) -> Facts:
        """Path and SHA-256 of the checkpoint, for a surface's provenance."""
        return {"checkpoint": str(self.path), "checkpoint_sha256": checkpoints.sha256(self.path)}


@dataclass(frozen=True, eq=False)
class Examples:
    """Preprocessed examples.

    Attributes:
        x: Inputs.
        y: Targets.
        settings: Facts that determine them and the model.
        provenance: Further facts.
    """

    x: Tensor
    y: Tensor
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
    user = load_callable(reference)
    loss: Loss = user() if isinstance(user.call, type) else user.call
    if not callable(loss):
        raise UserCodeError(f"{reference} made a {type(loss).__name__}, which cannot be called")
    return loss
