"""BatchNorm's running statistics are the trained ones at every point."""

from conformance_checks.problems import conv_net, state_of
from conformance_checks.tool import Outcome, Tool

TITLE = "BatchNorm's running statistics over the scan: largest relative change"
EXPECTED = "0 (the model is given in evaluation mode)"


def check(tool: Tool) -> Outcome:
    """Compare the statistics with which each point was evaluated with those before."""
    problem = conv_net()
    before = state_of(problem.model)
    names = [name for name in before if "running" in name]
    visits = tool.visits(problem, 5, seed=0)
    changes = [
        float((state[name] - before[name]).norm() / before[name].norm())
        for row in visits.states
        for state in row
        for name in names
    ]
    negative = sum(
        any(bool((state[name] < 0).any()) for name in names if name.endswith("var"))
        for row in visits.states
        for state in row
    )
    num = sum(len(row) for row in visits.states)
    details = f"{negative} of {num} points have a negative variance" if max(changes) else ""
    return Outcome(f"{max(changes):.2g}", max(changes) == 0, details)
