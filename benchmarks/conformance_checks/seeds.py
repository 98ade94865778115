"""The same seed gives the same surface, another seed another one."""

import numpy as np

from conformance_checks.problems import conv_net
from conformance_checks.tool import Array, Outcome, Tool

TITLE = "Largest difference of two scans with one seed, and of two scans with two seeds"
EXPECTED = "0, and more than 0.01, of the range"


def check(tool: Tool) -> Outcome:
    """Scan twice with seed 0 and once with seed 1."""
    first, again, other = (tool.random(conv_net(), 5, seed).losses for seed in (0, 0, 1))
    same, apart = _difference(first, again), _difference(first, other)
    kept = np.array_equal(np.isnan(first), np.isnan(again))
    return Outcome(f"{same:.1e}, {apart:.1e}", kept and same == 0 and apart > 0.01)


def _difference(first: Array, second: Array) -> float:
    """Return the largest difference per range of the losses that are numbers."""
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.abs(first - second)[both].max(initial=0) / np.ptp(first[np.isfinite(first)]))
