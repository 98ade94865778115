"""``landscape connect``."""

import shlex
from pathlib import Path
from typing import Any

import click
import torch

from landscape import planes, progress
from landscape.checks import has_batchnorm
from landscape.commands.input_options import INPUT_OPTIONS, input_options
from landscape.commands.inputs import Inputs
from landscape.commands.messages import usage_errors
from landscape.commands.options import PATH, device_option
from landscape.commands.verb import Verb
from landscape.compute import Compute
from landscape.evaluation import PRECISIONS
from landscape.hdf5 import SurfaceFile
from landscape.progress import Progress
from landscape.scanning import scan
from landscape.surface import Surface
from landscape.threads import use_free_cores
from landscape.training import OPTIMIZERS, Recipe, connect

_GROUPS = {
    "Network and data": INPUT_OPTIONS,
    "Training of the control point": (
        "epochs",
        "optimizer",
        "learning_rate",
        "images_per_batch",
        "weight_decay",
        "seed",
    ),
    "Plane, precision and speed": ("points", "precision", "device"),
    "Output": ("out", "overwrite"),
}
_ESSENTIAL = (
    "model_reference",
    "loss_reference",
    "data_name",
    "images",
    "epochs",
    "optimizer",
    "learning_rate",
    "points",
    "device",
    "out",
)


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("first_path", metavar="FIRST", type=PATH)
@click.argument("second_path", metavar="SECOND", type=PATH)
@input_options
@click.option(
    "--epochs", type=click.IntRange(1), default=30, show_default=True, help="Passes over the data."
)
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    default="sgd",
    show_default=True,
    help="sgd has Nesterov momentum 0.9.",
)
@click.option(
    "--lr", "learning_rate", type=float, default=0.01, show_default=True, help="Peak learning rate."
)
@click.option(
    "--images-per-batch",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    help="Images per step.",
)
@click.option(
    "--weight-decay", type=float, default=0.0, show_default=True, help="Applied to all parameters."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed of the data order.",
)
@click.option(
    "--points",
    type=click.IntRange(2, 1001),
    default=31,
    show_default=True,
    help="Grid points per axis of the plane; also the number of samples along the curve and the "
    "line.",
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True)
@device_option
@click.option(
    "--out",
    type=PATH,
    default="connection",
    show_default=True,
    help="Folder of the control point (control-point.pt) and of the plane (connection.h5).",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files instead of resuming.")
def command(
    first_path: Path,
    second_path: Path,
    inputs: Inputs,
    epochs: int,
    optimizer: Any,
    learning_rate: float,
    images_per_batch: int,
    weight_decay: float,
    seed: int,
    points: int,
    precision: Any,
    device: torch.device,
    out: Path,
    overwrite: bool,
) -> None:
    """Find a low-loss curve between two trained networks (mode connectivity).

    The control point of a quadratic Bézier curve is trained (Garipov et al. 2018), and the plane
    of the curve is scanned. The losses along the curve and along the straight line are stored
    in connection.h5; `landscape plot --kind path` draws both. BatchNorm statistics are recomputed
    from the data at every point.

    \b
    Example:
      landscape connect runs/a/last.pt runs/b/last.pt --out ab
      landscape plot ab/connection.h5 --kind path
    """
    use_free_cores()
    report = progress.for_terminal()
    first, second = inputs.networks.nets([first_path, second_path])
    examples = inputs.data(first, report)
    inputs.check(second, examples)
    with usage_errors():
        recipe = Recipe(
            epochs=epochs,
            images_per_batch=images_per_batch,
            optimizer=optimizer,
            learning_rate=learning_rate,
            warmup_epochs=0,
            weight_decay=weight_decay,
            seed=seed,
        )
        objective = inputs.objective(
            first,
            examples,
            device=device,
            batchnorm="recomputed" if has_batchnorm(first.model) else "frozen",
        ).described(name=f"{first.title} to {second.title}")
        compute = Compute(precision)
        compute.precision_for(objective)  # before long work
        target, names = out / "connection.h5", [first.title, second.title]
        with SurfaceFile(target, overwrite=overwrite) as file:  # before long work as well
            control = connect(
                objective,
                second.source,
                recipe,
                file=out / "control-point.pt",
                like=first.checkpoint,
                overwrite=overwrite,
                progress=report,
            )
            spec = planes.bezier_spec(
                objective, second.source, control, samples=points, names=names, progress=report
            )
            plane = spec.resolve(objective, file)
            surface = scan(objective, plane, points, file=file, compute=compute, progress=report)
    _report(surface, target, report)


def _report(surface: Surface, target: Path, report: Progress) -> None:
    report.note(f"{surface.name}: the plane has {surface.grid}")
    click.echo(target)
    command_line = shlex.join(["landscape", "plot", str(target), "--kind", "path"])
    click.echo(f"see it: {command_line}", err=True)
