"""``landscape connect``."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click
import torch

from landscape import progress
from landscape.commands.aims import Scene, curved
from landscape.commands.options import PATH, device_option, usage_errors
from landscape.commands.source import SOURCE_OPTIONS, Source, source_options
from landscape.commands.verb import Verb
from landscape.connecting import connect
from landscape.evaluate import PRECISIONS, check_precision
from landscape.objective import has_batchnorm
from landscape.scanning import Statistics, scan
from landscape.training import OPTIMIZERS, Recipe

_GROUPS = {
    "Network and data": SOURCE_OPTIONS,
    "Recipe": (
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
@source_options
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), default="sgd", show_default=True)
@click.option("--lr", "learning_rate", type=float, default=0.01, show_default=True)
@click.option("--batch", "images_per_batch", type=click.IntRange(1), default=128, show_default=True)
@click.option("--weight-decay", type=float, default=0.0, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--points",
    type=click.IntRange(2, 1001),
    default=31,
    show_default=True,
    help="Of the plane per axis, and along the curve and the straight line.",
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True)
@device_option
@click.option(
    "--out",
    type=PATH,
    default="connection",
    show_default=True,
    help="Folder of the bend (bend.pt) and of the plane (connection.h5).",
)
@click.option("--overwrite", is_flag=True, help="Start anew where they are there.")
def command(
    first_path: Path,
    second_path: Path,
    source: Source,
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
    """Train a curve of low loss between two nets, and scan the plane that holds it.

    The curve is a quadratic Bezier curve whose bend is trained (Garipov et al. 2018). Its
    losses and those of the straight line are stored with the plane: `landscape plot --kind
    path` draws both. Nets with BatchNorm get the statistics of the data at every point.

    \b
    Example:
      landscape connect runs/a/last.pt runs/b/last.pt --out ab
      landscape plot ab/connection.h5 --kind path
    """
    report = progress.for_terminal()
    first, second = source.nets([first_path, second_path])
    examples = source.data(first, report)
    source.check(second, examples)
    ends = first.parameters, second.parameters
    batchnorm: Statistics = "re-estimate" if has_batchnorm(first.model) else "keep"
    with usage_errors():
        check_precision(precision, device, re_estimates=batchnorm == "re-estimate")
        recipe = Recipe(
            epochs=epochs,
            images_per_batch=images_per_batch,
            optimizer=optimizer,
            learning_rate=learning_rate,
            warmup_epochs=0,
            weight_decay=weight_decay,
            seed=seed,
        )
        bend = connect(
            first.model,
            source.loss,
            (examples.x, examples.y),
            *ends,
            recipe,
            path=out / "bend.pt",
            like=first.checkpoint,
            device=device,
            overwrite=overwrite,
            progress=report,
        )
        bend = {name: tensor.cpu() for name, tensor in bend.items()}
        target = out / "connection.h5"
        begun = None if overwrite else target
        scene = Scene(first, examples, source, batchnorm, device, report, begun)
        aim = curved(first, second, bend, points, scene)
        surface = scan(
            first.model,
            source.loss,
            (examples.x, examples.y),
            points=points,
            alpha=aim.alpha or (-1.0, 1.0),
            beta=aim.beta,
            directions=aim.directions,
            batchnorm=batchnorm,
            device=device,
            precision=precision,
            path=target,
            overwrite=overwrite,
            store_directions=aim.is_computed,
            marks=aim.marks,
            paths=aim.paths,
            name=f"{first.title} to {second.title}",
            settings={**examples.facts, **aim.facts},
            provenance={
                "command": shlex.join(["landscape", *sys.argv[1:]]),
                **first.facts,
                **examples.provenance,
            },
            progress=report,
        )
    report.note(f"{surface.name}: the plane has {surface.grid}")
    click.echo(target)
    command_line = shlex.join(["landscape", "plot", str(target), "--kind", "path"])
    click.echo(f"see it: {command_line}", err=True)
