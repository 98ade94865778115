"""What pictures share: labels, ticks, edges of cells."""

from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from landscape.checks import warnings
from landscape.notes import center, notes, unfinished
from landscape.scale import COLORS, Scale
from landscape.surface import Surface

_WIDEST = 55  # letters of a line under a name
_MISSING = "0.75"  # gray of points without a finite loss


def path_style(number: int) -> dict[str, Any]:
    """Return how the path of that number is drawn."""
    return {"color": COLORS[number % len(COLORS)], "markersize": 3, "linewidth": 1.2}


def edges(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders of the cells around points, shape (points + 1,)."""
    if len(axis) == 1:
        return np.array([axis[0] - 0.5, axis[0] + 0.5])
    middles = (axis[1:] + axis[:-1]) / 2
    return np.array([2 * axis[0] - middles[0], *middles, 2 * axis[-1] - middles[-1]])


def flat(axes: Any, surface: Surface) -> None:
    """Prepare axes for a picture from above: true proportions, gray where nothing is."""
    axes.set_facecolor(_MISSING)
    axes.locator_params(axis="x", nbins=6)  # labels of side by side pictures would touch
    spans = np.ptp(surface.grid.alphas), np.ptp(surface.grid.betas)
    if min(spans) > 0 and max(spans) < 4 * min(spans):
        axes.set_aspect("equal")


def title(surface: Surface) -> str:
    """Return the name, and below it what must be known of the picture, then warnings."""
    known = _packed(unfinished(surface) + notes(surface))
    return plain("\n".join([surface.name, *known, *_found(surface)]))


def below(surface: Surface) -> list[str]:
    """Return what stands below the name of a line: its center, then warnings."""
    return [plain(text) for text in (*center(surface), *_found(surface))]


def _packed(texts: list[str]) -> list[str]:
    """Return lines of as many texts as fit, one or more; one empty line for none."""
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 2 <= _WIDEST:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines or [""]


def _found(surface: Surface) -> list[str]:
    texts = [finding.text for finding in warnings(surface)]
    return [line for text in texts for line in wrap(text, _WIDEST, break_on_hyphens=False)]


def plain(name: str) -> str:
    """Return a name as text: a dollar sign would begin a formula."""
    return name.replace("$", r"\$")


def loss_label(scale: Scale) -> str:
    """Return what stands beside an axis of losses."""
    clipped = f", clipped at {Scale.label(scale.high)}" if scale.clipped else ""
    return f"{scale.quantity}{', log scale' if scale.log else ''}{clipped}"


def loss_ticks(axis: Any, scale: Scale, num: int = 8) -> None:
    """Put ticks in losses on an axis of heights."""
    levels = scale.levels(num)
    axis.set_ticks(scale.heights(levels), [Scale.label(level) for level in levels])


def logarithmic(axes: Any) -> None:
    """Let the y axis be logarithmic, with losses as all pictures write them."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: Scale.label(loss)))
