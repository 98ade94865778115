"""What must be known of a surface to read a picture of it."""

import numpy as np

from landscape.scale import Scale
from landscape.surface import Surface


def unfinished(surface: Surface) -> list[str]:
    """Return how much of the losses there is, in a text, where it is not all."""
    share = float(np.mean([each.evaluated for each in surface.all]))
    if share < 1:
        return [f"{share:.0%} of the points"]
    final = float(np.mean([each.final for each in surface.all]))
    return [f"{final:.0%} of the points from all their images"] if final < 1 else []


def center(surface: Surface) -> list[str]:
    """Return loss and accuracy at (0, 0), in a text, where that is an evaluated point.

    Of several seeds they are the medians, which differ by rounding alone: all have one center.
    """
    middle = surface.median
    if middle.center_loss is None:
        return []
    text = f"loss {Scale.label(middle.center_loss)}"
    if middle.center_accuracy is not None:
        text += f", accuracy {percent(middle.center_accuracy)}"
    text += " at the center"
    images = max(each.center_images or 0 for each in surface.all)
    return [f"{text}, {images} images" if images else text]


def percent(part: float) -> str:
    """Return an accuracy from 0 to 1 as a text: ``97.1 %``."""
    return f"{100 * part:.1f} %"


def notes(surface: Surface) -> list[str]:
    """Return what else there is to tell, in some texts."""
    middle = surface.median
    told: list[str] = []
    told += center(surface)
    infinite = int((~np.isfinite(middle.losses[middle.evaluated])).sum())
    if infinite:
        told.append(f"{infinite} points not finite")
    if "explained_variation" in surface.settings:
        part = float(surface.settings["explained_variation"])
        told.append(f"the plane holds {part:.1%} of the paths' variation")
    if surface.repeats:
        told.append(_seeds(surface, middle))
    return told


def _seeds(surface: Surface, middle: Surface) -> str:
    stack = surface.stacked()
    there = np.sum([each.evaluated for each in surface.all], axis=0)[middle.evaluated]
    text = f"median of {len(stack)} seeds"
    if there.size and there.min() < len(stack):
        text += f", {there.min()} at some points"
    shared = stack[:, np.isfinite(stack).all(axis=0)]
    if shared.size and shared.min() > 0:
        ratio = float(np.median(shared.max(axis=0) / shared.min(axis=0)))
        text += f", which differ by a factor of {ratio:.3g}"
    return text
