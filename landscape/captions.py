"""Captions: completeness, center, number of seeds and non-finite points of a surface."""

import math

import numpy as np

from landscape.scale import Scale
from landscape.surface import POINTS_ERROR, Surface

_MOST_DECIMALS, _MOST_WITH_DECIMALS = 6, 10_000


def unfinished(surface: Surface) -> list[str]:
    """Return the progress of an incomplete scan, e.g. "40% of the points"; empty if complete.

    Args:
        surface: The surface.
    """
    share = float(np.mean([each.evaluated for each in surface.seeds]))
    if "part" in surface.settings:
        return [f"part {surface.settings['part']}: {share:.0%} of the points"]
    if surface.is_refined:
        return [] if surface.is_complete else [f"{share:.0%} of the points so far"]
    if share < 1:
        return [f"{share:.0%} of the points"]
    final = float(np.mean([each.final for each in surface.seeds]))
    return [f"{final:.0%} of the points from all their {surface.unit.name}"] if final < 1 else []


def refinement(surface: Surface) -> list[str]:
    """Return how many points are evaluated, and the error of the others; empty if all are.

    Args:
        surface: The surface.
    """
    if not surface.is_refined or not surface.is_complete or surface.evaluated.all():
        return []
    error = float(surface.provenance[POINTS_ERROR])
    return [
        f"{surface.evaluated.sum()} of {surface.grid.size} points evaluated, the others "
        f"interpolated (error of the loss {error:.1%} of its height)"
    ]


def center(surface: Surface, *, error: bool = False) -> list[str]:
    """Return the values at (0, 0) in one entry; empty if it is not an evaluated point.

    All seeds have the same center; the medians differ only by rounding.

    Args:
        surface: The surface.
        error: Whether the standard error of the loss stands in it, where it is known.
    """
    middle = surface.median
    if middle.center_loss is None:
        return []
    text = f"loss {with_error(middle.center_loss, middle.center_error if error else None)}"
    if middle.center_accuracy is not None:
        text += f", accuracy {percent(middle.center_accuracy)}"
    for name, value in middle.center_metrics.items():
        text += f", {name} {value:.4g}"
    text += " at the center"
    num = max(each.center_images or 0 for each in surface.seeds)
    return [f"{text}, {surface.unit.counted(num)}" if num else text]


def with_error(loss: float, error: float | None) -> str:
    """Return a loss and its standard error to two digits as text, or the loss alone.

    Args:
        loss: The loss.
        error: Its standard error; None if unknown.

    Example:
        >>> with_error(3.418913725, 0.02513), with_error(3.418913725, None)
        ('3.419 ± 0.025', '3.42')
    """
    if error is None or not math.isfinite(loss):
        return Scale.label(loss)
    error = float(f"{error:.2g}")
    decimals = 1 - math.floor(math.log10(error)) if error > 0 else -1
    if 0 <= decimals <= _MOST_DECIMALS and abs(loss) < _MOST_WITH_DECIMALS:
        return f"{loss:.{decimals}f} ± {error:.{decimals}f}"
    return f"{Scale.label(loss)} ± {Scale.label(error)}"


def percent(part: float) -> str:
    """Return an accuracy from 0 to 1 as text: ``97.1 %``.

    Args:
        part: The accuracy.
    """
    return f"{100 * part:.1f} %"


def notes(surface: Surface) -> list[str]:
    """Return caption entries: center, points, what is moved, explained variation, seeds.

    Args:
        surface: The surface.
    """
    middle = surface.median
    entries = [*center(surface), *refinement(surface)]
    if "moved" in surface.settings:
        entries.append(f"moved: {surface.settings['moved']}")
    infinite = int((~np.isfinite(middle.losses[middle.evaluated])).sum())
    if infinite:
        entries.append(f"{infinite} points not finite")
    if "explained_variation" in surface.settings:
        part = float(surface.settings["explained_variation"])
        entries.append(f"explained variance {part:.1%}")
    if surface.repeats:
        entries.append(_seeds(surface, middle))
    return entries


def _seeds(surface: Surface, middle: Surface) -> str:
    stack = surface.stacked()
    there = np.sum([each.evaluated for each in surface.seeds], axis=0)[middle.evaluated]
    text = f"median of {len(stack)} seeds"
    if there.size and there.min() < len(stack):
        text += f", {there.min()} at some points"
    shared = stack[:, np.isfinite(stack).all(axis=0)]
    if shared.size and shared.min() > 0:
        ratio = float(np.median(shared.max(axis=0) / shared.min(axis=0)))
        text += f", which differ by a factor of {ratio:.3g}"
    return text
