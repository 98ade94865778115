"""The figure kind ``line``: loss and accuracy along α."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landscape.captions import unfinished
from landscape.coordinates import axis_labels
from landscape.figures.between import Array, along, finer
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
_POINTS = 400  # of a curve, about
_FEW = 25  # from so many points on they are not marked
_BETWEEN = 0.6  # between numbers, in their height


@dataclass(frozen=True)
class _Drawn:
    """What is drawn of every line.

    Attributes:
        quantity: Name of the array.
        unit: Factor of its values.
        floor: On a logarithmic axis, where values at or below 0 are drawn.
    """

    quantity: str
    unit: float = 1.0
    floor: float | None = None


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
            _draw_quantity(axes, surfaces, _Drawn("accuracies", 100.0))
            axes.set_ylabel("accuracy (%)")
        else:
            _draw_scaled(axes, request, quantity)
    if ax is not None:
        ax.legend(fontsize="small")
    else:
        _add_legend(figure, next(iter(every.values())), surfaces)
        if request.title:
            put_above(figure, request.title)
        _thin_out(figure, every.values())
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
        seeds = [each for surface in request.surfaces for each in surface.seeds]
        every = [shown_as(each, quantity) for each in seeds]
        scale = scale_of(every, quantity, scale, request.maximum)
    floor = scale.low if scale.log else None
    if quantity in CURVATURE:
        shown = request.shown
        _draw_quantity(axes, shown, _Drawn("losses", floor=floor))
        for number, line in enumerate(shown):
            curvature: Any = line.curvature
            loose = curvature.not_converged
            alphas = line.grid.alphas[loose[:, 0]]
            axes.plot(alphas, line.losses[loose], "x", color=line_color(number), markersize=8)
    else:
        name = "losses" if quantity == "loss" else quantity
        _draw_quantity(axes, request.surfaces, _Drawn(name, floor=floor))
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


def _draw_quantity(axes: Any, surfaces: Sequence[Surface], drawn: _Drawn) -> None:
    for number, surface in enumerate(surfaces):
        color = line_color(number)
        _draw_line(axes, surface, drawn, color)
        if drawn.quantity == "losses":
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


def _draw_line(axes: Any, surface: Surface, drawn: _Drawn, color: str) -> None:
    """Draw a curve through the evaluated points, with a gap where one is not finite."""
    middle = surface.median
    known = middle.evaluated[:, 0]
    alphas = surface.grid.alphas[known]
    values = drawn.unit * surface.stacked(drawn.quantity)[:, known, 0]
    there = np.array([each.evaluated[known, 0] for each in surface.seeds])
    notes = []
    if len(values) > 1:
        spread = np.where(there, values, -np.inf).max(0), np.where(there, values, np.inf).min(0)
        finite = np.isfinite(np.where(there, values, 0.0)).all(0)
        edges = [_curve(alphas, np.where(finite, edge, np.nan), drawn) for edge in spread]
        (places, high), (_, low) = edges
        inside = np.isfinite(high)
        axes.fill_between(places, high, low, where=inside, color=color, alpha=0.2, linewidth=0)
        for each, mask in zip(values, there, strict=True):
            curve = _curve(alphas[mask], each[mask], drawn)
            axes.plot(*curve, color=color, linewidth=0.5, alpha=0.5)
        notes.append(f"median of {len(values)} seeds; thin: each seed, band: their range")
        if not finite.all():
            notes.append(f"not all finite at {np.count_nonzero(~finite)} of {len(alphas)} points")
    notes += unfinished(surface)
    name = escape_mathtext(surface.name) + (f" ({', '.join(notes)})" if notes else "")
    curve = _curve(alphas, drawn.unit * middle.array(drawn.quantity)[known, 0], drawn)
    pieces = max(1, (len(curve[0]) - 1) // max(1, len(alphas) - 1))
    marker: Any = {"marker": ".", "markevery": pieces} if len(alphas) < _FEW else {}
    axes.plot(*curve, color=color, label=name, **marker)


def _curve(alphas: Array, values: Array, drawn: _Drawn) -> tuple[Array, Array]:
    """Return the curve through values, interpolated as surfaces are: in what the axis shows."""
    values = np.where(np.isfinite(values), values, np.nan)
    if len(alphas) < 2:
        return alphas, values
    places = finer(alphas, _POINTS)
    if drawn.floor is None:
        return places, along(alphas, values[:, None], places)[:, 0]
    positive = np.where(values <= 0, drawn.floor, values)
    return places, 10 ** along(alphas, np.log10(positive)[:, None], places)[:, 0]


def _thin_out(figure: Any, every: Iterable[Any]) -> None:
    """Leave ticks out where numbers below narrow axes would touch."""
    for axes in every:
        for most in range(8, 1, -1):
            figure.draw_without_rendering()
            low, high = sorted(axes.get_xlim())
            ticks = [t for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
            boxes = [tick.label1.get_window_extent() for tick in ticks]
            pairs = pairwise(sorted(boxes, key=lambda box: box.x0))
            if all(after.x0 - before.x1 > _BETWEEN * before.height for before, after in pairs):
                break
            axes.xaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))


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
