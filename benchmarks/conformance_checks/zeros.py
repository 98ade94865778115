"""Filters and biases that are zero, as pruned ones and those of a fresh BatchNorm are."""

import numpy as np
import torch

from conformance_checks.directions import random_pair
from conformance_checks.problems import Problem, conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "One filter and BatchNorm's biases all 0: finite losses, and movement of the filter"
EXPECTED = "all, and 0, as the norm of the filter"


def check(tool: Tool) -> Outcome:
    """Scan such a model."""
    losses = tool.random(_pruned(), 5, seed=0).losses
    delta, _ = random_pair(tool, _pruned())
    moved = float(delta["conv2.weight"][3].norm())
    finite = int(np.isfinite(losses).sum())
    return Outcome(f"{finite}/{losses.size}, {moved:.2g}", finite == losses.size and moved < 1e-6)


def _pruned() -> Problem:
    problem = conv_net()
    state = problem.model.state_dict()
    with torch.no_grad():
        for name in ("bn1.bias", "bn2.bias"):
            state[name].zero_()
        state["conv2.weight"][3].zero_()
    return problem
