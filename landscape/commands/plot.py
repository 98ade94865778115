"""``landscape plot``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import matplotlib
from matplotlib import pyplot as plt
from matplotlib import style as styles

from landscape import figures, progress
from landscape.commands.options import LEVELS, PATH, SIZE, given, scale_options
from landscape.commands.surfaces import read, report_left_out
from landscape.commands.verb import Verb
from landscape.errors import SurfaceFileError
from landscape.figures.kinds import AUTO
from landscape.naming import disambiguate
from landscape.surface import Surface

_KINDS = (AUTO, *figures.registered())
_OF_LOSSES = ("scale", "maximum")
_BOUNDED = ("accuracy", "ratio")  # quantities with a scale of their own
_LONGEST_NAME = 100
_GROUPS = {
    "Picture": ("kind", "quantity", "scale", "maximum", "levels", "evaluated", "cmap"),
    "Text": ("names", "title", "no_title", "font", "font_size"),
    "Camera": ("elevation", "azimuth", "zoom"),
    "Animation": ("motion", "seconds"),
    "Output": ("out", "size", "dpi", "style"),
}
_ESSENTIAL = (*_GROUPS["Picture"][:4], "names", "title", *_GROUPS["Camera"][:2], "size", "out")


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("paths", metavar="SURFACE...|FOLDER...", nargs=-1, required=True, type=PATH)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default=AUTO,
    show_default=True,
    help="Type of figure; auto: line if all files are 1-D, else surface.",
)
@click.option(
    "--quantity",
    metavar="loss|accuracy|METRIC|ratio|lowest|highest",
    help="Quantity to draw: also the name of a metric of scan --metric, or |λ_min / λ_max|, the "
    "lowest or the highest eigenvalue of scan --curvature.  [default: loss; lines: loss and "
    "accuracy]",
)
@scale_options
@click.option(
    "--levels",
    type=LEVELS,
    help="Losses (accuracies in %) of the contour lines: 0.1,1,10 or START:STOP:STEP.",
)
@click.option(
    "--evaluated",
    is_flag=True,
    help="Dots at the evaluated points; between them the picture is interpolated.",
)
@click.option("--cmap", help="Matplotlib colormap.  [default: plasma, or the style's]")
@click.option("--names", help="Names of the surfaces, in order, separated by commas.")
@click.option("--title", help="Title of the figure; replaces the captions below the names.")
@click.option("--no-title", is_flag=True, help="No titles; names only where --names gives them.")
@click.option(
    "--elevation", type=float, help="Elevation of the camera in 3-D, in degrees.  [default: 32]"
)
@click.option(
    "--azimuth", type=float, help="Azimuth of the camera in 3-D, in degrees.  [default: -60]"
)
@click.option(
    "--zoom",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Magnification of surfaces in 3-D.",
)
@click.option("--size", type=SIZE, help="Figure size in inches, e.g. 6.5x3.")
@click.option("--font", help="Font family: serif, Times New Roman, ….")
@click.option(
    "--font-size", type=click.FloatRange(1, 100), help="Font size in points.  [default: 10]"
)
@click.option(
    "--style", multiple=True, help="Matplotlib style sheet: a name or FILE.mplstyle (repeatable)."
)
@click.option(
    "--dpi",
    type=click.IntRange(20, 2400),
    help="Dots per inch of PNG and animations, and of rasterized surfaces in PDF and SVG.  "
    "[default: 200; animations 100; PDF and SVG 600]",
)
@click.option(
    "--motion",
    type=click.Choice(figures.MOTIONS),
    default="rotate",
    show_default=True,
    help="Animation: rotate the camera, or show one surface per frame (sequence).",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 60),
    help="Length of an animation.  [default: 6 for a rotation, else 0.5 per surface]",
)
@click.option(
    "--out",
    type=PATH,
    help="FILE.png, .pdf, .svg; .gif or .mp4 (needs ffmpeg) for an animation.  "
    "[default: the names of the files or folders, joined, .png]",
)
def command(
    paths: tuple[Path, ...],
    out: Path | None,
    dpi: int | None,
    font: str | None,
    font_size: float | None,
    style: tuple[str, ...],
    motion: figures.Motion,
    seconds: float | None,
    names: str | None,
    title: str | None,
    no_title: bool,
    **options: Any,
) -> None:
    """Draw surfaces side by side, on one color scale, as a figure or an animation.

    A folder means all surfaces in it. Surfaces and lines (1-D scans) cannot share a figure: of
    both, the surfaces are drawn, and the omitted files are listed.

    \b
    Example:
      landscape plot surfaces/plain56.h5 surfaces/resnet56.h5 --out pair.png
      landscape plot surfaces/resnet56.h5 --kind contour --levels 0.1:9.6:0.5 --out c.pdf
      landscape plot surfaces/resnet56.h5 --quantity success_rate --out rate.png
      landscape plot surfaces/*.h5 --names "no skip,skip" --no-title --size 6.5x3 --out f.pdf
      landscape plot surfaces/plain56.h5 surfaces/resnet56.h5 --out turning.mp4
      landscape plot epochs --motion sequence --out training.gif
    """
    matplotlib.use("Agg")
    if out is None:
        out = Path(_joined([path.stem if path.is_file() else path.name for path in paths]) + ".png")
    suffix = out.suffix.lstrip(".").lower()
    if suffix not in (*figures.FORMATS, *figures.MOVIES):
        endings = ", .".join((*figures.FORMATS, *figures.MOVIES))
        raise click.UsageError(f"--out must end in .{endings}, not {out}")
    is_animation = suffix in figures.MOVIES
    if not is_animation and any(map(given, _GROUPS["Animation"])):
        raise click.UsageError("--motion and --seconds are for animations: --out FILE.gif or .mp4")
    if title and no_title:
        raise click.UsageError("--title and --no-title contradict each other")
    quantity = options["quantity"]
    if quantity in _BOUNDED and (option := next(filter(given, _OF_LOSSES), None)):
        raise click.UsageError(f"--{_flag(option)} is for losses, not --quantity {quantity}")
    _refuse_what_changes_nothing(options["kind"])
    _use(style, font, font_size)
    if options["cmap"] not in (None, *matplotlib.colormaps):
        raise click.UsageError(f"matplotlib has no color map {options['cmap']!r}")
    loaded = _loaded(paths, options["kind"], options["quantity"])
    if options["kind"] == AUTO:
        options["kind"] = figures.kind_named(AUTO, loaded).name
        _refuse_what_changes_nothing(options["kind"])
    options["title"] = "" if no_title else title
    try:
        options["names"] = None if names is None else [name.strip() for name in names.split(",")]
        if is_animation:
            report = progress.for_terminal()
            rates: Any = {"motion": motion, "seconds": seconds, "dpi": dpi or 100}
            figures.animate(loaded, out, progress=report, **rates, **options)
        else:
            figures.save(figures.plot(*loaded, **options), out, dpi=dpi)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(out)


def _flag(option: str) -> str:
    return "max" if option == "maximum" else option.replace("_", "-")


def _refuse_what_changes_nothing(kind: str) -> None:
    ignores = figures.registered()[kind].ignores if kind != AUTO else ()
    for option in filter(given, ignores):
        raise click.UsageError(f"--{_flag(option)} changes nothing in --kind {kind}")


def _joined(names: list[str]) -> str:
    """Return a file name of names, no longer than file systems take."""
    joined = "-".join(names)
    return joined if len(joined) <= _LONGEST_NAME else f"{names[0]}-and-{len(names) - 1}-more"


def _loaded(paths: tuple[Path, ...], kind: str, quantity: figures.Quantity | None) -> list[Surface]:
    """Return the surfaces in files and folders that can be drawn together; say what is not.

    Raises:
        LandscapeError: None can be, or a file that was named cannot be read.
    """
    found, unread = read(paths)
    fit, unfit, drawn = [], [], figures.kind_named(kind, [surface for _, surface in found])
    for path, surface in found:
        reason = figures.reason_not_drawn(surface, drawn, quantity)
        unfit += [reason] if reason else []
        fit += [] if reason else [(path, surface)]
    if not fit:
        raise SurfaceFileError(unfit[0])
    report_left_out([*unread, *unfit])
    return _named([surface for _, surface in fit], tuple(path for path, _ in fit))


def _named(surfaces: list[Surface], paths: tuple[Path, ...]) -> list[Surface]:
    """Return surfaces of which those that are called alike are called by their files."""
    names = [surface.name for surface in surfaces]
    stems = [
        path.stem if names.count(name) > 1 else name
        for name, path in zip(names, paths, strict=True)
    ]
    return [
        replace(surface, provenance={**surface.provenance, "name": name})
        for surface, name in zip(surfaces, disambiguate(stems, paths), strict=True)
    ]


def _use(style: tuple[str, ...], font: str | None, font_size: float | None) -> None:
    """Set fonts, lines and backgrounds for this process."""
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
            raise click.UsageError(f"this machine has no font {font!r}") from error
        plt.rcParams["font.family"] = font
    if font_size is not None:
        plt.rcParams["font.size"] = font_size
