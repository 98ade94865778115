"""Filters and biases that are zero, as pruned ones and those of a fresh BatchNorm are."""

import numpy as np
import torch

from conformance_checks.directions import random_pair
from conformance_checks.problems import Problem, conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "One filter and BatchNorm's biases all 0: finite losses of the scan"
EXPECTED = "all, and the filter does not move, since its norm is 0"


def check(tool: Tool) -> Outcome:
    """Scan such a model."""
    losses = tool.random(_pruned(), 5, seed=0).losses
    delta, _ = random_pair(tool, _pruned())
    moved = float(delta["conv2.weight"][3].norm())
    finite = int(np.isfinite(losses).sum())
    return Outcome(
        f"{finite}/{losses.size}",
        finite == losses.size and moved < 1e-6,
        f"the filter moves by {moved:.2g} per unit of the coordinate" if moved >= 1e-6 else "",
    )


def _pruned() -> Problem:
    problem = conv_net()
    state = problem.model.state_dict()
    with torch.no_grad():
        for name in ("bn1.bias", "bn2.bias"):
            state[name].zero_()
        state["conv2.weight"][3].zero_()
    return problem
