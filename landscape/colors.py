"""The color map of surfaces, heat maps and contours on the page and in a terminal."""

from collections.abc import Sequence

from plotly.colors import sequential

COLOR_MAP: Sequence[str] = sequential.Plasma
"""Colors of plasma as ``#rrggbb``, evenly spaced from the lowest to the highest value."""
