"""Shared inputs of the command line: load the checkpoint, model, loss and data of the options."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from landscape import checkpoints, datasets, models
from landscape.captions import percent
from landscape.checkpoints import Checkpoint
from landscape.commands.identify import better_fit
from landscape.commands.loaded import Examples, LoadedModel, load_loss
from landscape.commands.messages import usage_errors
from landscape.commands.options import given
from landscape.commands.settings import has_shortcut, parse
from landscape.errors import CheckpointError, UserCodeError
from landscape.facts import Facts
from landscape.models import Architecture
from landscape.naming import disambiguate, title_of
from landscape.objective import BatchNorm, Objective
from landscape.planes.states import check_finite
from landscape.progress import Progress
from landscape.user_code import load_callable


class Inputs:
    """The checkpoint's architecture, loss and data, as the options describe them.

    Raises:
        click.UsageError: They contradict each other.
        UserCodeError: The loss cannot be loaded.
    """

    def __init__(
        self,
        *,
        net_name: str | None,
        shortcut: Any,
        settings: Sequence[str],
        model_reference: str | None,
        loss_reference: str,
        data_name: str | None,
        data_dir: Path | None,
        preprocessing: Any,
        split: Any,
        images: int | None,
    ) -> None:
        if net_name and model_reference:
            raise click.UsageError("give --net or --model, not both")
        for option, value in (("--shortcut", shortcut), ("--set", settings)):
            if value and model_reference:
                raise click.UsageError(f"{option} is for --net, not for --model")
        self._shortcut, self._settings = shortcut, settings
        self._net_name, self._model_reference = net_name, model_reference
        self._data_name, self._data_dir = data_name, data_dir
        self._preprocessing, self._split = preprocessing, split
        self.images = images
        self.loss = load_loss(loss_reference)

    def net(self, path: Path) -> LoadedModel:
        """Return the net of a checkpoint.

        Raises:
            LandscapeError: It cannot be read, or does not fit the net.
        """
        checkpoint = checkpoints.load(path)
        if self._model_reference:
            model = load_callable(self._model_reference)()
            if not isinstance(model, nn.Module):
                raise UserCodeError(
                    f"{self._model_reference} returned a {type(model).__name__}, not an nn.Module"
                )
            net, name = None, self._model_reference
        else:
            net = self._known_net(checkpoint, path)
            model, name = net.build(), net.name
        checkpoint.load_into(model, name)
        check_finite(dict(model.named_parameters()), str(path))
        return LoadedModel(path, checkpoint, model, name, title_of(path), net)

    def nets(self, paths: Sequence[Path]) -> list[LoadedModel]:
        """Return the nets of some checkpoints, which are all of one kind.

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

    def _known_net(self, checkpoint: Checkpoint, path: Path) -> Architecture:
        if checkpoint.net is not None:
            net = checkpoint.net
            if self._net_name not in (None, net.name):
                raise CheckpointError(
                    f"{path} is a {net.name}, not a {self._net_name}: leave out --net"
                )
            for key, value in self._requested(net).items():
                if net.options.get(key) != value:
                    option = "--shortcut" if key == "shortcut" else "--set"
                    raise CheckpointError(
                        f"{path} is a {net}, not one with {key} {value}: leave out {option}"
                    )
            return net
        if self._net_name is None:
            raise CheckpointError(
                f"{path} does not record its architecture: give --net NAME or --model "
                "FILE.py:CALLABLE"
            )
        net = Architecture(self._net_name)
        fitting = models.infer(checkpoint.unwrapped)
        fitting.sort(key=lambda each: each.name != net.name)  # loading reports what does not fit
        with usage_errors():
            net = net.fitted(**fitting[0].options) if fitting else net
            requested = net.replaced(**self._requested(net))
            if self._shortcut is not None and not has_shortcut(requested):
                raise ValueError(f"{net.name} has no shortcuts: leave out --shortcut")
            requested.check()
        if self._shortcut and (self._shortcut == "B") != (net.options["shortcut"] == "B"):
            raise CheckpointError(
                f"{path}: expected weights with shortcut {self._shortcut}, got weights "
                f"{'with' if net.options['shortcut'] == 'B' else 'without'} parameters in the "
                "shortcuts: leave out --shortcut"
            )
        return requested

    def _requested(self, net: Architecture) -> dict[str, Any]:
        """Return the options of the command line."""
        shortcut = {} if self._shortcut is None else {"shortcut": self._shortcut}
        return {**shortcut, **parse(net, self._settings)}

    def data(self, net: LoadedModel, report: Progress) -> Examples:
        """Return the examples for a net.

        Raises:
            LandscapeError: They are not known, or cannot be read.
            click.UsageError: They have no such part.
        """
        path, checkpoint = net.path, net.checkpoint
        source = self._data_name or checkpoint.data
        if source is None:
            raise CheckpointError(f"{path} does not say what it was trained on: give --data")
        if not self._data_name and ".py:" in source:
            raise CheckpointError(
                f"{path} was trained on {source}, which would run code: give it as --data yourself"
            )
        dataset = datasets.load(source, self._split, self._data_dir).first(self.images)
        if dataset.split != self._split and given("split"):
            raise click.UsageError(f"{source} has no splits: --split changes nothing")
        prepared = self._preprocessing or checkpoint.preprocessing or dataset.preprocessing
        said = self._preprocessing is not None or checkpoint.preprocessing is not None
        if prepared is not None and not said:
            report.note(f"{path}: preprocessing {prepared} (of {source}; the checkpoint says none)")
        facts = {
            "net": net.name,
            **net.options,
            "data": source,
            "split": dataset.split,
            "preprocessing": "unchanged" if prepared is None else str(prepared),
        }
        found = Examples(dataset.x if prepared is None else prepared(dataset.x), dataset.y, facts)
        if net.alternatives and self._shortcut is None and not self._settings:
            report.note(
                f"{path}: assumed {net.kind}; its weights have the form of "
                f"{' or '.join(map(str, net.alternatives))} as well (--net, "
                "--shortcut and --set choose)"
            )
        return replace(found, provenance=self.check(net, found))

    def objective(
        self,
        net: LoadedModel,
        examples: Examples,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        batchnorm: BatchNorm = "frozen",
        images_per_batch: int | None = None,
    ) -> Objective:
        """Return the objective of a model on its examples.

        Args:
            net: The model.
            examples: Its examples.
            device: The device.
            dtype: Floating-point type.
            batchnorm: BatchNorm policy.
            images_per_batch: Images in one forward pass, or None.

        Raises:
            LandscapeError: Model, loss and data do not fit together.
            ValueError: An option is invalid.
        """
        return Objective(
            net.model,
            self.loss,
            (examples.x, examples.y),
            device=device,
            dtype=dtype,
            batchnorm=batchnorm,
            images_per_batch=images_per_batch,
        ).described(
            name=net.title,
            settings=examples.settings,
            provenance={
                "command": shlex.join(["landscape", *sys.argv[1:]]),
                **net.provenance,
                **examples.provenance,
            },
        )

    def check(self, net: LoadedModel, examples: Examples) -> Facts:
        """Compare the accuracy of a net that is assumed with that of the others it may be.

        A net of a clearly higher accuracy is reported on stderr.

        Args:
            net: The net.
            examples: What it was trained on.

        Returns:
            The other net's options and accuracy, for a surface's provenance; empty where the
            net is recorded, or no other fits better.
        """
        if net.net is None or not net.alternatives:
            return {}
        fit = better_fit(net.net, net.checkpoint, examples.x, examples.y)
        if fit is None:
            return {}
        click.echo(
            f"warning: {net.path}: another net fits the weights better than {net.kind}: accuracy "
            f"{percent(fit.accuracy)} with {fit.options}",
            err=True,
        )
        return {"better_net": fit.options, "better_accuracy": fit.accuracy}
