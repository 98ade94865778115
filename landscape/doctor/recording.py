"""Check CUDA graphs: what is recorded, and what is refused without a trace."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.behavior import torch_settings
from landscape.devices import gpu_state, is_gpu
from landscape.doctor.finding import Finding, checked, reason
from landscape.evaluation.plan import reference_plan
from landscape.objective import Objective
from landscape.plane import Plane

_NAME = "CUDA graph"

_POINTS = ((0.0, 0.0), (0.3, -0.2), (0.5, 0.5))


class _Waits(nn.Module):
    """A network that reads a value from the device."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y * (1.0 if y.sum().item() > math.inf else 2.0)


def check_recording(device: torch.device) -> Finding:
    """Return whether a network is recorded, and one that waits is refused.

    Torch's current stream, random numbers and synchronization mode must stay unchanged.

    Args:
        device: The device.
    """
    if not is_gpu(device):
        return Finding(_NAME, "not used", f"{device} has none")
    return checked(_NAME, lambda: _check(device))


def _check(device: torch.device) -> Finding:
    before = gpu_state(device)
    raised = _recorded(nn.Linear(4, 3), device)
    refused = _recorded(_Waits(), device)
    after = gpu_state(device)
    changed = [name for name, value in before.items() if after[name] != value]
    if changed:
        return Finding(_NAME, "wrong", f"a recording changes torch's {', '.join(changed)}")
    if raised is not None:
        return Finding(_NAME, "not used", reason(raised))
    if refused is None:
        return Finding(_NAME, "wrong", "a network that waits for the device is recorded")
    torch.rand(3, device=device).sum().item()  # raises where a failed recording has left traces
    return Finding(_NAME, "right", "recorded; a network that waits is refused")


def _recorded(model: nn.Module, device: torch.device) -> Exception | None:
    """Return what a network's step raises on being recorded and replayed, or None."""
    data = (torch.ones(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]))
    objective = Objective(model, F.cross_entropy, data, device=device)
    plan = reference_plan(objective, Plane.random(objective.center))
    try:
        with torch_settings(plan.precision):
            list(replace(plan, cuda_graph=True).on(objective)(_POINTS))
    except RuntimeError as error:
        return error
    return None
