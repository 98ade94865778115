"""The picture of that bowl: its minimum is where its axes say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from conformance_checks.orientation import bowl
from conformance_checks.problems import AXES
from conformance_checks.tool import Array, Outcome, Tool

TITLE = "Contour lines of that bowl: distance of the lowest drawn point from the true minimum"
EXPECTED = "below 0.15, with points every 0.1"


def check(tool: Tool) -> Outcome:
    """Take the lowest of the heights that matplotlib gets, at the place where it draws it."""
    with _contours() as drawn:
        tool.picture(bowl(), AXES, (21, 21 if tool.square else 15))
    x, y, z = drawn[0]
    i, j = np.unravel_index(int(np.nanargmin(z)), z.shape)
    at = (float(x[j]), float(y[i])) if x.ndim == 1 else (float(x[i, j]), float(y[i, j]))
    distance = float(np.hypot(at[0] - 0.25, at[1] + 0.5))
    details = f"drawn at ({at[0]:.2f}, {at[1]:.2f}), expected (0.25, -0.50)"
    return Outcome(f"{distance:.2f}", distance < 0.15, details)


@contextmanager
def _contours() -> Iterator[list[tuple[Array, Array, Array]]]:
    """Record coordinates and heights of all contour lines that are drawn."""
    drawn: list[tuple[Array, Array, Array]] = []
    try:
        from matplotlib.axes import Axes
    except ImportError:  # then the tool draws nothing
        yield drawn
        return
    original = Axes.contour

    def contour(axes: Axes, x: Any, y: Any, z: Any, **options: Any) -> Any:
        drawn.append((np.asarray(x), np.asarray(y), np.asarray(z)))
        return original(axes, x, y, z, **options)

    with patch.object(Axes, "contour", contour):
        yield drawn
