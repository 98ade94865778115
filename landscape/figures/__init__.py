"""Static figures with matplotlib: surfaces side by side on one scale, lines, paths, curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.atomic import replacing
from landscape.figures.curves import draw_lines, learning_curves, spectrum
from landscape.figures.maps import draw_curvature
from landscape.figures.parts import title
from landscape.figures.paths import draw_paths
from landscape.figures.surfaces import Picture
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

__all__ = ["FORMATS", "KINDS", "Kind", "learning_curves", "plot", "save", "spectrum"]

Kind = Literal["auto", "surface", "contour", "heatmap", "line", "path", "curvature"]
KINDS: tuple[str, ...] = get_args(Kind)
FORMATS = ("png", "pdf", "svg")


def plot(
    surfaces: Sequence[Surface],
    *,
    kind: Kind = "auto",
    scale: ScaleKind = "auto",
    maximum: float | None = None,
    levels: Sequence[float] | None = None,
    cmap: str = "viridis",
) -> Figure:
    """Draw surfaces side by side on one scale, or lines in one picture.

    Points whose loss is not finite are left out (3-D) or gray; an unfinished scan is drawn
    from the points it has, and says so. Of several seeds in one surface the median is drawn,
    and how far they spread is said; lines show the spread itself.

    Args:
        surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines), ``heatmap``,
            ``line`` (loss and accuracy along α), ``path`` (contours with the paths of
            optimizers, and how far off the plane they are), ``curvature`` (|λ_min / λ_max|),
            or ``auto``: ``line`` where all are lines, else ``surface``.
        scale: ``linear``, ``log``, or ``auto``: log where losses span a factor of 100.
        maximum: Losses above are drawn at this value; the figure says so.
        levels: Losses of the contour lines; by default about twelve round ones.
        cmap: A color map of matplotlib.

    Returns:
        A figure of pyplot; show it with ``plt.show()``, or save it.

    Raises:
        ValueError: No surfaces, an unknown kind or scale.
        LandscapeError: There is nothing to draw, or a surface is a line and the kind is not
            ``heatmap``.
    """
    if not surfaces or kind not in KINDS:
        raise ValueError(f"expected one surface or more, and kind one of {', '.join(KINDS)}")
    if kind == "auto":
        kind = "line" if all(surface.is_line for surface in surfaces) else "surface"
    if kind == "line":
        return draw_lines(surfaces, scale, maximum)
    if kind == "curvature":
        return draw_curvature(surfaces)
    common = Scale.of([surface.median for surface in surfaces], scale, maximum)
    lines = np.asarray(common.levels() if levels is None else levels, dtype=np.float64)
    picture = Picture(common, Normalize(*common.limits), cmap, lines)
    if kind == "path":
        return draw_paths(surfaces, picture)
    figure = plt.figure(figsize=(5.2 * len(surfaces) + 0.6, 4.6), layout="constrained")
    projection: dict[str, Any] = {"projection": "3d"} if kind == "surface" else {}
    all_axes = []
    for number, surface in enumerate(surfaces, 1):
        axes: Any = figure.add_subplot(1, len(surfaces), number, **projection)
        getattr(picture, f"draw_{kind}")(axes, surface.median)
        axes.set_title(title(surface))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
        all_axes.append(axes)
    picture.add_bar(figure, all_axes, pad=0.08 if projection else 0.02)
    return figure


def save(figure: Figure, path: Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's suffix, and close it.

    Raises:
        ValueError: Another suffix.
        OSError: It cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"expected a file name that ends in .{', .'.join(FORMATS)}, not {path}")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi)
    plt.close(figure)
