"""What pictures share: texts, ticks, colors, edges of cells."""

import re
from typing import Any

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter
from numpy.typing import NDArray

from landscape.coordinates import axis_labels
from landscape.scale import COLORS, Scale
from landscape.surface import Surface

_WORDS = re.compile(r"(?:\\\$|\$[^$]*\$|\S)+")  # a formula is not broken
_MISSING = "0.75"  # gray of points without a finite loss
_EDGE = 0.4  # length of an edge of a box in 3-D, about, in widths of its axes
_SHORT = 10  # characters of a label that is never broken, as "α, along δ"
_LONGEST = 4.0  # times as long as the other side: no true proportions from there on


def path_style(number: int) -> dict[str, Any]:
    """Return how the path of that number is drawn."""
    return {"color": line_color(number), "markersize": 3, "linewidth": 1.2}


def line_color(number: int) -> str:
    """Return a color that is seen on the ground of matplotlib's style."""
    color = COLORS[number % len(COLORS)]
    is_lost = color == "#000000" and _luminance(to_rgb(rcParams["axes.facecolor"])) < 0.3
    return "#FFFFFF" if is_lost else color


def ink(cmap: str, parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is seen on colors of a map: black on bright ones, white on dark; (colors, 3)."""
    dark = [_luminance(color[:3]) < 0.3 for color in colormaps[cmap](parts)]
    return np.repeat(np.where(dark, 1.0, 0.0)[:, None], 3, axis=1)


def outlined(color: str, ground: str, width: float) -> dict[str, Any]:
    """Return the style of lines and text that are visible on any background."""
    return {"color": color, "path_effects": [withStroke(linewidth=width, foreground=ground)]}


def _luminance(color: Any) -> float:
    return float(np.dot(color, (0.299, 0.587, 0.114)))


def edges(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders of the cells around points, shape (points + 1,)."""
    if len(axis) == 1:
        return np.array([axis[0] - 0.5, axis[0] + 0.5])
    middles = (axis[1:] + axis[:-1]) / 2
    return np.array([2 * axis[0] - middles[0], *middles, 2 * axis[-1] - middles[-1]])


def flat(axes: Any, surface: Surface) -> None:
    """Prepare axes for a picture from above: true proportions, gray where nothing is."""
    axes.set_facecolor(_MISSING)
    axes.grid(visible=False)  # of the style: it would lie over the picture
    if _is_equal(surface):
        axes.set_aspect("equal")


def name_axes(axes: Any, surface: Surface, most: int | None = None) -> None:
    """Label both axes, with the same steps between ticks where their units are the same.

    Args:
        axes: Where the surface is drawn already.
        surface: Which.
        most: Ticks along the longer one; by default as many as fit.
    """
    alpha, beta = map(escape_mathtext, axis_labels(surface))
    axes.set_xlabel(alpha)
    axes.set_ylabel(beta)
    if axes.name == "3d":
        _break_in_3d(axes)
    limits = axes.get_xlim(), axes.get_ylim()
    room = width(axes) * 72 / rcParams["font.size"]
    if axes.name == "3d" and max(len(alpha), len(beta)) > _SHORT:
        room /= 2  # the box is smaller
    most = most or int(np.clip(room / 4.5, 2, 6))
    steps = [_step(low, high, most) for low, high in limits]
    if _is_equal(surface):
        step = max(steps)
        while any(_ticks(low, high, step) < 2 for low, high in limits) and step > min(steps):
            step = max(min(steps), step / 2)
        steps = [step, step]
    for axis, step in zip((axes.xaxis, axes.yaxis), steps, strict=True):
        axis.set_major_locator(MultipleLocator(step))


def _break_in_3d(axes: Any) -> None:
    """Break labels that are longer than the edges of the box, away from the numbers."""
    size = rcParams["font.size"]
    for axis in (axes.xaxis, axes.yaxis):
        room = max(_EDGE * width(axes), 0.8 * _SHORT * size / 72)
        text = wrapped(axis.get_label_text(), room, size)
        axis.set_label_text(text)
        axis.labelpad += 0.9 * size * text.count("\n")


def _is_equal(surface: Surface) -> bool:
    spans = np.ptp(surface.grid.alphas), np.ptp(surface.grid.betas)
    return bool(min(spans) > 0 and max(spans) < _LONGEST * min(spans))


def _step(low: float, high: float, most: int) -> float:
    ticks = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
    return float(ticks[1] - ticks[0])


def _ticks(low: float, high: float, step: float) -> int:
    return int(np.floor(high / step + 1e-9) - np.ceil(low / step - 1e-9)) + 1


def wrapped(text: str, inches: float, size: float) -> str:
    """Return a text with line breaks at spaces, so that it is so wide at most if it can be.

    Args:
        text: Line breaks are moved.
        inches: How wide.
        size: Font size, in points.
    """
    properties = FontProperties(family=rcParams["font.family"], size=size)
    lines: list[str] = []
    for word in _WORDS.findall(text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _inches(longer, properties) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _inches(text: str, properties: FontProperties) -> float:
    return float(TextPath((0, 0), text, prop=properties).get_extents().width) / 72


def width(axes: Any) -> float:
    """Return the width of axes in inches, as known before the layout."""
    return float(axes.get_window_extent().width / axes.figure.dpi)


def escape_mathtext(name: str) -> str:
    """Return a name as text: a dollar sign would begin a formula.

    Args:
        name: The name.
    """
    return name.replace("$", r"\$")


def loss_label(scale: Scale) -> str:
    """Return the label of an axis of losses."""
    clipped = f", clipped at {Scale.label(scale.high)}" if scale.clipped else ""
    points = "1 point" if scale.floored == 1 else f"{scale.floored} points"
    floored = f", {points} at or below 0" if scale.floored else ""
    return f"{scale.quantity}{', log scale' if scale.log else ''}{floored}{clipped}"


def loss_ticks(axis: Any, scale: Scale, num: int = 8) -> None:
    """Put ticks in losses on an axis of heights."""
    levels = scale.levels(num)
    axis.set_ticks(scale.heights(levels), [Scale.label(level) for level in levels])


def logarithmic(axes: Any) -> None:
    """Let the y axis be logarithmic, with losses as all pictures write them.

    Call it when the losses are drawn.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: Scale.label(loss)))
    axes.yaxis.set_minor_formatter(NullFormatter())
