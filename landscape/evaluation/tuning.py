"""The plan for a scan: one that was chosen before if it still agrees, else a search."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from landscape.environment import PLAIN_VARIABLE
from landscape.evaluation import remembered
from landscape.evaluation.autotune import autotune
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import reference_plan
from landscape.evaluation.precision import Precision
from landscape.evaluation.trials import DEVIATION_ALLOWED, ROUNDING, fits, reference_seconds, tried
from landscape.evaluation.tuned import Tuned
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point

# Of a plan that was chosen before: points and images that it is compared at.
_PROBES, _IMAGES = 3, 64


@dataclass(frozen=True)
class Wish:
    """What a plan must be.

    Attributes:
        precision: Precision of the forward pass, or ``auto``.
        images_per_batch: The only batch size, or None.
        is_auto: Whether the precision was chosen by ``auto`` for another part of the same scan.
    """

    precision: Precision
    images_per_batch: int | None = None
    is_auto: bool = False


def tune(
    objective: Objective,
    plane: Plane,
    probes: Sequence[Point],
    num_points: int,
    wish: Wish,
    *,
    decided: Decision | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Return the plan for some points.

    Args:
        objective: The objective.
        plane: The plane.
        probes: Points where losses are compared, the center first.
        num_points: Number of points to be evaluated.
        wish: What the plan must be.
        decided: What was decided for this scan before.
        note: Receives a message for every plan rejected for its values.

    Raises:
        LandscapeError: Two evaluations at the center differ, or no plan agrees with the
            reference in the precision.
    """
    if os.environ.get(PLAIN_VARIABLE):
        reference = reference_plan(objective, plane)
        return Tuned(reference, reference_seconds(objective, reference, probes[0]), 0.0)
    key = remembered.key(objective, plane, num_points, wish)
    for decision in (decided, remembered.recall(key, objective.device)):
        tuned = decision and confirmed(decision, objective, plane, probes, wish)
        if tuned:
            return tuned
    tuned = autotune(
        objective,
        plane,
        probes,
        num_points,
        precision=wish.precision,
        images_per_batch=wish.images_per_batch,
        is_auto=wish.is_auto,
        note=note,
    )
    remembered.remember(key, Decision.from_plan(tuned.plan), objective.device)
    return tuned


def confirmed(
    decision: Decision, objective: Objective, plane: Plane, probes: Sequence[Point], wish: Wish
) -> Tuned | None:
    """Return the plan of a decision, or None if it does not agree with the reference here.

    It is compared at a few probes on a part of the data, and timed there.

    Args:
        decision: The decision.
        objective: The objective.
        plane: The plane.
        probes: Points where losses are compared, the center first.
        wish: What the plan must be.

    Raises:
        LandscapeError: Two evaluations at the center differ.
    """
    is_wanted = wish.images_per_batch in (None, decision.images_per_batch)
    is_wanted = is_wanted and wish.precision in ("auto", decision.precision)
    plan = decision.plan(objective, plane) if is_wanted else None
    if plan is None or not fits(plan, objective):
        return None
    probes = probes[:_PROBES]
    if plan.reference is None:
        return Tuned(plan, reference_seconds(objective, plan, probes[0]), 0.0)
    reference_seconds(objective, plan.reference, probes[0])  # recognizes a stochastic loss
    size = objective.num_images if plan.takes_all_data else max(_IMAGES, plan.images_per_batch)
    part = objective.part(0, size)
    expected = list(plan.reference.on(part)(probes))
    try:
        trial = tried(plan, part, probes, expected)
    except Exception:  # whatever a user's model raises when it is rewritten
        return None
    limited = wish.precision == "auto" or wish.is_auto
    allowed = DEVIATION_ALLOWED if limited else ROUNDING[plan.precision]
    if trial.deviation > allowed:
        return None
    seconds = trial.seconds * objective.num_images
    log = (f"chosen before: {plan.described(objective.unit.name)}",)
    return Tuned(plan, seconds, trial.deviation, trial.strategy, log)
