"""Losses that are nan or infinite, and zero, stay what they are."""

import numpy as np
import torch
from torch import Tensor

from conformance_checks.problems import AXES, of_displacement
from conformance_checks.tool import Outcome, Tool

TITLE = "Losses nan, infinite and 0: how many of them a scan keeps"
EXPECTED = "all"


def height(u: Tensor, v: Tensor) -> Tensor:
    """0 near the center, infinite further along the first direction, nan at its end."""
    high = torch.where(u > 0.65, torch.nan, torch.where((u > 0.33) & (u < 0.47), torch.inf, 3 + v))
    return torch.where(u.abs() < 0.25, torch.zeros_like(u), high)


def check(tool: Tool) -> Outcome:
    """Count them over a grid, whose first axis determines which they are."""
    points = (11, 11 if tool.square else 6)
    scan = tool.along(of_displacement(height), AXES, points)
    u = np.repeat(scan.alphas[:, None], len(scan.betas), axis=1)
    expected = {"nan": u > 0.65, "inf": (u > 0.33) & (u < 0.47), "0": np.abs(u) < 0.25}
    found = {"nan": np.isnan(scan.losses), "inf": np.isposinf(scan.losses), "0": scan.losses == 0}
    kept = {name: int((found[name] & where).sum()) for name, where in expected.items()}
    text = ", ".join(f"{name} {kept[name]}/{where.sum()}" for name, where in expected.items())
    right = all((found[name] == where).all() for name, where in expected.items())
    other = scan.losses[expected["nan"] | expected["inf"]]
    finite = other[np.isfinite(other)]
    details = f"in their place {finite.min():.3g} to {finite.max():.3g}" if len(finite) else ""
    return Outcome(text, right, details)
