"""Animations: surfaces that turn, or one surface after the other."""

import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from matplotlib import pyplot as plt
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.figure import Figure

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.figures.captions import named, put_above
from landscape.figures.figure import plot
from landscape.figures.kinds import AUTO, check_drawn, kind_named
from landscape.figures.pyplot import settings
from landscape.figures.quantities import scale_of, shown_as
from landscape.notebook import default_progress
from landscape.progress import Progress
from landscape.surface import Surface

Motion = Literal["rotate", "sequence"]
MOTIONS: tuple[str, ...] = get_args(Motion)
MOVIES = ("gif", "mp4")

_RATES = {"gif": 10.0, "mp4": 25.0}  # a GIF counts hundredths of a second
_IN_SEQUENCE = ("surface", "contour", "heatmap")
_PAUSE = 1.5  # seconds for which the last of a sequence stays


def animate(
    surfaces: Sequence[Surface],
    path: str | Path,
    *,
    motion: Motion = "rotate",
    seconds: float | None = None,
    dpi: int = 100,
    progress: Progress | None = None,
    kind: str = AUTO,
    **options: Any,
) -> None:
    """Write an animation of surfaces, as GIF or MP4 by the file's suffix.

    Args:
        surfaces: One or more.
        path: Where to write; the file appears complete or not at all.
        motion: ``rotate`` turns all of them once around, side by side; ``sequence`` shows one
            after the other, on one scale: the epochs of a training on one plane, say.
        seconds: How long it lasts; by default 6 for a turn, and half a second a surface.
        dpi: Pixels per inch.
        progress: Where to report to.
        kind: As for :func:`landscape.plot`; a turn needs ``surface``.
        **options: Of :func:`landscape.plot`, but for ``ax``.

    Raises:
        ValueError: Another suffix or motion.
        LandscapeError: A surface cannot be drawn, or MP4 is requested without ffmpeg.
        OSError: It cannot be written.
    """
    path = Path(path)
    form = path.suffix.lstrip(".").lower()
    if form not in MOVIES or motion not in MOTIONS:
        raise ValueError(
            f"expected a file name that ends in .{' or .'.join(MOVIES)} and a motion of "
            f"{', '.join(MOTIONS)}, not {path} and {motion!r}"
        )
    if not surfaces:
        raise ValueError("expected one surface or more")
    if "ax" in options:
        raise ValueError("an animation has its own figure: it takes no ax")
    if motion == "rotate" and kind not in (AUTO, "surface"):
        raise ValueError(f"only surfaces in 3-D can turn, not the kind {kind!r}")
    progress = progress or default_progress()
    rate = _RATES[form]
    if motion == "rotate":
        frames = max(2, round(rate * (6.0 if seconds is None else seconds)))
        steps = _turn(surfaces, frames, options)
    else:
        frames = len(surfaces)
        rate = min(rate, frames / (0.5 * frames if seconds is None else seconds))
        steps = _sequence(surfaces, kind, options)
    progress.start(path.name, frames)
    try:
        with closing(steps), _writer(form, rate) as (writer, temporary):
            for number, figure in enumerate(steps, 1):
                if number == 1:
                    writer.setup(figure, str(temporary), dpi)
                writer.grab_frame()
                progress.update(number)
                if number == frames and motion == "sequence":
                    for _ in range(round(_PAUSE * rate)):
                        writer.grab_frame()
            writer.finish()
            with replacing(path) as place:
                shutil.copyfile(temporary, place)
    finally:
        progress.stop()


def _turn(surfaces: Sequence[Surface], frames: int, options: Any) -> Generator[Figure]:
    """Yield the same figure, seen from all around."""
    figure = plot(*surfaces, kind="surface", **options)
    every: list[Any] = [axes for axes in figure.axes if axes.name == "3d"]
    first = every[0].azim
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what turns would else be moved as well
    try:
        for frame in range(frames):
            for axes in every:
                axes.view_init(elev=axes.elev, azim=first + 360 * frame / frames)
            yield figure
    finally:
        plt.close(figure)


def _sequence(surfaces: Sequence[Surface], kind: str, options: Any) -> Generator[Figure]:
    """Yield one figure with one surface after the other, all on the scale of all.

    Raises:
        ValueError: The kind cannot be drawn in a sequence.
    """
    kind = "surface" if kind == AUTO else kind
    if kind not in _IN_SEQUENCE:
        raise ValueError(f"a sequence is of the kinds {', '.join(_IN_SEQUENCE)}, not {kind}")
    size = options.pop("size", None) or (6.0, 4.8)
    quantity, title = options.get("quantity"), options.pop("title", None)
    check_drawn(surfaces, kind_named(kind, surfaces), quantity)
    surfaces = named(surfaces, names := options.pop("names", None))
    scale = scale_of(
        [shown_as(surface, quantity) for surface in surfaces],
        quantity,
        options.pop("scale", "auto"),
        options.pop("maximum", None),
    )
    options["title"] = None if title is None else ""
    figure = plt.figure(figsize=size, layout="constrained")
    try:
        for surface in surfaces:
            figure.clear()
            axes = figure.add_subplot(projection="3d" if kind == "surface" else None)
            if title:
                put_above(figure, title)
            has_name = title or names is not None
            options["names"] = [surface.name] if has_name else None
            plot(surface, kind=kind, scale=scale, ax=axes, **options)
            yield figure
    finally:
        plt.close(figure)


@contextmanager
def _writer(form: str, rate: float) -> Iterator[tuple[AbstractMovieWriter, Path]]:
    """Give what makes an animation, and a temporary file for it.

    Yields:
        The writer, and a temporary path.
    """
    make: Any = PillowWriter if form == "gif" else FFMpegWriter
    values: Any = {"savefig.bbox": "standard"}  # all frames have one size
    if form == "mp4":
        values["animation.ffmpeg_path"] = _ffmpeg()
    with tempfile.TemporaryDirectory() as folder, settings(values):
        yield make(fps=rate), Path(folder, f"animation.{form}")


def _ffmpeg() -> str:
    """Return the path of ffmpeg: the system's, or the one that a package brings.

    Raises:
        LandscapeError: Neither is installed.
    """
    found = shutil.which("ffmpeg")
    if found is None:
        try:
            import imageio_ffmpeg

            found = str(imageio_ffmpeg.get_ffmpeg_exe())
        except (ImportError, RuntimeError):
            raise LandscapeError(
                "MP4 is made with ffmpeg, which is not here: install it, or "
                "`pip install imageio-ffmpeg`, or write a .gif"
            ) from None
    return found
