"""Options of the checkpoint's architecture, loss and data."""

import click

from landscape import datasets
from landscape.commands.inputs import Inputs
from landscape.commands.options import COUNT_OR_ALL, PATH, data_options, grouped
from landscape.models import SHORTCUTS, forms

INPUT_OPTIONS = (
    "net_name",
    "shortcut",
    "settings",
    "model_reference",
    "key",
    "loss_reference",
    "data_name",
    "data_dir",
    "text",
    "sequence_length",
    "preprocessing",
    "split",
    "images",
)

_OPTIONS = (
    click.option(
        "--net",
        "net_name",
        help=f"Architecture of the checkpoint, if it does not record it: {forms()}.",
    ),
    click.option(
        "--shortcut",
        type=click.Choice(SHORTCUTS),
        help="Shortcut type at downsampling blocks (He et al. 2016), if the checkpoint "
        "does not "
        "record it: A: identity, zero-padded channels; A-centered: zero-padded on both "
        "sides; B: 1×1 convolution.  [default: B if the weights have it, else A]",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the network, as norm=layer, if the checkpoint does not record it; may be "
        "repeated.",
    ),
    click.option(
        "--model",
        "model_reference",
        metavar="FILE.py:CALLABLE",
        help="Function that returns the model, an nn.Module; the weights of the checkpoint "
        "are loaded into it. Or hf:PATH_OR_NAME or timm:NAME, a model of transformers or timm; in "
        "place of CHECKPOINT these also name the weights.",
    ),
    click.option(
        "--key",
        metavar="NAME",
        help="Which of several networks in the checkpoint: the key of its state_dict, as "
        "ema_state_dict, or the prefix of its names.",
    ),
    click.option(
        "--loss",
        "loss_reference",
        default="cross_entropy",
        show_default=True,
        help="cross_entropy, mse, or FILE.py:CALLABLE, called as loss(outputs, targets). With "
        "--text the loss of the tokens.",
    ),
    click.option(
        "--data",
        "data_name",
        help=f"{', '.join(datasets.NAMES)}, FILE.npz with x and y, or FILE.py:CALLABLE, "
        "which returns (x, y), or a DataLoader, Dataset, dictionary or batches.  "
        "[default: the training data of the checkpoint]",
    ),
    click.option(
        "--text", type=PATH, help="Text in UTF-8 that a language model (hf:…) is evaluated on."
    ),
    click.option(
        "--sequence-length",
        type=click.IntRange(2),
        default=512,
        show_default=True,
        help="Tokens in a sequence of --text, at most as many as the model takes.",
    ),
    data_options,
    click.option(
        "--split",
        type=click.Choice(datasets.SPLITS),
        default="train",
        show_default=True,
        help="Part of the data set; all: train and test. Data of your own have no parts, "
        "unless their function has a parameter `split`.",
    ),
    click.option(
        "--images",
        type=COUNT_OR_ALL,
        default="all",
        show_default=True,
        help="Use the first N images, or sequences.",
    ),
)

input_options = grouped("inputs", Inputs, INPUT_OPTIONS, _OPTIONS)
"""Adds the options of :class:`Inputs`, and passes it as ``inputs``."""
