"""Types of figures: a registry, to which every type adds itself from its own file."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.brief import brief
from landscape.errors import LandscapeError
from landscape.figures.picture import Camera, Picture
from landscape.figures.quantities import CURVATURE, Quantity, quantities, scale_of, shown_as
from landscape.scale import COLOR_MAP, Scale, ScaleKind
from landscape.surface import Surface

AUTO = "auto"
"""``line`` if all surfaces are lines, else ``surface``."""

CAMERA = ("elevation", "azimuth", "zoom")
"""Options of :func:`landscape.plot` that only a camera in 3-D needs."""

Projection = Literal["rectilinear", "3d"]


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be drawn, and how; see :func:`landscape.plot`.

    Attributes:
        surfaces: The surfaces, under the names that figures show.
        quantity: What is drawn, or None for the kind's own choice.
        scale: Type of scale, or a scale.
        maximum: Losses above are clipped.
        levels: Losses of the contour lines, or None.
        cmap: Color map, or None.
        camera: Camera in 3-D.
        size: Width and height in inches, or None.
        captions: Titles of the panels, or None for the usual ones.
        title: Title of the figure.
        axes: Axes to draw into; empty for new ones.
        evaluated: Whether dots show the evaluated points.
    """

    surfaces: Sequence[Surface]
    quantity: Quantity | None
    scale: ScaleKind | Scale
    maximum: float | None
    levels: Sequence[float] | None
    cmap: str | None
    camera: Camera
    size: tuple[float, float] | None
    captions: Sequence[str] | None
    title: str | None
    axes: Sequence[Any] = ()
    evaluated: bool = False

    __repr__ = brief

    @property
    def shown(self) -> list[Surface]:
        """The surfaces with the quantity in place of their losses; medians of several seeds."""
        return [shown_as(surface, self.quantity) for surface in self.surfaces]

    def picture(self) -> Picture:
        """Return what all panels share."""
        scale = self.scale
        if not isinstance(scale, Scale):
            scale = scale_of(self.shown, self.quantity, scale, self.maximum)
        levels = scale.levels() if self.levels is None else self.levels
        lines = np.asarray(levels, dtype=np.float64)
        cmap = self.cmap or _color_map()
        return Picture(
            scale,
            Normalize(*scale.limits),
            cmap,
            lines,
            self.camera,
            self.evaluated,
            self.quantity in CURVATURE,
        )


def _anything(_: Surface) -> str | None:
    return None


@dataclass(frozen=True)
class FigureKind:
    """One type of figure.

    Attributes:
        name: Name for ``kind=``.
        summary: What it shows, for help texts.
        draw: Draws a request.
        unsuitable: Returns why a surface cannot be drawn as this kind, to follow its name, or
            None.
        ignores: Options of :func:`landscape.plot` that change nothing.
        quantities: Whether ``quantity`` applies.
        columns: Number of columns of panels, where it does not depend on the surfaces.
        shares_axes: Whether all surfaces are drawn into one pair of axes.
        takes_axes: Whether it can be drawn into given axes.
        projection: Projection of the axes.
    """

    name: str
    summary: str
    draw: Callable[[Request], Figure]
    unsuitable: Callable[[Surface], str | None] = _anything
    ignores: Sequence[str] = field(default=CAMERA)
    quantities: bool = True
    columns: int | None = None
    shares_axes: bool = False
    takes_axes: bool = True
    projection: Projection = "rectilinear"


_KINDS: dict[str, FigureKind] = {}


def register(kind: FigureKind) -> None:
    """Add a kind.

    Args:
        kind: The kind.
    """
    _KINDS[kind.name] = kind


def registered() -> Mapping[str, FigureKind]:
    """Return all kinds by name."""
    return dict(_KINDS)


def kind_named(name: str, surfaces: Sequence[Surface]) -> FigureKind:
    """Return a kind by its name; for ``auto`` the one for some surfaces.

    Args:
        name: The name.
        surfaces: The surfaces.

    Raises:
        ValueError: The kind is unknown.
    """
    if name == AUTO:
        name = "line" if all(surface.is_line for surface in surfaces) else "surface"
    if name not in _KINDS:
        raise ValueError(f"kind must be {', '.join((AUTO, *_KINDS))}, not {name!r}")
    return _KINDS[name]


def reason_not_drawn(
    surface: Surface, kind: FigureKind, quantity: Quantity | None = None
) -> str | None:
    """Return why a surface cannot be drawn, in one line; None if it can.

    Args:
        surface: The surface.
        kind: The kind.
        quantity: What is drawn, or None for the kind's own choice.
    """
    reason = kind.unsuitable(surface)
    if kind.quantities and not any(each.evaluated.any() for each in surface.seeds):
        reason = ": no point is evaluated yet"
    elif reason is None and quantity == "accuracy":
        has_none = not np.isfinite(surface.stacked("accuracies")).any()
        reason = " has no accuracies: plot its loss" if has_none else None
    elif reason is None and quantity not in (None, *quantities([surface])):
        reason = f" has no {quantity}, only {', '.join(quantities([surface]))}"
    return None if reason is None else surface.name + reason


def check_drawn(
    surfaces: Sequence[Surface], kind: FigureKind, quantity: Quantity | None = None
) -> None:
    """Check that surfaces can be drawn.

    Args:
        surfaces: The surfaces.
        kind: The kind.
        quantity: What is drawn, or None for the kind's own choice.

    Raises:
        LandscapeError: One cannot.
        ValueError: The quantity does not apply to the kind.
    """
    if quantity is not None and not kind.quantities:
        raise ValueError(f"the kind {kind.name} has its own quantity, got {quantity!r}")
    for surface in surfaces:
        if reason := reason_not_drawn(surface, kind, quantity):
            raise LandscapeError(reason)


def needs_area(surface: Surface) -> str | None:
    """Return why a surface has no area to draw.

    Args:
        surface: The surface.
    """
    if min(surface.grid.shape) >= 2:
        return None
    return (
        f" has {surface.grid}: a surface or contours need two points or more along both axes; "
        "plot it with kind='line'"
    )


def check_camera(camera: Camera) -> None:
    """Check that the angles of a camera are finite, and its zoom positive.

    Args:
        camera: The camera.

    Raises:
        ValueError: They are not.
    """
    numbers = (camera.zoom, camera.elevation, camera.azimuth)
    if not (camera.zoom > 0 and all(map(math.isfinite, numbers))):
        raise ValueError(f"expected finite angles and a zoom above 0, got {camera}")


def _color_map() -> str:
    """Return the color map of the style if it is not matplotlib's, else ours."""
    name = str(matplotlib.rcParams["image.cmap"])
    return COLOR_MAP if name == matplotlib.rcParamsDefault["image.cmap"] else name
