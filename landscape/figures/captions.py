"""Titles and captions of panels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib import rcParams
from matplotlib.font_manager import FontProperties

from landscape.captions import center, notes, unfinished
from landscape.coordinates import axis_labels, planes_that_differ
from landscape.curvature_map import Curvature
from landscape.diagnostics import brief
from landscape.figures.style import escape_mathtext, wrapped
from landscape.surface import Surface


def caption(surface: Surface, *entries: str, evaluated: bool = False) -> str:
    """Return the title of a panel: the name, and below it the caption entries and warnings.

    Args:
        surface: The surface.
        *entries: Caption entries; by default those of the losses.
        evaluated: Whether dots show the evaluated points.
    """
    texts = entries or (*unfinished(surface), *notes(surface))
    texts = (*texts, "dots: evaluated points" if evaluated else "")
    found = brief(surface)
    lines = [", ".join(filter(None, texts)), *found]
    return "\n".join([surface.name, *(filter(None, lines) if found else lines)])


def with_planes(surfaces: Sequence[Surface], captions: Sequence[str]) -> list[str]:
    """Return captions, each followed by its surface's plane where the planes differ.

    Args:
        surfaces: All surfaces of the figure.
        captions: The caption of each.
    """
    planes = planes_that_differ(surfaces)
    return ["\n".join(filter(None, pair)) for pair in zip(captions, planes, strict=True)]


def convergence(curvature: Curvature) -> list[str]:
    """Return the caption entries of a curvature map.

    Args:
        curvature: The curvature map.
    """
    num, done = int(curvature.not_converged.sum()), float(curvature.evaluated.mean())
    entries = [f"× {num} points not converged"] if num else []
    return [*entries, f"{done:.0%} of the points"] if done < 1 else entries


def below(surfaces: Sequence[Surface]) -> list[list[str]]:
    """Return what stands below the name of each line: its α if they differ, center, warnings."""
    labels = [axis_labels(surface)[0] for surface in surfaces]
    differ = len(set(labels)) > 1
    return [
        [escape_mathtext(text) for text in (*[label] * differ, *center(each), *brief(each))]
        for each, label in zip(surfaces, labels, strict=True)
    ]


def write(every: Sequence[Any], texts: Sequence[str]) -> None:
    """Put texts above axes that are side by side, and break all texts that are too long.

    Call it when everything else is drawn: the room depends on the layout.

    Args:
        every: The axes.
        texts: One for each.
    """
    for axes, text in zip(every, texts, strict=True):
        axes.set_title(escape_mathtext(text))
    figure = every[0].figure.canvas.figure
    break_labels(figure)
    for axes, text in zip(every, texts, strict=True):
        axes.set_title(_lines(text, _room(axes, every), "axes.titlesize"))


def break_labels(figure: Any) -> None:
    """Break the labels of axes that are longer than these."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        if axes.name == "3d":
            continue
        box = axes.get_window_extent()
        for axis, room in ((axes.xaxis, box.width), (axes.yaxis, box.height)):
            text = axis.get_label()
            size = text.get_fontsize()
            text.set_text(wrapped(text.get_text(), 1.1 * room / figure.dpi, size))


def _room(axes: Any, every: Sequence[Any]) -> float:
    """Return how wide a text that is centered above axes may be, in inches."""
    figure = axes.figure.canvas.figure
    box = axes.get_window_extent()
    middle = (box.x0 + box.x1) / 2
    room = 2 * min(middle - figure.bbox.x0, figure.bbox.x1 - middle)
    for other in figure.axes:
        box_of_other = other.get_window_extent()
        if other is axes or box_of_other.y1 < box.y0 or box_of_other.y0 > box.y1:
            continue
        if other in every:
            room = min(room, abs((box_of_other.x0 + box_of_other.x1) / 2 - middle))
        elif box_of_other.x0 > middle:
            room = min(room, 2 * (other.get_tightbbox().x0 - middle))
    return float(0.95 * room / figure.dpi)


def put_above(figure: Any, title: str) -> None:
    """Put a title above a figure."""
    figure.suptitle(_lines(title, 0.95 * figure.get_figwidth(), "figure.titlesize"))


def _lines(text: str, inches: float, size: Any) -> str:
    points = FontProperties(size=rcParams[size]).get_size_in_points()
    return "\n".join(wrapped(escape_mathtext(line), inches, points) for line in text.split("\n"))


def named(surfaces: Sequence[Surface], names: Sequence[str] | None) -> Sequence[Surface]:
    """Return surfaces with other names, if given.

    Raises:
        ValueError: The numbers of names and surfaces differ.
    """
    if names is None:
        return surfaces
    if isinstance(names, str) or len(names) != len(surfaces):
        raise ValueError(
            f"expected {len(surfaces)} names, for {', '.join(s.name for s in surfaces)}; "
            f"got {names if isinstance(names, str) else len(names)}"
        )
    return [
        replace(surface, provenance={**surface.provenance, "name": name})
        for surface, name in zip(surfaces, names, strict=True)
    ]


def under_a_title(
    surfaces: Sequence[Surface], names: Sequence[str] | None, title: str
) -> Sequence[str]:
    """Return what stands above each picture where the figure has a title, or is to have none."""
    has_names = names is not None or (title and len(surfaces) > 1)
    return [surface.name if has_names else "" for surface in surfaces]
