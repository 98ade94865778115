"""Captions: completeness, center, number of seeds and non-finite points of a surface."""

import numpy as np

from landscape.scale import Scale
from landscape.surface import POINTS_ERROR, Surface


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
    return [f"{final:.0%} of the points from all their images"] if final < 1 else []


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


def center(surface: Surface) -> list[str]:
    """Return the values at (0, 0) in one entry; empty if it is not an evaluated point.

    All seeds have the same center; the medians differ only by rounding.

    Args:
        surface: The surface.
    """
    middle = surface.median
    if middle.center_loss is None:
        return []
    text = f"loss {Scale.label(middle.center_loss)}"
    if middle.center_accuracy is not None:
        text += f", accuracy {percent(middle.center_accuracy)}"
    for name, value in middle.center_metrics.items():
        text += f", {name} {value:.4g}"
    text += " at the center"
    images = max(each.center_images or 0 for each in surface.seeds)
    return [f"{text}, {images} images" if images else text]


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
