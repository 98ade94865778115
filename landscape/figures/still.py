"""Static figures: surfaces side by side on one scale, lines, paths, curvature."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.atomic import replacing
from landscape.figures.curves import draw_lines
from landscape.figures.labels import label
from landscape.figures.maps import draw_curvature
from landscape.figures.parts import title
from landscape.figures.paths import draw_paths
from landscape.figures.pyplot import displayed_once, settings
from landscape.figures.surfaces import Picture
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

Kind = Literal["auto", "surface", "contour", "heatmap", "line", "path", "curvature"]
KINDS: tuple[str, ...] = get_args(Kind)
FORMATS = ("png", "pdf", "svg")

_ONE_AXES = ("surface", "contour", "heatmap", "line")
_PER_ROW = 4
_WIDTH, _HEIGHT = 5.2, 4.6  # of one picture, in inches
_SMALLEST = 5.0  # letters, in points


def plot(
    surfaces: Sequence[Surface],
    *,
    kind: Kind = "auto",
    scale: ScaleKind | Scale = "auto",
    maximum: float | None = None,
    levels: Sequence[float] | None = None,
    cmap: str | None = None,
    size: tuple[float, float] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw surfaces side by side on one scale, or lines in one picture.

    Points whose loss is not finite are left out (3-D) or gray; an unfinished scan is drawn
    from the points it has, and says so. Of several seeds in one surface the median is drawn,
    and how far they spread is said; lines show the spread itself. Fonts, sizes of letters and
    the like are those of matplotlib's current style.

    Args:
        surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines), ``heatmap``,
            ``line`` (loss and accuracy along α), ``path`` (contours with the paths of
            optimizers, and how far off the plane they are), ``curvature`` (|λ_min / λ_max|),
            or ``auto``: ``line`` where all are lines, else ``surface``.
        scale: ``linear``, ``log``, or ``auto``: log where losses span a factor of 100; or the
            scale of other surfaces, to compare with them.
        maximum: Losses above are drawn at this value; the figure says so.
        levels: Losses of the contour lines; by default about twelve round ones.
        cmap: A color map of matplotlib; by default that of its style, which is viridis.
        size: Width and height of the figure in inches; letters of the usual size shrink with it.
        ax: Draw into these, one for each surface (made with ``projection="3d"`` for the kind
            ``surface``), or the losses of lines into one.

    Returns:
        A figure of pyplot; show it with ``plt.show()``, or save it. A notebook displays it once,
        wherever in a cell it is made.

    Raises:
        ValueError: No surfaces, an unknown kind or scale, or axes that do not fit them.
        LandscapeError: There is nothing to draw, or a surface is a line and the kind is not
            ``heatmap``.
    """
    if not surfaces or kind not in KINDS:
        raise ValueError(f"expected one surface or more, and kind one of {', '.join(KINDS)}")
    if kind == "auto":
        kind = "line" if all(surface.is_line for surface in surfaces) else "surface"
    every: list[Any] = [] if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
    if ax is not None:
        _check_axes(every, kind, 1 if kind == "line" else len(surfaces), size)
    with settings(_letters(size, len(surfaces), kind)):
        figure = _plot(surfaces, kind, scale, maximum, levels, cmap, size, every)
    return displayed_once(figure)


def _plot(
    surfaces: Sequence[Surface],
    kind: Kind,
    scale: ScaleKind | Scale,
    maximum: float | None,
    levels: Sequence[float] | None,
    cmap: str | None,
    size: tuple[float, float] | None,
    every: list[Any],
) -> Figure:
    if kind == "line":
        return draw_lines(surfaces, scale, maximum, size, every[0] if every else None)
    if kind == "curvature":
        return draw_curvature(surfaces, size)
    if not isinstance(scale, Scale):
        scale = Scale.of([surface.median for surface in surfaces], scale, maximum)
    lines = np.asarray(scale.levels() if levels is None else levels, dtype=np.float64)
    cmap = cmap or matplotlib.rcParams["image.cmap"]
    picture = Picture(scale, Normalize(*scale.limits), cmap, lines)
    if kind == "path":
        return draw_paths(surfaces, picture, size)
    if not every:
        every = _new_axes(len(surfaces), kind, size)
    figure: Figure = every[0].figure.canvas.figure  # also of a figure within a figure
    contours = []
    for axes, surface in zip(every, surfaces, strict=True):
        drawn = getattr(picture, f"draw_{kind}")(axes, surface.median)
        contours += [drawn] if kind == "contour" else []
        axes.set_title(title(surface))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
    picture.add_bar(figure, every, pad=0.08 if kind == "surface" else 0.02)
    label(figure, contours)
    return figure


def _letters(size: tuple[float, float] | None, num: int, kind: Kind) -> dict[Any, Any]:
    """Return smaller letters for a small figure, unless the style has a size of its own."""
    usual = matplotlib.rcParamsDefault["font.size"]
    if size is None or matplotlib.rcParams["font.size"] != usual:
        return {}
    rows, columns = (1, 2) if kind in ("line", "path") else _shape(num)
    part = min(size[0] / columns / _WIDTH, size[1] / rows / _HEIGHT)
    return {"font.size": min(usual, max(_SMALLEST, usual * part**0.8))}


def _shape(num: int) -> tuple[int, int]:
    """Return as many rows as keep pictures readable, and columns."""
    rows = math.ceil(num / _PER_ROW)
    return rows, math.ceil(num / rows)


def _check_axes(
    every: Sequence[Axes], kind: Kind, num: int, size: tuple[float, float] | None
) -> None:
    if kind not in _ONE_AXES or size is not None:
        raise ValueError(f"ax is for the kinds {', '.join(_ONE_AXES)}, without size")
    if len(every) != num:
        raise ValueError(f"expected {num} axes, one for each surface, not {len(every)}")
    wanted = "3d" if kind == "surface" else "rectilinear"
    if any(axes.name != wanted for axes in every):
        raise ValueError(f"the kind {kind} needs axes of the projection {wanted}")


def _new_axes(num: int, kind: Kind, size: tuple[float, float] | None) -> list[Axes]:
    """Return axes in as many rows as keep them readable."""
    rows, columns = _shape(num)
    size = size or (_WIDTH * columns + 0.6, _HEIGHT * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    projection: dict[str, Any] = {"projection": "3d"} if kind == "surface" else {}
    return [figure.add_subplot(rows, columns, k + 1, **projection) for k in range(num)]


def save(figure: Figure, path: Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's suffix, and close it.

    Raises:
        ValueError: Another suffix.
        OSError: It cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"expected a file name that ends in .{', .'.join(FORMATS)}, not {path}")
    # In memory first: on a full disk the writer of PDF fails in its own way.
    content = io.BytesIO()
    with settings({"pdf.fonttype": 42}):  # TrueType, as publishers want
        figure.savefig(content, format=kind, dpi=dpi)
    plt.close(figure)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())
