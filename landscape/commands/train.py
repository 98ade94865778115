"""``landscape train``."""

import shlex
from pathlib import Path
from typing import Any

import click

from landscape import datasets, figures, progress, training
from landscape.commands.messages import usage_errors
from landscape.commands.options import PATH, data_options, device_option
from landscape.commands.settings import DETERMINED, parse
from landscape.commands.verb import Verb
from landscape.errors import DataError
from landscape.models import SHORTCUTS, Architecture
from landscape.threads import use_free_cores
from landscape.training.recipe import Recipe

_AUGMENTED = ("cifar10", "cifar100")
_GROUPS = {
    "Network and data": (
        "shortcut",
        "settings",
        "data_name",
        "data_dir",
        "preprocessing",
        "augment",
    ),
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
    help=f"{', '.join(datasets.NAMES)}, FILE.npz with x and y, or FILE.py:CALLABLE.",
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
    help="Peak learning rate.  [default: 0.1 for sgd, 0.001 for adam and adamw]",
)
@click.option(
    "--schedule",
    type=click.Choice(training.SCHEDULES),
    default="cosine",
    show_default=True,
    help="step divides the rate by 10 after 1/2, 3/4 and 11/12 of the epochs.",
)
@click.option(
    "--warmup-epochs",
    type=int,
    help="Epochs of linear learning-rate warm-up.  [default: a fifth of the epochs]",
)
@click.option("--weight-decay", default=2e-3, show_default=True, help="Applied to all parameters.")
@click.option(
    "--label-smoothing",
    default=0.0,
    show_default=True,
    help="Weight of the uniform distribution in the targets, 0 to 1.",
)
@click.option(
    "--augment/--no-augment",
    default=None,
    help="Random crops and flips.  [default: for cifar10 and cifar100]",
)
@click.option(
    "--shortcut",
    type=click.Choice(SHORTCUTS),
    help="Shortcut type at downsampling blocks (He et al. 2016): A: identity, zero-padded "
    "channels; "
    "A-centered: zero-padded on both sides; B: 1×1 convolution.  [default: A]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of all the networks, as norm=layer or drop_path=0.1; may be repeated. An unknown "
    "KEY lists the options.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed of the initial weights, the data order and the augmentation.",
)
@click.option(
    "--precision",
    type=click.Choice(training.TRAINING_PRECISIONS),
    default="auto",
    show_default=True,
    help="bfloat16 is mixed precision; auto: bfloat16 on GPUs that have it, else float32.",
)
@device_option
@click.option(
    "--save-every", type=click.IntRange(1), metavar="K", help="Keep a checkpoint every K epochs."
)
@click.option("--out", type=PATH, default="runs", show_default=True, help="Folder of the runs.")
@click.option("--overwrite", is_flag=True, help="Replace existing runs instead of resuming them.")
def command(
    nets: tuple[str, ...],
    data_name: str,
    data_dir: Path | None,
    preprocessing: Any,
    learning_rate: float | None,
    augment: bool | None,
    shortcut: str | None,
    settings: tuple[str, ...],
    device: Any,
    save_every: int | None,
    out: Path,
    overwrite: bool,
    **options: Any,
) -> None:
    """Train networks on images, all with the same hyperparameters.

    NET is resnetD or plainD with depth D = 20, 32, 44, 56, 110 (any 6n+2), resnet56x4 of four
    times the width, or of another family; an unknown NET lists them. Plain and residual nets of
    one depth start from the same weights. An interrupted run resumes when the same command is
    given again.

    \b
    Example:
      landscape train plain56 resnet56 --data digits
      landscape train resnet20 --data cifar10 --data-dir ~/data --epochs 200
      landscape train plain56 resnet56 --set norm=layer --set dropout=0.1
    """
    use_free_cores()
    if learning_rate is None:
        learning_rate = 0.1 if options["optimizer"] == "sgd" else 1e-3
    if augment is None:
        augment = data_name in _AUGMENTED
    with usage_errors():
        recipe = Recipe(learning_rate=learning_rate, augment=augment, **options)
        architectures = [_architecture(name, shortcut, settings) for name in nets]
    training_set = datasets.load(data_name, "train", data_dir)
    test_set = datasets.load(data_name, "test", data_dir) if training_set.split == "train" else None
    if training_set.x.dim() != 4:
        raise DataError(
            f"{data_name} has inputs of shape {tuple(training_set.x.shape)}: `landscape train` "
            "takes images, shape (examples, channels, height, width)"
        )
    with usage_errors():
        fitted = [_fitted(net, training_set) for net in architectures]
    report, histories = progress.for_terminal(), {}
    for name, net in zip(nets, fitted, strict=True):
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
    checkpoints = shlex.join(str(out / name / "last.pt") for name in nets)
    click.echo(f"next: landscape scan {checkpoints}", err=True)


def _architecture(name: str, shortcut: str | None, settings: tuple[str, ...]) -> Architecture:
    """Return a network with the options of the command line.

    Raises:
        ValueError: Name or options are wrong, or the network takes no images.
    """
    net = Architecture(name)
    options = parse(net, settings, excluded=DETERMINED)
    if "in_channels" not in net.options:
        raise ValueError(f"{name} does not take images")
    net = net.replaced(**({} if shortcut is None else {"shortcut": shortcut}), **options)
    if "image_size" not in net.options:  # else it is checked with that of the data
        net.check()
    return net


def _fitted(net: Architecture, images: datasets.Dataset) -> Architecture:
    """Return a network with the options that the data determine.

    Raises:
        DataError: The network takes square images.
        ValueError: The options do not fit the data.
    """
    _, channels, height, width = images.x.shape
    if "image_size" in net.options and height != width:
        raise DataError(f"{net.name} takes square images, {images.name} has {height}×{width}")
    fitted = net.fitted(in_channels=channels, num_classes=images.num_classes, image_size=height)
    fitted.check()
    return fitted
