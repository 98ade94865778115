"""Check the metrics of an objective at the center, before a scan."""

import math
import time

from landscape.behavior import torch_settings
from landscape.checks import is_same_loss
from landscape.errors import LandscapeError
from landscape.evaluation.plan import MetricsOfModel, reference_plan, run
from landscape.objective import Objective
from landscape.plane import Plane

_CENTER = (0.0, 0.0)


def check_metrics(objective: Objective, plane: Plane) -> float:
    """Check that all metrics are finite at the center, and those of the model the same twice.

    Args:
        objective: The objective.
        plane: The plane.

    Returns:
        The seconds that the metrics of the model take for one point; 0 without any.

    Raises:
        LandscapeError: One is not finite, or differs.
        UserCodeError: One of the model fails, or returns no number.
    """
    plan, values, seconds = reference_plan(objective, plane), dict[str, float](), 0.0
    if objective.metrics:
        of_examples = objective.replaced(model_metrics={})
        with torch_settings(plan.precision):
            (center,) = run(plan, of_examples, [_CENTER])
        values.update(center.metrics)
    if objective.model_metrics:
        of_model = MetricsOfModel(plan, objective)
        first, began = of_model(_CENTER), time.monotonic()
        again = of_model(_CENTER)
        seconds = time.monotonic() - began
        for name, value in first.items():
            if not is_same_loss(value, again[name]):
                raise LandscapeError(
                    f"the metric {name!r} differs in two evaluations at the center ({value:.6g}, "
                    f"{again[name]:.6g}): let it begin with the same random numbers (torch's do) "
                    "and keep no state"
                )
        values.update(first)
    for name, value in values.items():
        if not math.isfinite(value):
            raise LandscapeError(
                f"the metric {name!r} is {value} at the center, expected a finite number: leave "
                "out examples without a value by returning (values, weights), with the weight 0"
            )
    return seconds
