"""``landscape plot``."""

from pathlib import Path
from typing import Any

import click
import matplotlib

from landscape import figures, store
from landscape.commands.options import LEVELS, PATH, SURFACES, scale_options


@click.command()
@SURFACES
@click.option("--kind", type=click.Choice(figures.KINDS), default="auto", show_default=True)
@scale_options
@click.option(
    "--levels", type=LEVELS, help="Losses of the contour lines: 0.1,1,10 or START:STOP:STEP."
)
@click.option("--cmap", default="viridis", show_default=True, help="Color map of matplotlib.")
@click.option(
    "--dpi",
    type=click.IntRange(20, 2400),
    default=200,
    show_default=True,
    help="Dots per inch of PNG, and of meshes in PDF and SVG.",
)
@click.option(
    "--out", type=PATH, help="FILE.png, .pdf or .svg.  [default: the surfaces' names, joined, .png]"
)
def command(surfaces: tuple[Path, ...], out: Path | None, dpi: int, **options: Any) -> None:
    """Draw surfaces side by side, on one color scale, as PNG, PDF or SVG.

    \b
    Example:
      landscape plot surfaces/plain56.h5 surfaces/resnet56.h5 --out pair.png
      landscape plot surfaces/resnet56.h5 --kind contour --levels 0.1:9.6:0.5 --out c.pdf
    """
    matplotlib.use("Agg")
    if out is None:
        out = Path("-".join(path.stem for path in surfaces) + ".png")
    if out.suffix.lstrip(".").lower() not in figures.FORMATS:
        raise click.UsageError(f"--out must end in .{', .'.join(figures.FORMATS)}, not {out}")
    if options["cmap"] not in matplotlib.colormaps:
        raise click.UsageError(f"matplotlib has no color map {options['cmap']!r}")
    figures.save(figures.plot([store.load(path) for path in surfaces], **options), out, dpi=dpi)
    click.echo(out)
