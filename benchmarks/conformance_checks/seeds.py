"""The same seed gives the same surface, another seed another one."""

import numpy as np

from conformance_checks.problems import small_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Largest difference of two scans with one seed, and of two scans with two seeds"
EXPECTED = "0, and more than 0.01, of the range (a net without BatchNorm)"


def check(tool: Tool) -> Outcome:
    """Scan twice with seed 0 and once with seed 1."""
    first, again, other = (tool.random(small_net(), 5, seed).losses for seed in (0, 0, 1))
    same, apart = (float(np.abs(first - each).max() / np.ptp(first)) for each in (again, other))
    return Outcome(f"{same:.1e}, {apart:.1e}", same == 0 and apart > 0.01)
