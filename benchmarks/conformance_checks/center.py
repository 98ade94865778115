"""The loss at the center is the mean loss of the given model."""

import numpy as np

from conformance_checks.problems import Problem, conv_net, mean_loss
from conformance_checks.tool import Outcome, Tool

TITLE = "Loss at the center: relative deviation from the model's mean loss in float64"
EXPECTED = "below 1e-5"


def check(tool: Tool) -> Outcome:
    """Compare the element at (0, 0) of random planes with two numbers of points."""
    outcomes = [of_center(tool, conv_net(), points) for points in (5, 7)]
    details = "; ".join(outcome.details for outcome in outcomes)
    return Outcome(
        ", ".join(outcome.measured for outcome in outcomes),
        all(outcome.expected for outcome in outcomes),
        details,
    )


def of_center(tool: Tool, problem: Problem, points: int) -> Outcome:
    """Compare the element at (0, 0) of a random plane with the model in evaluation mode."""
    true = mean_loss(problem)
    scan = tool.random(problem, points, seed=0)
    found = float(scan.losses[scan.center])
    deviation = abs(found / true - 1)
    details = f"{found:.6f} at {_index(scan.center)} of {_index(scan.losses.shape)}, "
    details += f"the model's loss is {true:.6f}"
    if not deviation < 1e-5:
        distances = np.where(np.isfinite(scan.losses), np.abs(scan.losses - true), np.inf)
        nearest = tuple(map(int, np.unravel_index(int(distances.argmin()), distances.shape)))
        details += f" (the closest is {scan.losses[nearest]:.6f} at {_index(nearest)})"
    return Outcome(f"{deviation:.1e}", deviation < 1e-5, details)


def _index(numbers: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, numbers))}]"
