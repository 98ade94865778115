"""A small picture of a surface for a terminal."""

import sys
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from plotly.colors import hex_to_rgb
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from landscape.colors import MAP_COLORS
from landscape.scale import Scale
from landscape.surface import Surface

_COLUMNS, _ROWS = 44, 22
_SHADES = " ░▒▓█"
_FINE = ("256", "truecolor")  # fewer colors would be bands
_BARS = "▁▂▃▄▅▆▇█"


def show(surface: Surface, stream: TextIO | None = None) -> None:
    """Print a surface from above, or a line from the side, with what its colors mean.

    Args:
        surface: Whose losses; of several seeds the median. Nothing is printed where none is
            finite.
        stream: Where to; by default stderr. Without color (``NO_COLOR``) the dark is low.
    """
    surface = surface.median
    if not np.isfinite(surface.losses[surface.evaluated]).any():
        return
    console = Console(file=stream or sys.stderr, highlight=False)
    scale = Scale.covering([surface])
    low, high = scale.limits
    heights = (scale.heights(surface.interpolated()) - low) / (high - low)
    if surface.is_line:
        picture = _bars(_thinned(heights[:, 0], min(2 * _COLUMNS, console.width)))
    else:
        # Two points, one above the other, are about square: one half of a character each.
        small = _thinned(_thinned(heights, min(_COLUMNS, console.width)).T[::-1], 2 * _ROWS)
        has_color = console.color_system in _FINE and not console.no_color
        picture = _halves(small) if has_color else _shades(small)
    console.print(picture)
    ends = f"{Scale.label(scale.low)} to {Scale.label(scale.high)}"
    console.print(f"{surface.name}: loss {ends}{', log scale' if scale.log else ''}", markup=False)


def _thinned(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return evenly spread rows, at most so many, the first and the last among them."""
    kept = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    thinned: NDArray[np.float64] = values[kept]
    return thinned


def _bars(heights: NDArray[np.float64]) -> Text:
    known = np.where(np.isfinite(heights), np.nan_to_num(heights), 0)
    steps = (known * (len(_BARS) - 1)).round().astype(int)
    characters = [_BARS[k] if np.isfinite(h) else " " for k, h in zip(steps, heights, strict=True)]
    return Text("".join(characters))


def _shades(heights: NDArray[np.float64]) -> Text:
    lines = []
    for row in heights[::2]:
        steps = (np.nan_to_num(row) * (len(_SHADES) - 1)).round().astype(int)
        characters = [
            _SHADES[k] if np.isfinite(h) else "?" for k, h in zip(steps, row, strict=True)
        ]
        lines.append("".join(characters))
    return Text("\n".join(lines))


def _halves(heights: NDArray[np.float64]) -> Text:
    picture = Text()
    for number in range(0, len(heights), 2):
        pair = heights[number : number + 2]
        for column in pair.T:
            below = _color(column[1]) if len(column) > 1 else None
            picture.append("▀", Style(color=_color(column[0]), bgcolor=below))
        picture.append("\n")
    picture.rstrip()
    return picture


def _color(height: float) -> Color:
    if not np.isfinite(height):
        return Color.from_rgb(128, 128, 128)
    place = height * (len(MAP_COLORS) - 1)
    first = min(int(place), len(MAP_COLORS) - 2)
    a, b = (np.array(hex_to_rgb(MAP_COLORS[k])) for k in (first, first + 1))
    return Color.from_rgb(*(a + (place - first) * (b - a)).round())
