"""``landscape merge``."""

from pathlib import Path

import click

from landscape.commands.options import PATH
from landscape.merging import merge


@click.command()
@click.argument("paths", metavar="PART...", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, required=True, help="The surface file to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(paths: tuple[Path, ...], out: Path, overwrite: bool) -> None:
    """Join the parts of a scan: the files of scan --part 1/N to --part N/N.

    The parts may be given in any order. What a resumed scan checks is checked of them: settings,
    data, weights and grid are the same, every part is given once, and is complete.

    \b
    Example:
      landscape merge surfaces/resnet56-part-*.h5 --out surfaces/resnet56.h5
    """
    merge(paths).save(out, overwrite=overwrite)
    click.echo(out)
