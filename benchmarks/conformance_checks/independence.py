"""The two random directions are independent of each other."""

import torch

from conformance_checks.directions import random_pair
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Cosine between the weights of the two random directions, largest of 5 seeds"
EXPECTED = "below 0.1 in absolute value (10,160 weights in 58 filters)"


def check(tool: Tool) -> Outcome:
    """Take the cosine of δ and η."""
    cosines = []
    for seed in range(5):
        delta, eta = (
            torch.cat([tensor.flatten() for tensor in direction.values() if tensor.dim() > 1])
            for direction in random_pair(tool, conv_net(), seed)
        )
        cosines.append(float(torch.dot(delta, eta) / (delta.norm() * eta.norm())))
    largest = max(cosines, key=abs)
    details = "of seeds 0 to 4: " + ", ".join(f"{each:.3f}" for each in cosines)
    return Outcome(f"{largest:.3f}", abs(largest) < 0.1, details)
