"""``plot``: surfaces as static figures."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.figures.captions import named, under_a_title, write
from landscape.figures.kinds import (
    AUTO,
    FigureKind,
    Request,
    check_camera,
    check_drawn,
    kind_named,
    registered,
)
from landscape.figures.panels import HEIGHT, WIDTH, shape_of
from landscape.figures.picture import Camera
from landscape.figures.pyplot import displayed_once, settings
from landscape.figures.quantities import Quantity, quantities
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

FORMATS = ("png", "pdf", "svg")

_SMALLEST = 5.0  # font size, in points
_WIDTHS: Any = (
    "axes.linewidth",
    "grid.linewidth",
    "lines.markersize",
    *(f"{axis}tick.major.{of}" for axis in "xy" for of in ("width", "size")),
)
_DPI, _MESH_DPI = 200, 600
_MOST_PIXELS = 2**16  # along a side


def plot(
    *surfaces: Surface,
    kind: str = AUTO,
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
    evaluated: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Plot surfaces side by side on one scale, or lines in one panel.

    Points whose loss is not finite are left out (3-D) or gray. Incomplete scans are interpolated
    between the evaluated points and labeled as incomplete. Of several seeds the median is drawn,
    and their spread is stated; lines show it, with a thin line for each seed and their range as a
    band. Surfaces, contours and lines are interpolated between the points by monotone cubics,
    without adding hills or holes; a heat map has one cell for each point. Fonts and
    the like are those of matplotlib's current style.

    Args:
        *surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines), ``heatmap``,
            ``line`` (loss and accuracy along α), ``path`` (contours with the paths of
            optimizers, and how far off the plane they are), ``curvature`` (``|λ_min / λ_max|``),
            or ``auto``: ``line`` where all are lines, else ``surface``.
        quantity: ``loss``, ``accuracy``, the name of a metric, or of the Hessian ``ratio``
            (``|λ_min / λ_max|``), ``lowest`` or ``highest`` (eigenvalue, with crosses where it did
            not converge); by default the loss, and of lines loss and accuracy. Accuracies have a
            scale from 0 to 100 %, ratios one from 0 to 1; off-plane checkpoints are drawn at the
            value of the plane.
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
        size: Width and height of the figure in inches; text of the usual size shrinks with it.
        evaluated: Draw dots at the evaluated points; between them the picture is interpolated.
        ax: Draw into these, one for each surface (made with ``projection="3d"`` for the kind
            ``surface``), or the losses of lines into one.

    Returns:
        A figure of pyplot; show it with ``plt.show()``, or save it. A notebook displays it once,
        wherever in a cell it is made.

    Raises:
        ValueError: No surfaces, an unknown kind or scale, names or axes that do not fit them.
        LandscapeError: A surface cannot be drawn as this kind.
    """
    if not surfaces:
        raise ValueError("expected one surface or more")
    figure_kind = kind_named(kind, surfaces)
    every: list[Any] = [] if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
    if ax is not None:
        _check_axes(every, figure_kind, len(surfaces), size)
        if title and len(surfaces) > 1:
            raise ValueError("a title of several axes is their figure's: give none with ax")
    known = quantities(surfaces)
    if quantity not in (None, *known):
        raise ValueError(f"expected a quantity of {', '.join(known)}, got {quantity!r}")
    check_drawn(surfaces, figure_kind, quantity)
    shown = tuple(named(surfaces, names))
    request = Request(
        shown,
        quantity,
        scale,
        maximum,
        levels,
        cmap,
        _camera(elevation, azimuth, zoom),
        size,
        None if title is None else under_a_title(shown, names, title),
        title if ax is None else None,
        every,
        evaluated,
    )
    with settings(_fonts(size, len(surfaces), figure_kind)):
        figure = figure_kind.draw(request)
        if title and ax is not None:
            write(every, [title])
    return displayed_once(figure)


def _camera(elevation: float | None, azimuth: float | None, zoom: float) -> Camera:
    angles = {"elevation": elevation, "azimuth": azimuth}
    camera = Camera(**{key: value for key, value in angles.items() if value is not None}, zoom=zoom)
    check_camera(camera)
    return camera


def _fonts(size: tuple[float, float] | None, num: int, kind: FigureKind) -> dict[Any, Any]:
    """Return smaller fonts for a small figure, unless the style has a size of its own."""
    usual = matplotlib.rcParamsDefault["font.size"]
    if size is None or matplotlib.rcParams["font.size"] != usual:
        return {}
    rows, columns = (1, kind.columns) if kind.columns else shape_of(num)
    part = min(size[0] / columns / WIDTH, size[1] / rows / HEIGHT)
    smaller = min(1.0, max(_SMALLEST / usual, part**0.8))
    usuals = {key: matplotlib.rcParamsDefault[key] for key in _WIDTHS}
    thinner = {
        key: smaller * usual for key, usual in usuals.items() if matplotlib.rcParams[key] == usual
    }
    return {"font.size": smaller * usual, **thinner}


def _check_axes(
    every: Sequence[Axes], kind: FigureKind, num: int, size: tuple[float, float] | None
) -> None:
    if not kind.takes_axes or size is not None:
        able = ", ".join(name for name, each in registered().items() if each.takes_axes)
        raise ValueError(f"ax is for the kinds {able}, without size")
    wanted = 1 if kind.shares_axes else num
    if len(every) != wanted:
        raise ValueError(f"expected {wanted} axes, one for each surface, not {len(every)}")
    if any(axes.name != kind.projection for axes in every):
        raise ValueError(f"the kind {kind.name} needs axes of the projection {kind.projection}")


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
    # In memory first: on a full disk the PDF writer raises its own errors.
    content = io.BytesIO()
    with settings({"pdf.fonttype": 42}):  # TrueType, as publishers want
        figure.savefig(content, format=kind, dpi=dpi)
    plt.close(figure)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
