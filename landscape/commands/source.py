"""What several verbs look at: a trained net, its loss, and its data."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape import checkpoints, data
from landscape.brief import brief
from landscape.checkpoints import Checkpoint
from landscape.commands.identify import better_fit
from landscape.commands.options import COUNT_OR_ALL, data_options, given
from landscape.errors import CheckpointError, UserCodeError
from landscape.losses import LOSSES, Loss
from landscape.models import FORMS, SHORTCUTS, Net
from landscape.notes import percent
from landscape.parameters import Parameters
from landscape.progress import Progress
from landscape.surface import Facts
from landscape.usercode import load_callable

F = TypeVar("F", bound=Callable[..., Any])

SOURCE_OPTIONS = (
    "net_name",
    "shortcut",
    "model_reference",
    "loss_reference",
    "data_name",
    "data_dir",
    "preprocessing",
    "split",
    "images",
)


def source_options(function: F) -> F:
    """Add the options of which a :class:`Source` is made, and pass it as ``source``."""

    @functools.wraps(function)
    def with_source(**options: Any) -> Any:
        own = {key: options.pop(key) for key in SOURCE_OPTIONS}
        return function(source=Source(**own), **options)

    wrapped: Any = with_source
    for option in reversed(
        [
            click.option("--net", "net_name", help=f"Where the checkpoint does not say: {FORMS}."),
            click.option(
                "--shortcut",
                type=click.Choice(SHORTCUTS),
                help="Shortcut type of a residual net, where the checkpoint does not record it: "
                "zero channels appended (A) or on both sides (A-centered), or a 1×1 convolution "
                "(B).  [default: B if the weights have it, else A]",
            ),
            click.option(
                "--model",
                "model_reference",
                metavar="FILE.py:CALLABLE",
                help="Your own model: the callable returns an nn.Module, which gets the weights.",
            ),
            click.option(
                "--loss",
                "loss_reference",
                default="cross_entropy",
                show_default=True,
                help="cross_entropy, mse, or FILE.py:CALLABLE, called as loss(outputs, targets).",
            ),
            click.option(
                "--data",
                "data_name",
                help=f"{', '.join(data.NAMES)}, FILE.npz with x and y, or FILE.py:CALLABLE.  "
                "[default: what the net was trained on]",
            ),
            data_options,
            click.option(
                "--split", type=click.Choice(data.SPLITS), default="train", show_default=True
            ),
            click.option(
                "--images",
                type=COUNT_OR_ALL,
                default="all",
                show_default=True,
                help="Use the first N images.",
            ),
        ]
    ):
        wrapped = option(wrapped)
    return cast("F", wrapped)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A net from a checkpoint.

    Attributes:
        path: The checkpoint's.
        checkpoint: What is in it.
        model: The net, with its weights.
        name: Of the net, or of the user's own model.
        title: What to call it in figures.
        net: Which of our nets it is, or None for a user's own model.
    """

    path: Path
    checkpoint: Checkpoint
    model: nn.Module
    name: str
    title: str
    net: Net | None = None

    @property
    def kind(self) -> str:
        """The name, with the shortcut of a residual net."""
        return self.name if self.net is None else str(self.net)

    @property
    def shortcut(self) -> Facts:
        """The shortcut, for a surface's settings, where name and weights do not determine it.

        Empty for A, so that scans of before A-centered can be resumed.
        """
        net = self.net
        is_centered = net is not None and net.is_residual and net.shortcut == "A-centered"
        return {"shortcut": "A-centered"} if is_centered else {}

    @property
    def alternatives(self) -> tuple[Net, ...]:
        """Other nets of ours that the weights fit; none where the checkpoint records the net."""
        if self.net is None or self.checkpoint.net is not None:
            return ()
        return self.net.alternatives

    __repr__ = brief

    @property
    def parameters(self) -> Parameters:
        """Its parameters alone, in float32 or better: planes are computed with them."""
        return {name: _single(tensor) for name, tensor in self.model.named_parameters()}

    @property
    def statistics(self) -> Parameters:
        """The running statistics of its BatchNorm."""
        return {
            f"{path}.{name}": _single(tensor)
            for path, module in self.model.named_modules()
            if isinstance(module, _BatchNorm)
            for name, tensor in module.named_buffers()
            if tensor.is_floating_point()
        }

    @property
    def everything(self) -> Parameters:
        """Its parameters and all of its buffers."""
        buffers = self.model.named_buffers()
        return {**self.parameters, **{name: _single(tensor) for name, tensor in buffers}}

    @property
    def facts(self) -> Facts:
        """Where it comes from, for a surface's provenance."""
        return {"checkpoint": str(self.path), "checkpoint_sha256": checkpoints.sha256(self.path)}


def _single(tensor: Tensor) -> Tensor:
    is_half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.detach().float() if is_half else tensor.detach()


@dataclass(frozen=True, eq=False)
class Data:
    """Examples as the net takes them.

    Attributes:
        x: Inputs.
        y: Targets.
        facts: What determines them and the net, for a surface's settings.
        provenance: What else is known of them and the net, for a surface's provenance.
    """

    x: Tensor
    y: Tensor
    facts: Facts
    provenance: Facts = field(default_factory=dict)

    __repr__ = brief


def title_of(path: Path) -> str:
    """Return what to call a checkpoint: ``runs/resnet56/last.pt`` is ``resnet56``."""
    folder = path.resolve().parent.name
    if path.stem == "last":
        return folder
    is_ours = path.stem == "initial" or path.stem.startswith("epoch-")
    return f"{folder}-{path.stem}" if is_ours else path.stem


def told_apart(titles: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Return titles that differ: with the nearest folder above that makes them, or numbered.

    Args:
        titles: Of some files or folders.
        paths: Of the same.
    """
    found = list(titles)
    folders = [[parent.name for parent in path.resolve().parents] for path in paths]
    for names in zip(*folders, strict=False):
        if len(set(found)) == len(found):
            break
        found = [f"{name}-{title}" for name, title in zip(names, titles, strict=True)]
    numbered = [f"{title} ({number})" for number, title in enumerate(titles, 1)]
    return found if len(set(found)) == len(found) else numbered


class Source:
    """What the options of :func:`source_options` stand for.

    Raises:
        click.UsageError: They contradict each other.
        UserCodeError: The loss cannot be loaded.
    """

    def __init__(
        self,
        *,
        net_name: str | None,
        shortcut: Any,
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
        if shortcut and model_reference:
            raise click.UsageError("--shortcut is for --net, not for --model")
        self._shortcut = shortcut
        self._net_name, self._model_reference = net_name, model_reference
        self._data_name, self._data_dir = data_name, data_dir
        self._preprocessing, self._split = preprocessing, split
        self.images = images
        self.loss = _loss(loss_reference)

    def net(self, path: Path) -> Loaded:
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
        diverged = next((n for n, p in model.named_parameters() if not p.isfinite().all()), None)
        if diverged is not None:
            raise CheckpointError(f"{path} is no trained net: {diverged} is not finite")
        return Loaded(path, checkpoint, model, name, title_of(path), net)

    def nets(self, paths: Sequence[Path]) -> list[Loaded]:
        """Return the nets of some checkpoints, which are all of one kind.

        Raises:
            LandscapeError: One cannot be read, or is another net than the first.
        """
        loaded = [self.net(path) for path in paths]
        for each in loaded:
            if each.kind != loaded[0].kind:
                raise CheckpointError(
                    f"{each.path} is a {each.kind}, {loaded[0].path} a {loaded[0].kind}: expected "
                    "nets of one kind"
                )
        titles = told_apart([each.title for each in loaded], paths)
        return [replace(each, title=title) for each, title in zip(loaded, titles, strict=True)]

    def _known_net(self, checkpoint: Checkpoint, path: Path) -> Net:
        net = checkpoint.net
        if net is not None:
            if self._net_name not in (None, net.name):
                raise CheckpointError(
                    f"{path} is a {net.name}, not a {self._net_name}: leave out --net"
                )
            if self._shortcut is not None and (
                not net.is_residual or self._shortcut != net.shortcut
            ):
                raise CheckpointError(
                    f"{path} is a {net}, not one with shortcut {self._shortcut}: leave out "
                    "--shortcut"
                )
            return net
        if self._net_name is None:
            raise CheckpointError(
                f"{path} does not say which net it is: give --net NAME or --model FILE.py:CALLABLE"
            )
        net = Net.recognize(self._net_name, checkpoint.unwrapped)
        try:
            has_shortcuts = net.is_residual
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if self._shortcut is None:
            return net
        if not has_shortcuts:
            raise click.UsageError(f"{net.name} has no shortcuts: leave out --shortcut")
        if (self._shortcut == "B") != (net.shortcut == "B"):
            raise CheckpointError(
                f"{path}: expected weights with shortcut {self._shortcut}, got weights "
                f"{'with' if net.shortcut == 'B' else 'without'} parameters in the shortcuts: "
                "leave out --shortcut"
            )
        return replace(net, shortcut=self._shortcut)

    def data(self, net: Loaded, report: Progress) -> Data:
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
        dataset = data.load(source, self._split, self._data_dir).first(self.images)
        if dataset.split != self._split and given("split"):
            raise click.UsageError(f"{source} has no splits: --split changes nothing")
        prepared = self._preprocessing or checkpoint.preprocessing or dataset.preprocessing
        said = self._preprocessing is not None or checkpoint.preprocessing is not None
        if prepared is not None and not said:
            report.note(f"{path}: preprocessing {prepared} (of {source}; the checkpoint says none)")
        facts = {
            "net": net.name,
            **net.shortcut,
            "data": source,
            "split": dataset.split,
            "preprocessing": "as it is" if prepared is None else str(prepared),
        }
        found = Data(dataset.x if prepared is None else prepared(dataset.x), dataset.y, facts)
        if net.alternatives and self._shortcut is None:
            report.note(
                f"{path}: assumed {net.kind}; its weights have the form of "
                f"{' or '.join(map(str, net.alternatives))} as well (--net and --shortcut choose)"
            )
        return replace(found, provenance=self.check(net, found))

    def check(self, net: Loaded, examples: Data) -> Facts:
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


def _loss(reference: str) -> Loss:
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
