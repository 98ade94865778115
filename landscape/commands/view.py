"""``landscape view``."""

from pathlib import Path
from typing import Any

import click

from landscape import interactive, store
from landscape.commands.options import PATH, SURFACES, scale_options


@click.command()
@SURFACES
@click.option("--html", type=PATH, help="Write the page here instead of opening it.")
@click.option(
    "--open",
    "open_browser",
    is_flag=True,
    default=None,
    help="With --html: open it as well, where there is a display.",
)
@scale_options
def command(surfaces: tuple[Path, ...], **options: Any) -> None:
    """Open a page with surfaces side by side; it is one file that works offline.

    \b
    Example:
      landscape view surfaces/plain56.h5 surfaces/resnet56.h5
      landscape view surfaces/resnet56.h5 --html resnet56.html
    """
    click.echo(interactive.view([store.load(path) for path in surfaces], **options))
