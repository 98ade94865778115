"""``landscape convert``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from landscape import hdf5, interchange
from landscape.atomic import replacing
from landscape.commands.messages import usage_errors, with_options
from landscape.commands.options import INTERVAL, PATH, Converted, given, scale_options
from landscape.commands.verb import Verb
from landscape.filetypes import is_hdf5
from landscape.interchange.formats import FORMATS, HDF5
from landscape.interchange.reading import is_li2018
from landscape.interchange.relief import Shape
from landscape.surface import Surface

_OF_SHAPES = ("scale", "maximum", "size")
_GROUPS = {
    "Input": ("split", "alpha", "beta", "align_rows"),
    "Output": ("out", "li2018", "trajectory", "overwrite"),
    "Shapes (.vts, .ply, .glb, .gltf, .stl)": _OF_SHAPES,
}
_ESSENTIAL = ("out", "overwrite", "li2018", *_GROUPS["Input"], *_OF_SHAPES)


def _millimeters(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 1 <= size <= 10_000:
        raise ValueError(f"expected 1 to 10000 millimeters, got {text!r}")
    return size


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=PATH)
@click.option(
    "--out",
    type=PATH,
    required=True,
    help=f"The file to write; its ending is the format: {HDF5[0]}, {', '.join(FORMATS)}.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option(
    "--li2018",
    type=click.Choice(["surface", "trajectory", "directions"]),
    help="Write an .h5 file for the code of Li et al. (tomgoldstein/loss-landscape): a surface "
    "with its eigenvalues, a projected trajectory, or the directions of a surface scanned with "
    "--store-directions.",
)
@click.option("--trajectory", metavar="NAME", help="The trajectory to write, if it has several.")
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    help="Losses to read from a file of the code of Li et al. that has both.  [default: train]",
)
@click.option("--alpha", type=INTERVAL, help="First and last α of an array without coordinates.")
@click.option("--beta", type=INTERVAL, help="First and last β of an array with two dimensions.")
@click.option(
    "--align-rows",
    is_flag=True,
    help="Rows of an array alternate by one step along β, as those of random_plane of "
    "loss-landscapes: align them. --alpha and --beta are those of the aligned rows.",
)
@scale_options
@click.option(
    "--size",
    type=Converted("MM", _millimeters),
    help="Longer horizontal side of an .stl solid, in millimeters.  [default: 100]",
)
def command(
    paths: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    li2018: Any,
    trajectory: str | None,
    scale: Any,
    maximum: float | None,
    size: float | None,
    **options: Any,
) -> None:
    """Read surfaces of other programs, and write surfaces for them.

    FILE is a surface; one of the code of Li et al. (2018), and files that belong to it: projected
    trajectories, eigenvalues, principal directions; an array of numpy.save, as those of
    loss-landscapes; or a file of Landscaper. What a format does not hold is listed. Formats:
    docs/how-to/exchange.md.

    \b
    Example:
      landscape convert theirs.h5 --out surfaces/resnet56.h5
      landscape convert theirs.h5 PCA/directions.h5_proj_cos.h5 --out path.h5
      landscape convert plane.npy --alpha=-0.5:0.45 --beta=-0.45:0.45 --align-rows --out plane.h5
      landscape convert surfaces/resnet56.h5 --out resnet56.vts
      landscape convert surfaces/resnet56.h5 --out resnet56.stl --size 80
      landscape convert surfaces/resnet56.h5 --li2018 surface --out theirs.h5
    """
    suffix = out.suffix.lower()
    _refuse_what_changes_nothing(suffix, li2018)
    if li2018 == "directions":
        notes = _write_directions(paths, out, overwrite)
    else:
        shape = Shape(scale, maximum, size or Shape.size)
        with usage_errors():
            surface, notes = interchange.read(*paths, **options)
            if suffix in HDF5 and li2018 is None and is_hdf5(paths[0]) and not is_li2018(paths[0]):
                raise click.UsageError(
                    f"{paths[0]} is a surface of landscape already: --li2018 writes it for the "
                    "code of Li et al.; other endings are other formats"
                )
            surface = _prepared(surface, out, trajectory)
            notes += interchange.write(
                surface,
                out,
                li2018=li2018,
                shape=shape if suffix in FORMATS and FORMATS[suffix].is_shape else None,
                overwrite=overwrite,
            )
    for note in notes:
        click.echo(f"note: {with_options(note)}", err=True)
    click.echo(out)


def _refuse_what_changes_nothing(suffix: str, li2018: str | None) -> None:
    """Check that the options have an effect on the output.

    Raises:
        click.UsageError: One has none.
    """
    is_shape = suffix in FORMATS and FORMATS[suffix].is_shape
    without_effect = [option for option in _OF_SHAPES if not is_shape]
    without_effect += ["size"] if is_shape and suffix != ".stl" else []
    without_effect += ["li2018"] if suffix not in HDF5 else []
    without_effect += ["trajectory"] if li2018 != "trajectory" else []
    if li2018 == "directions":
        without_effect += _GROUPS["Input"]
    for option in filter(given, without_effect):
        flag = "max" if option == "maximum" else option.replace("_", "-")
        output = f"--li2018 {li2018}" if li2018 and suffix in HDF5 else suffix or "this output"
        raise click.UsageError(f"--{flag} changes nothing in {output}")


def _write_directions(paths: tuple[Path, ...], out: Path, overwrite: bool) -> list[str]:
    from landscape.interchange.li2018 import write_directions  # imports torch

    if len(paths) != 1:
        raise click.UsageError("--li2018 directions takes one surface")
    if not overwrite:
        hdf5.check_new(out)
    with replacing(out) as temporary:
        return write_directions(paths[0], temporary)


def _prepared(surface: Surface, out: Path, trajectory: str | None) -> Surface:
    """Return the surface to write: named after the file, with the chosen trajectory.

    Raises:
        ValueError: It has no such trajectory.
    """
    if "program" in surface.settings:
        surface = replace(surface, provenance={**surface.provenance, "name": out.stem})
    if trajectory is None:
        return surface
    chosen = tuple(each for each in surface.trajectories if each.name == trajectory)
    if not chosen:
        names = ", ".join(each.name for each in surface.trajectories) or "none"
        raise ValueError(f"--trajectory {trajectory}: {surface.name} has {names}")
    return replace(surface, trajectories=chosen)
