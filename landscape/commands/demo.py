"""``landscape demo``."""

from importlib import resources
from pathlib import Path

import click

from landscape import hdf5, page
from landscape.commands.options import PATH

_NEXT = """\
The two networks of Li et al. (2018), without and with skip connections. Your own, in minutes:

  landscape train plain56 resnet56 --data digits
  landscape scan runs/plain56/last.pt runs/resnet56/last.pt --points 25 --images 256
  landscape view surfaces/plain56.h5 surfaces/resnet56.h5"""


@click.command()
@click.option("--html", type=PATH, help="Write the page to this file.  [default: a temporary one]")
@click.option(
    "--open/--no-open",
    "open_browser",
    default=True,
    show_default=True,
    help="Open the page in the browser, on a machine with a display.",
)
def command(html: Path | None, open_browser: bool) -> None:
    """Show the loss surfaces of a plain and a residual network, without training anything.

    The surfaces are those of the two 56-layer networks that Li et al. (2018) trained on
    CIFAR-10; they are part of this package, and nothing is downloaded.

    \b
    Example:
      landscape demo
      landscape demo --html demo.html --no-open
    """
    surfaces = []
    for name in ("plain56", "resnet56"):
        with resources.as_file(resources.files("landscape") / "demo" / f"{name}.h5") as path:
            surfaces.append(hdf5.load(path))
    click.echo(page.view(*surfaces, html=html, open_browser=open_browser))
    click.echo(_NEXT, err=True)
