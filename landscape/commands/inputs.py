"""Shared inputs of the command line: load the checkpoint, model, loss and data of the options."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from landscape import datasets, hf
from landscape.captions import percent
from landscape.commands.identify import better_fit
from landscape.commands.loaded import Examples, LoadedModel, load_loss
from landscape.commands.networks import Networks
from landscape.commands.options import given
from landscape.commands.texts import Text
from landscape.datasets import OwnData
from landscape.errors import CheckpointError
from landscape.facts import Facts
from landscape.losses import Loss
from landscape.metrics import Metric
from landscape.objective import BatchNorm, Objective
from landscape.progress import Progress

_OF_LANGUAGE: Mapping[str, Loss] = {"causal": hf.causal_lm_loss, "masked": hf.masked_lm_loss}


class Inputs:
    """The checkpoint's architecture, loss and data, as the options describe them.

    Args:
        loss_reference: Name of the loss.
        data_name: Name of the data set, or None.
        data_dir: Folder with its files, or None.
        preprocessing: Of its inputs, or None.
        split: Its part.
        images: Number of its examples, or None for all.
        text: File of the text that a language model predicts, or None.
        sequence_length: Tokens in its sequences.
        **architecture: See :class:`Networks`.

    Attributes:
        networks: Loads the networks.
        images: Number of examples, or None for all.

    Raises:
        click.UsageError: The options contradict each other.
        UserCodeError: The loss cannot be loaded.
    """

    def __init__(
        self,
        *,
        loss_reference: str,
        data_name: str | None,
        data_dir: Path | None,
        preprocessing: Any,
        split: Any,
        images: int | None,
        text: Path | None,
        sequence_length: int,
        **architecture: Any,
    ) -> None:
        if text is not None and data_name is not None:
            raise click.UsageError("give --data or --text, not both")
        self.networks = Networks(**architecture)
        self.images = images
        self._data_name, self._data_dir = data_name, data_dir
        self._preprocessing, self._split = preprocessing, split
        self._text = None if text is None else Text(text, sequence_length)
        self._loss = load_loss(loss_reference)

    def data(self, net: LoadedModel, report: Progress) -> Examples:
        """Return the examples for a net.

        Args:
            net: The net.
            report: Receives messages.

        Raises:
            LandscapeError: They are not known, or cannot be read.
            click.UsageError: They have no such part.
        """
        if self._text is not None:
            for option in filter(given, ("split", "preprocessing")):
                raise click.UsageError(f"--{option} is for --data, not for --text")
            return self._text.examples(net, self.images)
        path, checkpoint = net.path, net.checkpoint
        source = self._data_name or checkpoint.data
        if source is None:
            option = "--text FILE" if net.task in _OF_LANGUAGE else "--data"
            raise CheckpointError(f"{path} does not say what it was trained on: give {option}")
        if not self._data_name and ".py:" in source:
            raise CheckpointError(
                f"{path} was trained on {source}, which would run code: give it as --data yourself"
            )
        dataset = datasets.load_any(source, self._split, self._data_dir)
        if dataset.split != self._split and given("split"):
            raise click.UsageError(f"{source} has no splits: --split changes nothing")
        if isinstance(dataset, OwnData):
            if given("preprocessing"):
                raise click.UsageError(
                    f"--preprocessing needs arrays: {source} returned no pair (x, y)"
                )
            own: Facts = {"net": net.name, "data": source, "split": dataset.split}
            return Examples(dataset.first(self.images), own)
        dataset = dataset.first(self.images)
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
        x = dataset.x if prepared is None else prepared(dataset.x)
        found = Examples((x, dataset.y), facts)
        if net.alternatives and not self.networks.chooses:
            report.note(
                f"{path}: assumed {net.kind}; its weights have the form of "
                f"{' or '.join(map(str, net.alternatives))} as well (--net, "
                "--shortcut and --set choose)"
            )
        return replace(found, provenance={**net.recorded(source), **self.check(net, found)})

    def objective(
        self,
        net: LoadedModel,
        examples: Examples,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        batchnorm: BatchNorm = "frozen",
        images_per_batch: int | None = None,
        only: Sequence[str] = (),
        metrics: Mapping[str, Metric] | None = None,
    ) -> Objective:
        """Return the objective of a model on its examples.

        Args:
            net: The model.
            examples: Its examples.
            device: The device.
            dtype: Floating-point type.
            batchnorm: BatchNorm policy.
            images_per_batch: Images in one forward pass, or None.
            only: Patterns of the parameters that are moved, among those that the model comes with;
                none for all of them.
            metrics: Further heights by name.

        Raises:
            LandscapeError: Model, loss and data do not fit together.
            ValueError: An option is invalid.
        """
        loss = self._loss if given("loss_reference") else _OF_LANGUAGE.get(net.task, self._loss)
        return Objective(
            net.model,
            loss,
            examples.data,
            metrics=metrics,
            only=_selected(only, net.only),
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
        is_pair = isinstance(examples.data, tuple) and len(examples.data) == 2
        if net.net is None or not net.alternatives or not is_pair:
            return {}
        fit = better_fit(net.net, net.checkpoint, *examples.data)
        if fit is None:
            return {}
        click.echo(
            f"warning: {net.path}: another net fits the weights better than {net.kind}: accuracy "
            f"{percent(fit.accuracy)} with {fit.options}",
            err=True,
        )
        return {"better_net": fit.options, "better_accuracy": fit.accuracy}


def _selected(only: Sequence[str], own: str | None) -> Sequence[str]:
    """Return the patterns of what is moved, which select among the model's own."""
    return only if own is None else [own, *only]
