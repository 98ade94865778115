"""Options of ``landscape scan`` that determine the plane and the grid."""

from pathlib import Path

import click

from landscape.commands.options import INTERVAL, POINTS, Converted, grouped
from landscape.commands.tasks import PlaneOptions
from landscape.directions import NORMALIZATIONS
from landscape.objective import BATCHNORM

PLANE_OPTIONS = (
    "kind",
    "points",
    "both",
    "alpha",
    "beta",
    "spacing",
    "line",
    "seed",
    "normalize",
    "repeats",
    "batchnorm",
    "pattern",
)

_KINDS = ("random", "through", "towards", "pca", "eigenvectors", "eigenvectors:both")


def _kind(text: str) -> str:
    if text not in _KINDS and not Path(text).is_file():
        raise ValueError(f"expected {', '.join(_KINDS)}, or a file with directions, got {text!r}")
    return text


_OPTIONS = (
    click.option(
        "--plane",
        "kind",
        type=Converted("random|through|towards|pca|eigenvectors[:both]|FILE", _kind),
        default="random",
        show_default=True,
        help="random: random directions. through: interpolate between checkpoints: two "
        "define a line, three a plane; additional ones are projected onto it. towards: a "
        "line from the first checkpoint towards each of the others, whose direction has the norm "
        "of the random direction of --seed and --normalize. pca: treat "
        "the arguments as run folders (epoch-*.pt, or --pattern): principal components of all "
        "checkpoints, centered at the last of the first run. eigenvectors: the two leading "
        "eigenvectors of the Hessian; eigenvectors:both: those of the largest and the smallest "
        "(most negative) eigenvalue. FILE: directions of a surface file (scanned with "
        "--store-directions) or of a direction file of Li et al.'s code.",
    ),
    click.option(
        "--points",
        type=POINTS,
        default="51",
        help="Points per axis, or NxM: N along α, M along β. auto: of 101x101 (401 of a line) "
        "those that the picture needs: the others are interpolated, which at random points "
        "deviates by at most 2 % of its height.  [default: 51; 401 for a line]",
    ),
    click.option(
        "--range",
        "both",
        type=INTERVAL,
        default="-1:1",
        help="Range of both axes. random: in units of the filter norm (at 1, every filter "
        "has moved by its own norm). through: 1 is the second checkpoint. pca, "
        "eigenvectors: Euclidean distance.  [default: -1:1; through and pca: all "
        "checkpoints]",
    ),
    click.option("--alpha", type=INTERVAL, help="Range of the α axis (overrides --range)."),
    click.option("--beta", type=INTERVAL, help="Range of the β axis (overrides --range)."),
    click.option(
        "--spacing",
        type=click.Choice(["linear", "log"]),
        default="linear",
        show_default=True,
        help="Spacing of the points; log is dense around the center, and needs ranges "
        "symmetric "
        "about 0.",
    ),
    click.option(
        "--line",
        is_flag=True,
        help="1-D scan along α (β = 0).",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=0,
        show_default=True,
        help="Random seed of the directions (--plane random, towards). Parameters with equal name "
        "and "
        "shape get equal random numbers in every network, before normalization.",
    ),
    click.option(
        "--normalize",
        type=click.Choice(NORMALIZATIONS),
        default="filter",
        show_default=True,
        help="Normalization of the directions (--plane random, towards): filter-wise (Li et al. "
        "2018), layer-wise, weight-wise, or none: standard normal numbers, whose norm is about "
        "the square root of their number.",
    ),
    click.option(
        "--repeats",
        type=click.IntRange(1, 1000),
        default=1,
        show_default=True,
        help="Number of random planes (--plane random), with consecutive seeds starting at "
        "--seed, stored in one file.",
    ),
    click.option(
        "--batchnorm",
        type=click.Choice(BATCHNORM),
        default="frozen",
        show_default=True,
        help="BatchNorm running statistics: frozen at the center, interpolated "
        "(--plane through with two checkpoints), or recomputed from the data at every "
        "point.",
    ),
    click.option(
        "--pattern",
        metavar="GLOB",
        help="Names of the checkpoints in run folders (--plane pca), as 'model_*.pth'; they are "
        "ordered by the numbers in their names.  [default: epoch-*.pt or step-*.pt; else all "
        "checkpoints that differ only in numbers]",
    ),
)

plane_options = grouped("plane", PlaneOptions, PLANE_OPTIONS, _OPTIONS)
"""Adds the options of :class:`PlaneOptions`, and passes it as ``plane``."""
