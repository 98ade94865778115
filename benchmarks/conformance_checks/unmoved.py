"""Biases and normalization layers do not move along random directions."""

import torch
from torch import Tensor

from conformance_checks.directions import random_pair
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Biases and BatchNorm's weights: their largest movement, ‖d‖/‖θ‖ over that of the filters"
EXPECTED = "0 (Li et al. 2018; `--xignore biasbn` in the commands of their figures)"


def check(tool: Tool) -> Outcome:
    """Compare the movement of tensors of one dimension with that of all others together."""
    moved, _ = random_pair(tool, conv_net())
    parameters = {n: p.detach().double() for n, p in conv_net().model.named_parameters()}
    large = [name for name, p in parameters.items() if p.dim() > 1]
    unit = _norm([moved[n] for n in large]) / _norm([parameters[n] for n in large])
    ratios = {
        name: float(moved[name].norm() / p.norm()) / unit
        for name, p in parameters.items()
        if p.dim() == 1
    }
    name = max(ratios, key=lambda each: ratios[each])
    num = sum(ratio > 1e-6 for ratio in ratios.values())
    details = f"{num} of {len(ratios)} tensors move"
    if num:
        details += f", most {name}"
    return Outcome(f"{ratios[name]:.2g}", num == 0, details)


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.cat([tensor.flatten() for tensor in tensors]).norm())
