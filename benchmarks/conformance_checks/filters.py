"""Every filter of a direction has the norm of that filter of the weights."""

import numpy as np

from conformance_checks.directions import random_pair
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Filter norms: largest over smallest ratio ‖d‖/‖θ‖ of the 58 filters"
EXPECTED = "1, within 1 %, in convolutions and linear layers (Li et al. 2018, section 4)"


def check(tool: Tool) -> Outcome:
    """Compare the norms of filters, one index of a weight's first dimension each."""
    moved, _ = random_pair(tool, conv_net())
    weights = {n: p for n, p in conv_net().model.named_parameters() if p.dim() > 1}
    ratios = {
        name: (moved[name].flatten(1).norm(dim=1) / weight.detach().double().flatten(1).norm(dim=1))
        for name, weight in weights.items()
    }
    lowest = min(float(each.min()) for each in ratios.values())
    highest = max(float(each.max()) for each in ratios.values())
    spread = highest / lowest if lowest else np.inf
    layers = ", ".join(
        f"{name} {float(each.min()):.4g} to {float(each.max()):.4g}"
        for name, each in ratios.items()
    )
    return Outcome(f"{spread:.4g}", spread < 1.01, f"‖d‖/‖θ‖ per unit of the coordinate: {layers}")
