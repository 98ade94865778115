"""The surface does not depend on the scale of filters that the network itself is invariant to."""

import numpy as np
import torch

from conformance_checks.problems import Problem, conv_net, mean_loss
from conformance_checks.tool import Outcome, Tool

TITLE = "Filters before BatchNorm scaled by 0.1 to 10, the same function: change of the surface"
EXPECTED = "below 0.01 of its range (what filter normalization is for)"


def check(tool: Tool) -> Outcome:
    """Scan a network and its rescaled twin with the same seed."""
    surface, other = (tool.random(each(), 5, seed=0).losses for each in (conv_net, rescaled))
    change = float(np.abs(surface - other).max() / np.ptp(surface))
    details = (
        f"mean losses {mean_loss(conv_net()):.6f} and {mean_loss(rescaled()):.6f}; highest losses "
        f"of the planes {surface.max():.4g} and {other.max():.4g}"
    )
    return Outcome(f"{change:.2g}", change < 0.01, details)


def rescaled() -> Problem:
    """Return the convolutional net with other filters and statistics, and the same outputs."""
    problem = conv_net()
    state = problem.model.state_dict()
    torch.manual_seed(3)
    with torch.no_grad():
        for conv, norm in (("conv1", "bn1"), ("conv2", "bn2")):
            factors = 10 ** torch.empty(len(state[f"{conv}.weight"])).uniform_(-1, 1)
            state[f"{conv}.weight"].mul_(factors.reshape(-1, 1, 1, 1))
            state[f"{conv}.bias"].mul_(factors)
            state[f"{norm}.running_mean"].mul_(factors)
            state[f"{norm}.running_var"].mul_(factors.square())
    return problem
