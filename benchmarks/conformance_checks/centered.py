"""Entries of random directions have mean zero, as standard normal ones."""

import torch

from conformance_checks.directions import random_pair
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Mean of the entries of a random direction, in units of their size"
EXPECTED = "within 0.05 of 0 for both directions (standard normal in Li et al.)"


def check(tool: Tool) -> Outcome:
    """Divide every entry by the root mean square of its filter and take the mean of all."""
    means, shares = [], []
    for direction in random_pair(tool, conv_net()):
        filters = [tensor.flatten(1) for tensor in direction.values() if tensor.dim() > 1]
        entries = torch.cat([(f / f.square().mean(1, True).sqrt()).flatten() for f in filters])
        means.append(float(entries.mean()))
        shares.append(float((entries < 0).double().mean()))
    details = f"negative entries: {shares[0]:.0%} of the first, {shares[1]:.0%} of the second"
    right = max(abs(mean) for mean in means) < 0.05
    return Outcome(f"{means[0]:.2f}, {means[1]:.2f}", right, details)
