"""Networks of the command line: the architecture that the options or the checkpoint name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from torch import nn

from landscape import checkpoints, libraries, models
from landscape.checkpoints import Checkpoint
from landscape.commands.loaded import LoadedModel
from landscape.commands.messages import usage_errors
from landscape.commands.settings import has_shortcut, parse
from landscape.errors import CheckpointError, UserCodeError
from landscape.models import Architecture
from landscape.naming import disambiguate, title_of
from landscape.planes.states import check_finite
from landscape.user_code import load_callable


@dataclass(frozen=True)
class Networks:
    """Loads the networks of checkpoints, as the options describe them.

    Attributes:
        net_name: Name of the architecture, or None.
        shortcut: Shortcut type, or None.
        settings: Options of the architecture, ``KEY=VALUE``.
        model_reference: User-supplied function or model of another library, or None.
        key: Which of several networks in a checkpoint, or None.

    Raises:
        click.UsageError: They contradict each other.
    """

    net_name: str | None
    shortcut: Any
    settings: Sequence[str]
    model_reference: str | None
    key: str | None

    def __post_init__(self) -> None:
        if self.net_name and self.model_reference:
            raise click.UsageError("give --net or --model, not both")
        for option, value in (("--shortcut", self.shortcut), ("--set", self.settings)):
            if value and self.model_reference:
                raise click.UsageError(f"{option} is for --net, not for --model")

    @property
    def chooses(self) -> bool:
        """Whether options of the architecture are given."""
        return self.shortcut is not None or bool(self.settings)

    def net(self, path: Path) -> LoadedModel:
        """Return the net of a checkpoint.

        Args:
            path: The checkpoint, or a reference to a model of another library.

        Raises:
            LandscapeError: It cannot be read, or does not fit the net.
            click.UsageError: A model of another library is given another architecture.
        """
        found = self._of_library(path) if libraries.is_reference(path) else self._of_file(path)
        check_finite(dict(found.model.named_parameters()), str(path))
        return found

    def nets(self, paths: Sequence[Path]) -> list[LoadedModel]:
        """Return the nets of some checkpoints, which are all of one kind.

        Args:
            paths: The checkpoints.

        Raises:
            LandscapeError: One cannot be read, or is another net than the first.
        """
        loaded = [self.net(path) for path in paths]
        for each in loaded:
            if each.kind != loaded[0].kind:
                raise CheckpointError(
                    f"Checkpoints have different architectures: {loaded[0].path} is "
                    f"{loaded[0].kind}, {each.path} is {each.kind}."
                )
        titles = disambiguate([each.title for each in loaded], paths)
        return [replace(each, title=title) for each, title in zip(loaded, titles, strict=True)]

    def _of_library(self, path: Path) -> LoadedModel:
        for option, value in (
            ("--net", self.net_name),
            ("--model", self.model_reference),
            ("--key", self.key),
        ):
            if value:
                raise click.UsageError(f"{path} names a model: leave out {option}")
        library = libraries.load(str(path))
        checkpoint = Checkpoint(library.model.state_dict())
        place = libraries.location(path)
        title = title_of(place) if place.exists() else place.name
        return LoadedModel(path, checkpoint, library.model, library.name, title, library=library)

    def _of_file(self, path: Path) -> LoadedModel:
        checkpoint = checkpoints.load(path, self.key)
        net = library = None
        if self.model_reference and libraries.is_reference(self.model_reference):
            library = libraries.load(self.model_reference, with_weights=False)
            model, name = library.model, library.name
        elif self.model_reference:
            model, name = load_callable(self.model_reference)(), self.model_reference
            if not isinstance(model, nn.Module):
                raise UserCodeError(
                    f"{self.model_reference} returned a {type(model).__name__}, not an nn.Module"
                )
        else:
            net = self._known_net(checkpoint, path)
            model, name = checkpoint.build(net), net.name
        if net is None:
            checkpoint.load_into(model, name)
        return LoadedModel(
            path, checkpoint, model, name, title_of(path), net, library, in_file=self.key is None
        )

    def _known_net(self, checkpoint: Checkpoint, path: Path) -> Architecture:
        if checkpoint.net is not None:
            net = checkpoint.net
            if self.net_name not in (None, net.name):
                raise CheckpointError(
                    f"{path} is a {net.name}, not a {self.net_name}: leave out --net"
                )
            for key, value in self._requested(net).items():
                if net.options.get(key) != value:
                    option = "--shortcut" if key == "shortcut" else "--set"
                    raise CheckpointError(
                        f"{path} is a {net}, not one with {key} {value}: leave out {option}"
                    )
            return net
        if self.net_name is None:
            advice = f"; hf:{path} reads its config.json" if (path / "config.json").exists() else ""
            raise CheckpointError(
                f"{path} does not record its architecture: give --net NAME or --model "
                f"FILE.py:CALLABLE{advice}"
            )
        net = Architecture(self.net_name)
        fitting = models.infer(checkpoint.unwrapped)
        fitting.sort(key=lambda each: each.name != net.name)  # loading reports what does not fit
        with usage_errors():
            net = net.fitted(**fitting[0].options) if fitting else net
            requested = net.replaced(**self._requested(net))
            if self.shortcut is not None and not has_shortcut(requested):
                raise ValueError(f"{net.name} has no shortcuts: leave out --shortcut")
            requested.check()
        if self.shortcut and (self.shortcut == "B") != (net.options["shortcut"] == "B"):
            raise CheckpointError(
                f"{path}: expected weights with shortcut {self.shortcut}, got weights "
                f"{'with' if net.options['shortcut'] == 'B' else 'without'} parameters in the "
                "shortcuts: leave out --shortcut"
            )
        return requested

    def _requested(self, net: Architecture) -> dict[str, Any]:
        """Return the options of the command line."""
        shortcut = {} if self.shortcut is None else {"shortcut": self.shortcut}
        return {**shortcut, **parse(net, self.settings)}
