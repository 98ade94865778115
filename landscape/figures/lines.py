"""The figure kind ``line``: loss and accuracy along α."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.captions import unfinished
from landscape.coordinates import axis_labels
from landscape.figures.captions import below, break_labels, put_above
from landscape.figures.kinds import CAMERA, FigureKind, Request, register
from landscape.figures.quantities import CURVATURE, Quantity, scale_of, shown_as
from landscape.figures.style import (
    escape_mathtext,
    line_color,
    logarithmic,
    loss_label,
)
from landscape.scale import Scale
from landscape.surface import Surface

_DIFFERENT = "α, of each line as in the legend"


def draw_lines(request: Request) -> Figure:
    """Draw loss and accuracy along α, all lines in one panel, with the range of seeds as a band.

    Args:
        request: What is drawn; by default loss and accuracy, if the surfaces have accuracies.

    Returns:
        The figure.
    """
    surfaces, ax = request.surfaces, request.axes[0] if request.axes else None
    figure: Any
    every: dict[str, Any]
    if ax is not None:
        figure, every = ax.figure, {request.quantity or "loss": ax}
    else:
        figure, every = _new_axes(request)
    for quantity, axes in every.items():
        if quantity == "accuracy":
            _draw_quantity(axes, surfaces, "accuracies", 100.0)
            axes.set_ylabel("accuracy (%)")
        else:
            _draw_scaled(axes, request, quantity)
    if ax is not None:
        ax.legend(fontsize="small")
    else:
        _add_legend(figure, next(iter(every.values())), surfaces)
        if request.title:
            put_above(figure, request.title)
    return figure  # type: ignore[no-any-return]


def _new_axes(request: Request) -> tuple[Any, dict[str, Any]]:
    """Return a figure with axes for each quantity."""
    has_accuracies = any(np.isfinite(s.stacked("accuracies")).any() for s in request.surfaces)
    wanted: list[str] = ["loss", "accuracy"][: 1 + has_accuracies]
    if request.quantity:
        wanted = [request.quantity]
    figure, row = plt.subplots(
        1,
        len(wanted),
        figsize=request.size or (5.2 * len(wanted), 4.0),
        layout="constrained",
        squeeze=False,
    )
    return figure, dict(zip(wanted, row[0], strict=True))


def _draw_scaled(axes: Any, request: Request, quantity: Quantity) -> None:
    """Draw losses or a metric on the scale that is requested."""
    scale = request.scale
    if not isinstance(scale, Scale):
        seeds = [
            replace(each, repeats=()) for surface in request.surfaces for each in surface.seeds
        ]
        every = [shown_as(each, quantity) for each in seeds]
        scale = scale_of(every, quantity, scale, request.maximum)
    if quantity in CURVATURE:
        shown = request.shown
        _draw_quantity(axes, shown, "losses", 1.0)
        for number, line in enumerate(shown):
            curvature: Any = line.curvature
            loose = curvature.not_converged
            alphas = line.grid.alphas[loose[:, 0]]
            axes.plot(alphas, line.losses[loose], "x", color=line_color(number), markersize=8)
    else:
        _draw_quantity(axes, request.surfaces, "losses" if quantity == "loss" else quantity, 1.0)
    if scale.log:
        logarithmic(axes)
    axes.set_ylim(*(scale.low, scale.high) if scale.clipped else (None, None))
    axes.set_ylabel(loss_label(scale))


def _add_legend(figure: Any, axes: Any, surfaces: Sequence[Surface]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    labels = ["\n".join([a, *b]) for a, b in zip(labels, below(surfaces), strict=True)]
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    break_labels(figure)
    if legend.get_window_extent().width > figure.bbox.width:
        legend.set_ncols(1)


def _draw_quantity(axes: Any, surfaces: Sequence[Surface], quantity: str, unit: float) -> None:
    for number, surface in enumerate(surfaces):
        color = line_color(number)
        _draw_line(axes, surface, quantity, unit, color)
        if quantity == "losses":
            # Where its statistics are another's, the line does not go through a net's own loss.
            own = [(mark.alpha, mark.loss) for mark in surface.marks if math.isfinite(mark.loss)]
            for alpha, loss in own:
                axes.plot(alpha, loss, "o", color=color, markersize=4)
    labels = {axis_labels(surface)[0] for surface in surfaces}
    axes.set_xlabel(escape_mathtext(labels.pop()) if len(labels) == 1 else _DIFFERENT)
    axes.grid(alpha=0.3)
    for alpha, text in _marked(surfaces).items():
        axes.axvline(alpha, color="0.5", linewidth=0.8, linestyle=":")
        axes.annotate(
            escape_mathtext(text),
            (alpha, 1),
            (2, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize="x-small",
        )


def _marked(surfaces: Sequence[Surface]) -> Mapping[float, str]:
    """Return what is marked at which α; with the line's name where lines have other marks."""
    different = len({tuple((m.name, m.alpha) for m in s.marks) for s in surfaces if s.marks}) > 1
    found: dict[float, list[str]] = {}
    for surface in surfaces:
        for mark in surface.marks:
            text = mark.name + " (off the line)" * mark.is_off_line
            text = f"{surface.name}: {text}" if different else text
            names = found.setdefault(round(mark.alpha, 9), [])
            names += [] if text in names else [text]
    return {alpha: ", ".join(names) for alpha, names in found.items()}


def _draw_line(axes: Any, surface: Surface, quantity: str, unit: float, color: str) -> None:
    """Draw a curve through the evaluated points, with a gap where one is not finite."""
    middle = surface.median
    known = middle.evaluated[:, 0]
    alphas, values = surface.grid.alphas[known], unit * surface.stacked(quantity)[:, known, 0]
    there = np.array([each.evaluated[known, 0] for each in surface.seeds])
    notes = []
    if len(values) > 1:
        spread = np.where(there, values, -np.inf).max(0), np.where(there, values, np.inf).min(0)
        finite = np.isfinite(np.where(there, values, 0.0)).all(0)
        axes.fill_between(alphas, *spread, where=finite, color=color, alpha=0.2, linewidth=0)
        for each, mask in zip(values, there, strict=True):
            axes.plot(alphas[mask], _gaps(each[mask]), color=color, linewidth=0.5, alpha=0.5)
        notes.append(f"median and range of {len(values)} seeds")
        if not finite.all():
            notes.append(f"not all finite at {np.count_nonzero(~finite)} of {len(alphas)} points")
    notes += unfinished(surface)
    name = escape_mathtext(surface.name) + (f" ({', '.join(notes)})" if notes else "")
    axes.plot(alphas, _gaps(unit * middle.array(quantity)[known, 0]), color=color, label=name)


def _gaps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _needs_line(surface: Surface) -> str | None:
    return (
        None
        if surface.is_line
        else " is a surface, not a line: scan it with grid=(401, 1), or plot another kind"
    )


register(
    FigureKind(
        "line",
        "loss and accuracy along α",
        draw_lines,
        unsuitable=_needs_line,
        ignores=("levels", "cmap", "no_title", "evaluated", *CAMERA),
        columns=2,
        shares_axes=True,
    )
)
