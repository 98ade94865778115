"""Measures of surfaces as dot plots."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import rcParams
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.comparison import Comparison
from landscape.figures.pyplot import displayed_once
from landscape.figures.style import escape_mathtext, line_color, logarithmic, wrapped
from landscape.geometry import Measure

_COLUMNS = 5
_WIDTH, _HEIGHT = 2.2, 2.0  # of a panel, in inches
_SPREAD = 0.15  # of the dots of a group; groups have a distance of 1


def comparison(compared: Comparison) -> Figure:
    """Draw the samples of every measure as dots, one panel for each measure.

    A bar is the mean of a group. Axes are logarithmic for measures whose factors matter, and
    contain 0 for the others; they span at least the smallest effect that is called a difference.
    Measures of roughness are in rows of their own. Of two groups, those measures that differ have
    a bold title.

    Args:
        compared: The result of :func:`landscape.compare`.

    Returns:
        The figure.
    """
    measures = compared.measures
    tested = compared.differences() if len(compared.groups) == 2 else ()
    rows = _rows(measures)
    size = _COLUMNS * _WIDTH, len(rows) * _HEIGHT + 0.3
    figure, panels = plt.subplots(len(rows), _COLUMNS, figsize=size, layout="constrained")
    for axes, column in zip(panels.flat, np.ravel(rows), strict=True):
        if column < 0:
            axes.remove()
            continue
        for place, group in enumerate(compared.groups):
            _draw_samples(axes, place, group.name, group.values[:, column])
        _scale(axes, measures[column], len(compared.groups))
        weight = "bold" if tested and tested[column].differs else "normal"
        title = wrapped(measures[column].name, _WIDTH - 0.5, rcParams["font.size"])
        axes.set_title(title, fontsize="medium", fontweight=weight)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), _COLUMNS))
    return displayed_once(figure)


def _rows(measures: Sequence[Measure]) -> NDArray[np.int64]:
    """Return the index of the measure in each panel, -1 for none, shape (rows, columns)."""
    panels: list[int] = []
    for is_roughness in (False, True):
        panels += [i for i, each in enumerate(measures) if each.is_roughness is is_roughness]
        panels += [-1] * (-len(panels) % _COLUMNS)
    return np.reshape(panels, (-1, _COLUMNS))


def _draw_samples(axes: Any, place: int, name: str, values: NDArray[np.float64]) -> None:
    color = line_color(place)
    values = np.where(np.isfinite(values), values, np.nan)
    offsets = np.linspace(-_SPREAD, _SPREAD, len(values)) if len(values) > 1 else np.zeros(1)
    axes.plot(
        place + offsets,
        values,
        "o",
        color=color,
        markersize=4,
        alpha=0.8,
        label=escape_mathtext(name),
    )
    axes.hlines(values.mean(), place - 2 * _SPREAD, place + 2 * _SPREAD, color=color)


def _scale(axes: Any, measure: Measure, num: int) -> None:
    """Scale the axis of a measure; its groups have no axis."""
    axes.set_xlim(-0.6, num - 0.4)
    axes.set_xticks([])
    axes.grid(axis="y", alpha=0.3)
    low, high = axes.dataLim.intervaly if np.isfinite(axes.dataLim.intervaly).all() else (0, 0)
    least = measure.smallest_effect
    if measure.scale == "log" and low > 0:
        logarithmic(axes)
        middle, margin = math.sqrt(low * high), (high / low) ** 0.05
        axes.set_ylim(min(low / margin, middle / least), max(high * margin, middle * least))
    else:
        low, high = min(low, 0.0), max(high, least)
        margin = 0.05 * (high - low)
        axes.set_ylim(low - margin, high + margin)
