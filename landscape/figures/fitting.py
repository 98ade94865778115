"""Which surfaces can be drawn as what."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from landscape.errors import LandscapeError
from landscape.surface import Surface

Kind = Literal["auto", "surface", "contour", "heatmap", "line", "path", "curvature"]
KINDS: tuple[str, ...] = get_args(Kind)
Quantity = Literal["loss", "accuracy"]
QUANTITIES: tuple[str, ...] = get_args(Quantity)


def kind_of(surfaces: Sequence[Surface]) -> Kind:
    """Return the kind ``auto`` stands for: ``line`` where all are lines, else ``surface``."""
    return "line" if all(surface.is_line for surface in surfaces) else "surface"


def why_not(surface: Surface, kind: Kind, quantity: Quantity | None = None) -> str | None:
    """Return why a surface cannot be drawn, in one line; None if it can.

    Args:
        surface: Which.
        kind: Any but ``auto``.
        quantity: As for :func:`landscape.figures.plot`.
    """
    curvature = surface.curvature
    if kind == "curvature":
        has_any = curvature is not None and (curvature.state > 0).any()
        reason = None if has_any else " holds no eigenvalues: scan it with --curvature"
    elif not any(each.evaluated.any() for each in surface.all):
        reason = ": no point is evaluated yet"
    elif kind == "line" and not surface.is_line:
        reason = " is a surface, not a line: scan it with --line, or draw another kind"
    elif kind == "path" and not surface.paths:
        reason = " holds no path: scan it with --paths, or draw it as a contour"
    elif kind not in ("line", "heatmap") and min(surface.grid.shape) < 2:
        reason = (
            f" has {surface.grid}: a surface or contours need two points or more "
            "along both axes; draw it with --kind line"
        )
    elif quantity == "accuracy" and not np.isfinite(surface.stacked("accuracies")).any():
        reason = " holds no accuracies: draw its loss"
    else:
        reason = None
    return None if reason is None else surface.name + reason


def check_all(surfaces: Sequence[Surface], kind: Kind, quantity: Quantity | None = None) -> None:
    """Refuse surfaces that cannot be drawn.

    Raises:
        LandscapeError: One cannot.
    """
    for surface in surfaces:
        if reason := why_not(surface, kind, quantity):
            raise LandscapeError(reason)
