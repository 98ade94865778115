"""Labels of contour lines that do not run into each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

_SIZE = "x-small"
_GAP = 2.0  # pixels between labels


@dataclass(frozen=True, eq=False)
class Contours:
    """Contour lines that have no labels yet.

    Attributes:
        axes: Where they are.
        lines: What was drawn.
        texts: The label of each level.
    """

    axes: Any
    lines: ContourSet
    texts: Mapping[float, str]


def label(figure: Figure, every: Sequence[Contours]) -> None:
    """Label contour lines, leaving out what would not be readable.

    Call it when all else is drawn: what collides depends on the sizes of the axes.
    """
    if every:
        figure.draw_without_rendering()
    for contours in every:
        axes, lines = contours.axes, contours.lines
        options = {"fmt": dict(contours.texts), "fontsize": _SIZE}
        tried = list(axes.clabel(lines, inline=False, **options))
        frame = axes.get_window_extent()
        taken = [text.get_window_extent() for text in axes.texts if text not in tried]
        places = []
        for text in tried:
            for place in (text.get_position(), *_others(contours, text.get_text())):
                text.set_position(place)
                box = text.get_window_extent().padded(_GAP)
                fits = frame.contains(*box.min) and frame.contains(*box.max)
                if fits and not box.count_overlaps(taken):
                    taken.append(box)
                    places.append(place)
                    break
        for text in tried:
            text.remove()
        if places:
            for text in axes.clabel(lines, inline=True, manual=places, **options):
                is_white = to_rgb(text.get_color()) == (1, 1, 1)
                ground = (0, 0, 0, 0.5) if is_white else (1, 1, 1, 0.7)
                text.set_path_effects([withStroke(linewidth=1.6, foreground=ground)])


def _others(contours: Contours, label: str) -> Sequence[tuple[float, float]]:
    """Return further places for a label: at the middle and the quarters of its level's line."""
    levels = [level for level, text in contours.texts.items() if text == label]
    every = dict(zip(contours.lines.levels, contours.lines.get_paths(), strict=True))
    points: Any = every[levels[0]].vertices
    return [tuple(points[int(part * len(points))]) for part in (0.5, 0.25, 0.75)]
