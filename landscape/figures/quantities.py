"""The quantity that a figure shows: the loss, or the accuracy in its place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

Quantity = Literal["loss", "accuracy"]
QUANTITIES: tuple[str, ...] = get_args(Quantity)


def shown_as(surface: Surface, quantity: Quantity | None) -> Surface:
    """Return the median surface; for ``accuracy`` with accuracies in percent in place of losses.

    Off-plane checkpoints have no accuracies of their own in a file: they get those of the plane.

    Args:
        surface: The surface.
        quantity: ``loss``, ``accuracy``, or None.
    """
    surface = surface.median
    if quantity != "accuracy":
        return surface
    shown = replace(surface, losses=100 * surface.accuracies)

    def on_plane(alphas: Any, betas: Any) -> Any:
        return np.array([shown.loss_at(*each) for each in zip(alphas, betas, strict=True)])

    paths = []
    for path in surface.trajectories:
        accuracies = on_plane(path.alphas, path.betas)
        paths.append(replace(path, losses=accuracies, plane_losses=accuracies))
    marks = [
        replace(mark, loss=shown.loss_at(mark.alpha, mark.beta), distance=0.0)
        for mark in surface.marks
    ]
    return replace(shown, trajectories=tuple(paths), marks=tuple(marks))


def scale_of(
    shown: Sequence[Surface],
    quantity: Quantity | None,
    kind: ScaleKind,
    maximum: float | None,
) -> Scale:
    """Return the common scale of some surfaces; of accuracies, 0 to 100 %.

    Args:
        shown: The surfaces, with the quantity in place of their losses.
        quantity: ``loss``, ``accuracy``, or None.
        kind: Type of scale.
        maximum: Losses above are clipped.
    """
    if quantity == "accuracy":
        return Scale(0.0, 100.0, False, quantity="accuracy (%)")
    return Scale.covering(shown, kind, maximum)
