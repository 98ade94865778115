"""The color map of surfaces as colors, for the page and a terminal, which have no matplotlib."""

from collections.abc import Sequence

from plotly.colors import sequential

from landscape.scale import COLOR_MAP

MAP_COLORS: Sequence[str] = getattr(sequential, COLOR_MAP.capitalize())
"""Its colors as ``#rrggbb``, evenly spaced from the lowest to the highest value."""
