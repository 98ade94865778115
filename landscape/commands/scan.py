"""``landscape scan``."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from torch import nn

from landscape import checkpoints, data, progress
from landscape.checkpoints import Checkpoint
from landscape.commands.options import (
    COUNT_OR_ALL,
    DEVICES,
    INTERVAL,
    PATH,
    POINTS,
    TOLERANCE,
    data_options,
)
from landscape.directions import NORMALIZATIONS
from landscape.errors import CheckpointError, UserCodeError
from landscape.evaluate import PRECISIONS
from landscape.losses import Loss
from landscape.models import FORMS, Net
from landscape.scanning import scan
from landscape.usercode import load_callable

_LOSSES: dict[str, Loss] = {
    "cross_entropy": nn.functional.cross_entropy,
    "mse": nn.functional.mse_loss,
}


@click.command()
@click.argument("checkpoint_paths", metavar="CHECKPOINT...", nargs=-1, required=True, type=PATH)
@click.option("--net", "net_name", help=f"Where the checkpoint does not say: {FORMS}.")
@click.option(
    "--model",
    "model_reference",
    metavar="FILE.py:CALLABLE",
    help="Your own model: the callable returns an nn.Module, which gets the weights.",
)
@click.option(
    "--loss",
    "loss_reference",
    default="cross_entropy",
    show_default=True,
    help="cross_entropy, mse, or FILE.py:CALLABLE, called as loss(outputs, targets).",
)
@click.option(
    "--data",
    "data_name",
    help=f"{', '.join(data.NAMES)}, FILE.npz with x and y, or FILE.py:CALLABLE.  "
    "[default: what the net was trained on]",
)
@data_options
@click.option("--split", type=click.Choice(data.SPLITS), default="train", show_default=True)
@click.option(
    "--images", type=COUNT_OR_ALL, default="all", show_default=True, help="Use the first N images."
)
@click.option(
    "--points",
    type=POINTS,
    default="51",
    show_default=True,
    help="Points per axis, or along alpha x along beta.",
)
@click.option(
    "--range",
    "both",
    type=INTERVAL,
    default="-1:1",
    show_default=True,
    help="Of both coordinates; at 1 a filter has moved by its own norm.",
)
@click.option("--alpha", type=INTERVAL, help="Of alpha alone.")
@click.option("--beta", type=INTERVAL, help="Of beta alone.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Determines the directions, the same for matched nets.",
)
@click.option(
    "--normalize",
    type=click.Choice(NORMALIZATIONS),
    default="filter",
    show_default=True,
    help="How directions are scaled to the weights.",
)
@click.option(
    "--directions",
    type=PATH,
    help="Take δ and η from this surface (made with --store-directions) or "
    "direction file of the original program.",
)
@click.option("--store-directions", is_flag=True, help="Store δ and η in the surface's file.")
@click.option(
    "--images-per-batch",
    type=click.IntRange(1),
    help="Images in one forward pass.  [default: 256 on a CPU, 2048 on a GPU]",
)
@click.option(
    "--device",
    type=DEVICES,
    default="auto",
    show_default=True,
    help="Where to compute; a long scan is spread over several GPUs. auto is all GPUs, or the "
    "CPU where there are none.",
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True)
@click.option(
    "--tolerance",
    type=TOLERANCE,
    default="auto",
    show_default=True,
    help="Take only as many images, the same random ones at every point, as bring the standard "
    "error below this part of the loss; 0 takes all. auto: all on a GPU; on a CPU 1% where all "
    "would take more than ten minutes and no --images is given.",
)
@click.option("--profile", is_flag=True, help="Print where the time went.")
@click.option(
    "--out",
    type=PATH,
    default="surfaces",
    show_default=True,
    help="Folder of the surfaces, or FILE.h5 for one checkpoint.",
)
@click.option("--overwrite", is_flag=True, help="Start anew where a surface is there.")
def command(
    checkpoint_paths: tuple[Path, ...],
    net_name: str | None,
    model_reference: str | None,
    loss_reference: str,
    data_name: str | None,
    data_dir: Path | None,
    preprocessing: Any,
    split: Any,
    images: int | None,
    both: tuple[float, float],
    alpha: tuple[float, float] | None,
    beta: tuple[float, float] | None,
    directions: Path | None,
    tolerance: Any,
    out: Path,
    **options: Any,
) -> None:
    """Sample the loss over a plane through trained weights, and write an HDF5 file.

    The plane is θ* + α δ + β η with random directions δ, η, normalized filter by filter (Li
    et al. 2018). A scan that was interrupted goes on when the command is given again.

    \b
    Example:
      landscape scan runs/plain56/last.pt runs/resnet56/last.pt --points 51
      landscape scan mine.pt --model mine.py:make --loss mine.py:loss --data mine.py:data
    """
    if net_name and model_reference:
        raise click.UsageError("give --net or --model, not both")
    if directions is not None and (_given("seed") or _given("normalize")):
        raise click.UsageError("--directions leaves nothing to --seed and --normalize")
    targets = _targets(checkpoint_paths, out)
    loss = _loss(loss_reference)
    for path in targets:  # a mistake in the last should not cost the time of the others
        _model(path, net_name, model_reference)
    report = progress.for_terminal()
    for path, target in targets.items():
        checkpoint, model, model_name = _model(path, net_name, model_reference)
        source = data_name or checkpoint.data
        if source is None:
            raise CheckpointError(f"{path} does not say what it was trained on: give --data")
        if not data_name and ".py:" in source:
            raise CheckpointError(
                f"{path} was trained on {source}, which would run code: give it as --data yourself"
            )
        dataset = data.load(source, split, data_dir).first(images)
        if dataset.split != split and _given("split"):
            raise click.UsageError(f"{source} has no splits: --split changes nothing")
        prepared = preprocessing or checkpoint.preprocessing or dataset.preprocessing
        if prepared is not None and preprocessing is None and checkpoint.preprocessing is None:
            report.note(f"{path}: preprocessing {prepared} (of {source}; the checkpoint says none)")
        try:
            surface = scan(
                model,
                loss,
                (dataset.x if prepared is None else prepared(dataset.x), dataset.y),
                alpha=alpha or both,
                beta=beta or both,
                directions=directions,
                tolerance=0.0 if tolerance == "auto" and images is not None else tolerance,
                path=target,
                name=target.stem,
                settings={
                    "net": model_name,
                    "data": source,
                    "split": dataset.split,
                    "preprocessing": "as it is" if prepared is None else str(prepared),
                },
                provenance={
                    "command": shlex.join(["landscape", *sys.argv[1:]]),
                    "checkpoint": str(path),
                    "checkpoint_sha256": checkpoints.sha256(path),
                },
                progress=report,
                **options,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if surface.center_loss is not None:
            report.note(f"{surface.name}: loss {surface.center_loss:.6g} at the center")
        click.echo(target)


def _given(option: str) -> bool:
    """Return whether an option stands on the command line."""
    return click.get_current_context().get_parameter_source(option) == ParameterSource.COMMANDLINE


def _targets(paths: tuple[Path, ...], out: Path) -> dict[Path, Path]:
    """Return which file each checkpoint's surface goes to."""
    if len(set(paths)) < len(paths):
        raise click.UsageError("the same checkpoint is given twice")
    if out.suffix in (".h5", ".hdf5"):
        if len(paths) > 1:
            raise click.UsageError("--out FILE.h5 is for one checkpoint; give a folder")
        return {paths[0]: out}
    targets = {path: out / f"{_name(path)}.h5" for path in paths}
    if len(set(targets.values())) < len(paths):
        raise click.UsageError("two checkpoints have one name: scan them with --out FILE.h5")
    return targets


def _name(path: Path) -> str:
    """Return what to call a checkpoint: ``runs/resnet56/last.pt`` is ``resnet56``."""
    if path.stem == "last":
        return path.resolve().parent.name
    is_ours = path.stem == "initial" or path.stem.startswith("epoch-")
    return f"{path.resolve().parent.name}-{path.stem}" if is_ours else path.stem


def _model(
    path: Path, net_name: str | None, reference: str | None
) -> tuple[Checkpoint, nn.Module, str]:
    """Return a checkpoint, the net with its weights, and the net's name."""
    checkpoint = checkpoints.load(path)
    if reference:
        model = load_callable(reference)()
        if not isinstance(model, nn.Module):
            raise UserCodeError(f"{reference} returned a {type(model).__name__}, not an nn.Module")
        checkpoint.load_into(model, reference)
        return checkpoint, model, reference
    net = checkpoint.net
    if net is not None and net_name not in (None, net.name):
        raise CheckpointError(f"{path} is a {net.name}, not a {net_name}: leave out --net")
    if net is None:
        if net_name is None:
            raise CheckpointError(
                f"{path} does not say which net it is: give --net NAME or --model FILE.py:CALLABLE"
            )
        net = Net.recognize(net_name, checkpoint.unwrapped)
    try:
        model = net.build()
    except ValueError as error:
        if net_name:
            raise click.UsageError(str(error)) from error
        raise CheckpointError(f"{path}: {error}") from error
    checkpoint.load_into(model, net.name)
    return checkpoint, model, net.name


def _loss(reference: str) -> Loss:
    if reference in _LOSSES:
        return _LOSSES[reference]
    if ".py:" not in reference:
        raise click.UsageError(
            f"--loss must be {', '.join(_LOSSES)} or FILE.py:CALLABLE, not {reference!r}"
        )
    user = load_callable(reference)
    loss: Loss = user() if isinstance(user.call, type) else user.call
    if not callable(loss):
        raise UserCodeError(f"{reference} made a {type(loss).__name__}, which cannot be called")
    return loss
