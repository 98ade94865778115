"""``landscape plot``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import matplotlib
from matplotlib import pyplot as plt
from matplotlib import style as styles

from landscape import figures, progress, store
from landscape.commands.options import LEVELS, PATH, SIZE, SURFACES, given, scale_options
from landscape.commands.source import told_apart
from landscape.surface import Surface

_OF_FILMS = ("motion", "seconds")
# What changes nothing in a kind of picture.
_WITHOUT = {
    "surface": ("levels",),
    "heatmap": ("levels",),
    "line": ("levels", "cmap"),
    "curvature": ("levels", "cmap", "scale", "maximum"),
}


@click.command()
@SURFACES
@click.option("--kind", type=click.Choice(figures.KINDS), default="auto", show_default=True)
@scale_options
@click.option(
    "--levels", type=LEVELS, help="Losses of the contour lines: 0.1,1,10 or START:STOP:STEP."
)
@click.option("--cmap", help="Color map of matplotlib.  [default: the style's: viridis]")
@click.option("--size", type=SIZE, help="Of the figure in inches, as 6.5x3.")
@click.option("--font", help="Family of the letters: serif, Times New Roman, ….")
@click.option("--font-size", type=click.FloatRange(1, 100), help="In points.  [default: 10]")
@click.option(
    "--style", multiple=True, help="Style sheet of matplotlib, by name or as FILE.mplstyle."
)
@click.option(
    "--dpi",
    type=click.IntRange(20, 2400),
    help="Dots per inch of PNG and films, and of meshes in PDF and SVG.  [default: 200; films 100]",
)
@click.option(
    "--motion",
    type=click.Choice(figures.MOTIONS),
    default="rotate",
    show_default=True,
    help="Of a film: turn the surfaces around, or show one after the other.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 60),
    help="Length of a film.  [default: 6 for a turn, else 0.5 a surface]",
)
@click.option(
    "--out",
    type=PATH,
    help="FILE.png, .pdf, .svg; .gif or .mp4 for a film.  "
    "[default: the surfaces' names, joined, .png]",
)
def command(
    surfaces: tuple[Path, ...],
    out: Path | None,
    dpi: int | None,
    font: str | None,
    font_size: float | None,
    style: tuple[str, ...],
    motion: figures.Motion,
    seconds: float | None,
    **options: Any,
) -> None:
    """Draw surfaces side by side, on one color scale, as a figure or a film.

    \b
    Example:
      landscape plot surfaces/plain56.h5 surfaces/resnet56.h5 --out pair.png
      landscape plot surfaces/resnet56.h5 --kind contour --levels 0.1:9.6:0.5 --out c.pdf
      landscape plot surfaces/plain56.h5 surfaces/resnet56.h5 --out turning.mp4
      landscape plot epochs/*.h5 --motion sequence --out training.gif
    """
    matplotlib.use("Agg")
    if out is None:
        out = Path("-".join(path.stem for path in surfaces) + ".png")
    suffix = out.suffix.lstrip(".").lower()
    if suffix not in (*figures.FORMATS, *figures.MOVIES):
        endings = ", .".join((*figures.FORMATS, *figures.MOVIES))
        raise click.UsageError(f"--out must end in .{endings}, not {out}")
    is_film = suffix in figures.MOVIES
    if not is_film and any(map(given, _OF_FILMS)):
        raise click.UsageError("--motion and --seconds are for films: --out FILE.gif or .mp4")
    for option in filter(given, _WITHOUT.get(options["kind"], ())):
        name = "max" if option == "maximum" else option
        raise click.UsageError(f"--{name} changes nothing in --kind {options['kind']}")
    _use(style, font, font_size)
    if options["cmap"] not in (None, *matplotlib.colormaps):
        raise click.UsageError(f"matplotlib has no color map {options['cmap']!r}")
    loaded = _named([store.load(path) for path in surfaces], surfaces)
    if is_film:
        report = progress.for_terminal()
        rates: Any = {"motion": motion, "seconds": seconds, "dpi": dpi or 100}
        try:
            figures.animate(loaded, out, progress=report, **rates, **options)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    else:
        figures.save(figures.plot(loaded, **options), out, dpi=dpi or 200)
    click.echo(out)


def _named(surfaces: list[Surface], paths: tuple[Path, ...]) -> list[Surface]:
    """Return surfaces of which those that are called alike are called by their files."""
    names = [surface.name for surface in surfaces]
    stems = [
        path.stem if names.count(name) > 1 else name
        for name, path in zip(names, paths, strict=True)
    ]
    return [
        replace(surface, provenance={**surface.provenance, "name": name})
        for surface, name in zip(surfaces, told_apart(stems, paths), strict=True)
    ]


def _use(style: tuple[str, ...], font: str | None, font_size: float | None) -> None:
    """Set how letters, lines and grounds look, for this process."""
    for each in style:
        try:
            styles.use(each)
        except OSError as error:
            raise click.UsageError(
                f"matplotlib has no style {each!r}: give a file or one of "
                + ", ".join(name for name in styles.available if not name.startswith("_"))
            ) from error
    if font is not None:
        from matplotlib.font_manager import findfont

        try:
            findfont(font, fallback_to_default=False)
        except ValueError as error:
            raise click.UsageError(f"there is no font {font!r} on this machine") from error
        plt.rcParams["font.family"] = font
    if font_size is not None:
        plt.rcParams["font.size"] = font_size
