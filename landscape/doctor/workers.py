"""Check the evaluation on several devices at a time."""

from collections.abc import Sequence

import torch

from landscape.doctor.finding import Finding, checked
from landscape.doctor.plans import ROUNDING
from landscape.doctor.subjects import POINTS, deviation, residual
from landscape.evaluation import Decision, reference_plan, spread

_NAME = "one process per device"


def check_workers(devices: Sequence[torch.device]) -> Finding:
    """Return whether processes on several devices together find the losses of the naive loop.

    Args:
        devices: The devices.
    """
    return checked(_NAME, lambda: _check(devices))


def _check(devices: Sequence[torch.device]) -> Finding:
    subject = residual()
    objective = subject.objective(devices[0], torch.float32)
    plane = subject.plane.to(devices[0], objective.dtype)
    notes: list[str] = []
    computed = spread(
        objective,
        plane,
        POINTS,
        devices,
        decision=Decision.from_plan(reference_plan(objective, plane)),
        seconds_per_point=1.0,  # a few points for each process
        note=notes.append,
    )
    losses = {number: values.loss for number, values in computed}
    wrong = deviation([losses[number] for number in range(len(POINTS))], subject.losses)
    text = "; ".join([f"deviation {wrong:.1e}", *notes])
    is_right = wrong <= ROUNDING["float32"] and not notes
    return Finding(_NAME, "right" if is_right else "wrong", text)
