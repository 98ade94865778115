"""The quantity that a figure shows: the loss, or accuracy, a metric or an eigenvalue instead."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from landscape.figures.style import escape_mathtext
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

Quantity = str
"""``loss``, ``accuracy``, the name of a metric, or one of :data:`CURVATURE`."""

CURVATURE = {
    "ratio": r"$|\lambda_{\min} / \lambda_{\max}|$ of the Hessian",
    "lowest": r"$\lambda_{\min}$ of the Hessian",
    "highest": r"$\lambda_{\max}$ of the Hessian",
}
"""Labels of the layers of a curvature map."""

_COMMON = ("loss", "accuracy")


def quantities(surfaces: Sequence[Surface]) -> list[Quantity]:
    """Return the quantities that some surface may have.

    Args:
        surfaces: The surfaces.
    """
    metrics = (name for each in surfaces for name in each.metrics)
    curved = any(each.curvature is not None and each.curvature.evaluated.any() for each in surfaces)
    return list(dict.fromkeys((*_COMMON, *metrics, *(CURVATURE if curved else ()))))


def shown_as(surface: Surface, quantity: Quantity | None) -> Surface:
    """Return the median surface with a quantity in place of losses; accuracies in percent.

    Off-plane checkpoints have only a loss of their own in a file: they get the value of the plane.

    Args:
        surface: The surface.
        quantity: The quantity; None is the loss.
    """
    surface = surface.median
    if quantity in (None, "loss"):
        return surface
    if quantity in CURVATURE:
        curvature: Any = surface.curvature
        values = getattr(curvature, str(quantity))
        shown = replace(surface, losses=values, evaluated=curvature.evaluated)
    elif quantity == "accuracy":
        shown = replace(surface, losses=100 * surface.accuracies)
    else:
        shown = replace(surface, losses=surface.metrics[str(quantity)])

    def on_plane(alphas: Any, betas: Any) -> Any:
        return np.array([shown.loss_at(*each) for each in zip(alphas, betas, strict=True)])

    paths = []
    for path in surface.trajectories:
        there = on_plane(path.alphas, path.betas)
        paths.append(replace(path, losses=there, plane_losses=there))
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
    """Return the common scale of some surfaces; of accuracies 0 to 100 %, of ratios 0 to 1.

    Args:
        shown: The surfaces, with the quantity in place of their losses.
        quantity: The quantity; None is the loss.
        kind: Type of scale.
        maximum: Losses above are clipped.
    """
    if quantity == "accuracy":
        return Scale(0.0, 100.0, False, quantity="accuracy (%)")
    if quantity == "ratio":
        # Above 1 the Hessian is dominated by negative curvature.
        is_clipped = any(bool((each.losses[each.evaluated] > 1).any()) for each in shown)
        return Scale(0.0, 1.0, False, is_clipped, CURVATURE[quantity])
    scale = Scale.covering(shown, kind, maximum)
    if quantity in (None, "loss"):
        return scale
    return replace(scale, quantity=CURVATURE.get(quantity, escape_mathtext(quantity)))
