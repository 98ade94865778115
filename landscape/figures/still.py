"""Static figures: surfaces side by side on one scale, lines, paths, curvature."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.figures.captions import caption, named, put_above, under_a_title, write
from landscape.figures.curves import draw_lines
from landscape.figures.fitting import KINDS, Kind, Quantity, check_all, kind_of
from landscape.figures.framing import fill_axes
from landscape.figures.labels import label
from landscape.figures.maps import draw_curvature
from landscape.figures.parts import name_axes
from landscape.figures.paths import draw_paths
from landscape.figures.pyplot import displayed_once, settings
from landscape.figures.quantities import check_quantity, scale_of, shown_as
from landscape.figures.surfaces import Camera, Picture
from landscape.scale import COLOR_MAP, Scale, ScaleKind
from landscape.surface import Surface

FORMATS = ("png", "pdf", "svg")

_ONE_AXES = ("surface", "contour", "heatmap", "line")
_PER_ROW = 4
_WIDTH, _HEIGHT = 5.2, 4.6  # of one picture, in inches
_SMALLEST = 5.0  # letters, in points
_WIDTHS: Any = (
    "axes.linewidth",
    "grid.linewidth",
    "lines.markersize",
    *(f"{axis}tick.major.{of}" for axis in "xy" for of in ("width", "size")),
)
_DPI, _MESH_DPI = 200, 600
_MOST_PIXELS = 2**16  # along a side


def plot(
    surfaces: Sequence[Surface],
    *,
    kind: Kind = "auto",
    quantity: Quantity | None = None,
    scale: ScaleKind | Scale = "auto",
    maximum: float | None = None,
    levels: Sequence[float] | None = None,
    cmap: str | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    elevation: float | None = None,
    azimuth: float | None = None,
    zoom: float = 1.0,
    size: tuple[float, float] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw surfaces side by side on one scale, or lines in one picture.

    Points whose loss is not finite are left out (3-D) or gray; an unfinished scan is drawn
    from the points it has, and says so. Of several seeds in one surface the median is drawn,
    and how far they spread is said; lines show the spread itself. Between the samples, reliefs
    and contours are interpolated in a way that adds no hills or holes
    (:func:`landscape.figures.between.between`); a heat map has one cell for each point. Fonts,
    sizes of letters and the like are those of matplotlib's current style.

    Args:
        surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines), ``heatmap``,
            ``line`` (loss and accuracy along α), ``path`` (contours with the paths of
            optimizers, and how far off the plane they are), ``curvature`` (|λ_min / λ_max|),
            or ``auto``: ``line`` where all are lines, else ``surface``.
        quantity: ``loss`` or ``accuracy``; by default the loss, and of lines both. Accuracies
            have a scale from 0 to 100 %; nets beside the plane stand at that of the plane.
        scale: ``linear``, ``log``, or ``auto``: log where losses span a factor of 100; or the
            scale of other surfaces, to compare with them.
        maximum: Losses above are drawn at this value; the figure says so.
        levels: Losses (or accuracies in %) of the contour lines; by default about twelve round
            ones.
        cmap: A color map of matplotlib; by default that of its style if that has one of its
            own, else plasma.
        names: What to call the surfaces, instead of their own names.
        title: Stands above the figure, instead of what is said of each surface; an empty one
            leaves all titles out, but for ``names``.
        elevation: Of the camera of the kind ``surface``, degrees above the plane, 32 by default
            (matplotlib's ``elev``).
        azimuth: Degrees around it, -60 by default (matplotlib's ``azim``).
        zoom: How much larger than usual a surface in 3-D is drawn.
        size: Width and height of the figure in inches; letters of the usual size shrink with it.
        ax: Draw into these, one for each surface (made with ``projection="3d"`` for the kind
            ``surface``), or the losses of lines into one.

    Returns:
        A figure of pyplot; show it with ``plt.show()``, or save it. A notebook displays it once,
        wherever in a cell it is made.

    Raises:
        ValueError: No surfaces, an unknown kind or scale, names or axes that do not fit them.
        LandscapeError: There is nothing to draw, or a surface is not of the kind.
    """
    if not surfaces or kind not in KINDS:
        raise ValueError(f"expected one surface or more, and kind one of {', '.join(KINDS)}")
    kind = kind_of(surfaces) if kind == "auto" else kind
    every: list[Any] = [] if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
    if ax is not None:
        _check_axes(every, kind, 1 if kind == "line" else len(surfaces), size)
        if title and len(surfaces) > 1:
            raise ValueError("a title of several axes is their figure's: give none with ax")
    check_quantity(quantity, kind)
    check_all(surfaces, kind, quantity)
    surfaces = named(surfaces, names)
    camera = _camera(elevation, azimuth, zoom)
    captions = None if title is None else under_a_title(surfaces, names, title)
    with settings(_letters(size, len(surfaces), kind)):
        if kind == "line":
            into = every[0] if every else None
            figure = draw_lines(surfaces, scale, maximum, size, into, quantity)
        elif kind == "curvature":
            figure = draw_curvature(surfaces, size, captions)
        else:
            shown = [shown_as(surface, quantity) for surface in surfaces]
            if not isinstance(scale, Scale):
                scale = scale_of(shown, quantity, scale, maximum)
            lines = np.asarray(scale.levels() if levels is None else levels, dtype=np.float64)
            cmap = cmap or _color_map()
            picture = Picture(scale, Normalize(*scale.limits), cmap, lines, camera)
            if kind == "path":
                figure = draw_paths(surfaces, picture, size, captions, title)
            else:
                every = every or _new_axes(len(surfaces), kind, size, title)
                captions = captions or [caption(surface) for surface in surfaces]
                figure = _draw(shown, picture, kind, every, captions)
        if title and ax is not None:
            write(every, [title])
        elif title and kind in ("line", "curvature"):
            put_above(figure, title)
    return displayed_once(figure)


def _draw(
    shown: Sequence[Surface],
    picture: Picture,
    kind: Kind,
    every: list[Any],
    captions: Sequence[str],
) -> Figure:
    figure: Figure = every[0].figure.canvas.figure  # also of a figure within a figure
    contours = []
    for axes, surface in zip(every, shown, strict=True):
        drawn = getattr(picture, f"draw_{kind}")(axes, surface)
        contours += [drawn] if kind == "contour" else []
        name_axes(axes, surface)
    picture.add_bar(figure, every, pad=0.08 if kind == "surface" else 0.02)
    write(every, captions)
    if kind == "surface":
        fill_axes(every, picture.camera.zoom)
    label(figure, contours)
    return figure


def _camera(elevation: float | None, azimuth: float | None, zoom: float) -> Camera:
    angles = {"elevation": elevation, "azimuth": azimuth}
    camera = Camera(**{key: value for key, value in angles.items() if value is not None}, zoom=zoom)
    if not (zoom > 0 and all(map(math.isfinite, (zoom, camera.elevation, camera.azimuth)))):
        raise ValueError(f"expected finite angles and a zoom above 0, got {camera}")
    return camera


def _color_map() -> str:
    """Return the style's color map where it is not matplotlib's, else ours."""
    name = str(matplotlib.rcParams["image.cmap"])
    return COLOR_MAP if name == matplotlib.rcParamsDefault["image.cmap"] else name


def _letters(size: tuple[float, float] | None, num: int, kind: Kind) -> dict[Any, Any]:
    """Return smaller letters for a small figure, unless the style has a size of its own."""
    usual = matplotlib.rcParamsDefault["font.size"]
    if size is None or matplotlib.rcParams["font.size"] != usual:
        return {}
    rows, columns = (1, 2) if kind in ("line", "path") else _shape(num)
    part = min(size[0] / columns / _WIDTH, size[1] / rows / _HEIGHT)
    smaller = min(1.0, max(_SMALLEST / usual, part**0.8))
    usuals = {key: matplotlib.rcParamsDefault[key] for key in _WIDTHS}
    thinner = {
        key: smaller * usual for key, usual in usuals.items() if matplotlib.rcParams[key] == usual
    }
    return {"font.size": smaller * usual, **thinner}


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


def _new_axes(
    num: int, kind: Kind, size: tuple[float, float] | None, title: str | None
) -> list[Axes]:
    """Return axes in as many rows as keep them readable."""
    rows, columns = _shape(num)
    size = size or (_WIDTH * columns + 0.6, _HEIGHT * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    if title:
        put_above(figure, title)
    projection: dict[str, Any] = {"projection": "3d"} if kind == "surface" else {}
    return [figure.add_subplot(rows, columns, k + 1, **projection) for k in range(num)]


def save(figure: Figure, path: Path, *, dpi: int | None = None) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's suffix, and close it.

    Args:
        figure: Which.
        path: Where to.
        dpi: Pixels per inch, of meshes in PDF and SVG; by default 200, and of these 600.

    Raises:
        ValueError: Another suffix.
        LandscapeError: It would have more pixels than can be drawn.
        OSError: It cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"expected a file name that ends in .{', .'.join(FORMATS)}, not {path}")
    dpi = dpi or (_DPI if kind == "png" else _MESH_DPI)
    side = max(figure.get_size_inches()) * dpi
    if side >= _MOST_PIXELS:
        plt.close(figure)
        raise LandscapeError(
            f"{path} would be {side:,.0f} pixels long, at most {_MOST_PIXELS - 1:,} can be drawn: "
            "give a smaller size or dpi, or fewer surfaces"
        )
    # In memory first: on a full disk the writer of PDF fails in its own way.
    content = io.BytesIO()
    with settings({"pdf.fonttype": 42}):  # TrueType, as publishers want
        figure.savefig(content, format=kind, dpi=dpi)
    plt.close(figure)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())
