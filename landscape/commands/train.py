"""``landscape train``."""

import shlex
from pathlib import Path
from typing import Any

import click

from landscape import data, figures, progress, training
from landscape.commands.options import PATH, data_options, device_option
from landscape.commands.verb import Verb
from landscape.errors import DataError
from landscape.models import SHORTCUTS, Net
from landscape.training import Recipe

_AUGMENTED = ("cifar10", "cifar100")
_GROUPS = {
    "Network and data": ("shortcut", "data_name", "data_dir", "preprocessing", "augment"),
    "Recipe": (
        "epochs",
        "images_per_batch",
        "optimizer",
        "learning_rate",
        "schedule",
        "warmup_epochs",
        "weight_decay",
        "label_smoothing",
        "seed",
    ),
    "Precision and speed": ("device", "precision"),
    "Output": ("out", "save_every", "overwrite"),
}
_ESSENTIAL = (
    "data_name",
    "data_dir",
    "epochs",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "seed",
    "device",
    "save_every",
    "out",
)


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("nets", metavar="NET...", nargs=-1, required=True)
@click.option(
    "--data",
    "data_name",
    default="digits",
    show_default=True,
    help=f"{', '.join(data.NAMES)}, FILE.npz with x and y, or FILE.py:CALLABLE.",
)
@data_options
@click.option("--epochs", default=30, show_default=True, help="Passes over the images.")
@click.option("--images-per-batch", default=128, show_default=True, help="Images per step.")
@click.option(
    "--optimizer",
    type=click.Choice(training.OPTIMIZERS),
    default="sgd",
    show_default=True,
    help="sgd has Nesterov momentum 0.9.",
)
@click.option(
    "--lr",
    "learning_rate",
    type=float,
    help="Highest learning rate.  [default: 0.1 for sgd, 0.001 for adam and adamw]",
)
@click.option(
    "--schedule",
    type=click.Choice(training.SCHEDULES),
    default="cosine",
    show_default=True,
    help="step divides the rate by 10 after 1/2, 3/4 and 11/12 of the epochs.",
)
@click.option(
    "--warmup-epochs", type=int, help="Epochs of rising rate.  [default: a fifth of the epochs]"
)
@click.option("--weight-decay", default=2e-3, show_default=True, help="Of all parameters.")
@click.option("--label-smoothing", default=0.0, show_default=True, help="From 0 to 1.")
@click.option(
    "--augment/--no-augment",
    default=None,
    help="Random crops and flips.  [default: for cifar10 and cifar100]",
)
@click.option(
    "--shortcut",
    type=click.Choice(SHORTCUTS),
    default="A",
    show_default=True,
    help="Where residual nets change shape: zero channels appended (A) or on both sides "
    "(A-centered), or a 1×1 convolution (B).",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Of weights, order and crops.",
)
@click.option(
    "--precision",
    type=click.Choice(training.TRAINING_PRECISIONS),
    default="auto",
    show_default=True,
    help="bfloat16 is mixed precision; auto takes it where it helps.",
)
@device_option
@click.option("--save-every", type=click.IntRange(1), help="Keep a checkpoint each K epochs.")
@click.option("--out", type=PATH, default="runs", show_default=True, help="Folder of the runs.")
@click.option("--overwrite", is_flag=True, help="Start anew where a run is there.")
def command(
    nets: tuple[str, ...],
    data_name: str,
    data_dir: Path | None,
    preprocessing: Any,
    learning_rate: float | None,
    augment: bool | None,
    shortcut: Any,
    device: Any,
    save_every: int | None,
    out: Path,
    overwrite: bool,
    **options: Any,
) -> None:
    """Train nets on images, all with one recipe.

    NET is resnetD or plainD with depth D = 20, 32, 44, 56, 110 (any 6n+2); resnet56x4 is
    four times as wide. Plain and residual nets of one depth start from the same weights.
    An interrupted run goes on when the command is given again.

    \b
    Example:
      landscape train plain56 resnet56 --data digits
      landscape train resnet20 --data cifar10 --data-dir ~/data --epochs 200
    """
    if learning_rate is None:
        learning_rate = 0.1 if options["optimizer"] == "sgd" else 1e-3
    if augment is None:
        augment = data_name in _AUGMENTED
    try:
        recipe = Recipe(learning_rate=learning_rate, augment=augment, **options)
        for name in nets:
            Net(name).parse()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    training_set = data.load(data_name, "train", data_dir)
    test_set = data.load(data_name, "test", data_dir) if training_set.split == "train" else None
    if training_set.x.dim() != 4:
        raise DataError(
            f"{data_name} has inputs of shape {tuple(training_set.x.shape)}: `landscape train` "
            "takes images, shape (examples, channels, height, width)"
        )
    report = progress.for_terminal()
    histories = {}
    for name in nets:
        net = Net(name, training_set.x.shape[1], training_set.num_classes, shortcut)
        last = training.train(
            net,
            training_set,
            test_set,
            recipe,
            out / name,
            preprocessing=preprocessing,
            device=device,
            save_every=save_every,
            overwrite=overwrite,
            progress=report,
        )
        histories[name] = last.history
        click.echo(out / name / "last.pt")
    curves = out / f"{'-'.join(nets)}.png"
    figures.save(figures.learning_curves(histories), curves)
    click.echo(curves)
    checkpoints = [str(out / name / "last.pt") for name in nets]
    click.echo(f"next: {shlex.join(['landscape', 'scan', *checkpoints])}", err=True)
