"""The random directions of a scan, from the weights with which its points were evaluated."""

from torch import Tensor

from conformance_checks.problems import Problem
from conformance_checks.tool import Tool, Visits


def random_pair(tool: Tool, problem: Problem, seed: int = 0) -> tuple[dict[str, Tensor], ...]:
    """Return δ and η by parameter, per unit of their coordinates, in float64."""
    visits = tool.visits(problem, 5, seed)
    return _difference(visits, problem, along=0), _difference(visits, problem, along=1)


def _difference(visits: Visits, problem: Problem, along: int) -> dict[str, Tensor]:
    """Return what changes from the first row or column to the last one an even number away.

    Of the same parity: a scan that turns at each row may pass every other one differently.
    """
    axis = (visits.scan.alphas, visits.scan.betas)[along]
    last = 2 * ((len(axis) - 1) // 2)
    start, end = visits.states[0][0], visits.states[last * (1 - along)][last * along]
    unit = float(axis[last] - axis[0])
    return {
        name: (end[name].double() - start[name].double()) / unit
        for name, _ in problem.model.named_parameters()
    }
