"""Pictures of the accuracy: a surface whose losses it takes the place of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from landscape.figures.fitting import QUANTITIES, Kind, Quantity
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface


def check_quantity(quantity: Quantity | None, kind: Kind) -> None:
    """Refuse what is no quantity, or changes nothing.

    Raises:
        ValueError: It is one of these.
    """
    if quantity not in (None, *QUANTITIES):
        raise ValueError(f"expected a quantity of {', '.join(QUANTITIES)}, got {quantity!r}")
    if quantity is not None and kind in ("path", "curvature"):
        raise ValueError(f"the kind {kind} has a quantity of its own, got {quantity!r}")


def shown_as(surface: Surface, quantity: Quantity | None) -> Surface:
    """Return the median; for accuracies one that has them, in percent, for its losses.

    Nets beside the plane have no accuracy of their own in a file: they stand at the plane's.
    """
    surface = surface.median
    if quantity != "accuracy":
        return surface
    shown = replace(surface, losses=100 * surface.accuracies)

    def beside(alphas: Any, betas: Any) -> Any:
        return np.array([shown.loss_at(*each) for each in zip(alphas, betas, strict=True)])

    paths = []
    for path in surface.paths:
        accuracies = beside(path.alphas, path.betas)
        paths.append(replace(path, losses=accuracies, plane_losses=accuracies))
    marks = [
        replace(mark, loss=shown.loss_at(mark.alpha, mark.beta), distance=0.0)
        for mark in surface.marks
    ]
    return replace(shown, paths=tuple(paths), marks=tuple(marks))


def scale_of(
    shown: Sequence[Surface],
    quantity: Quantity | None,
    kind: ScaleKind,
    maximum: float | None,
) -> Scale:
    """Return the scale of all; of accuracies the whole that is possible."""
    if quantity == "accuracy":
        return Scale(0.0, 100.0, False, quantity="accuracy (%)")
    return Scale.of(shown, kind, maximum)
