"""The loss at every point is the mean loss with the weights that were evaluated there."""

import numpy as np

from conformance_checks.problems import conv_net, mean_loss
from conformance_checks.tool import Outcome, Tool

TITLE = "Loss at every point: largest relative deviation from float64 with the evaluated weights"
EXPECTED = "below 1e-3, and nan where that is nan"


def check(tool: Tool) -> Outcome:
    """Compare all elements of a random plane with the definition."""
    losses = tool.random(conv_net(), 5, seed=0).losses
    states = tool.visits(conv_net(), 5, seed=0).states
    true = np.array([[mean_loss(conv_net(), state) for state in row] for row in states])
    deviations = np.abs(losses / true - 1)
    deviations[np.isnan(losses) & np.isnan(true)] = 0
    deviations[np.isnan(deviations)] = np.inf
    worst = np.unravel_index(int(deviations.argmax()), losses.shape)
    num = int((deviations >= 1e-3).sum())
    details = f"{num} of {losses.size} points deviate by 1e-3 or more"
    if num:
        details += f", the furthest with {losses[worst]:.4f} instead of {true[worst]:.4f}"
    if np.isnan(true).any():
        details += f"; {np.isnan(true).sum()} are nan"
    return Outcome(f"{deviations.max():.1e}", num == 0, details)
