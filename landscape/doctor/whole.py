"""Check a whole scan, and estimate the time of a large one."""

from collections.abc import Iterator
from functools import partial

import torch

from landscape.compute import Compute
from landscape.doctor.finding import Finding, checked
from landscape.doctor.plans import ROUNDING
from landscape.doctor.subjects import POINTS, Subject, deviation, residual
from landscape.evaluation import Precision, autotune, torch_settings
from landscape.objective import Objective
from landscape.progress import duration
from landscape.scanning import scan

_SIDE = 5

_NET, _NUM_POINTS, _NUM_IMAGES = "resnet56", 51**2, 50_000

_SAMPLE = {"cpu": 32, "cuda": 4096}  # images whose time is measured
_PROBES = POINTS[:3]


def check_scan(device: torch.device) -> Finding:
    """Return whether all points of a small scan have the losses of the naive loop.

    Args:
        device: The device.
    """
    name = f"scan of {_SIDE}×{_SIDE} points"
    return checked(name, lambda: _scan(name, device))


def _scan(name: str, device: torch.device) -> Finding:
    subject = residual()
    objective = subject.objective(device, torch.float32)
    plane = subject.plane.to(device, objective.dtype)
    surface = scan(objective, plane, _SIDE, compute=Compute(devices=device))
    points = [surface.grid.point(index) for index in range(surface.grid.size)]
    wrong = deviation(surface.losses.flatten().tolist(), subject.losses_at(points))
    text = f"deviation {wrong:.1e} ({surface.provenance['plan']})"
    return Finding(name, "right" if wrong <= ROUNDING["float32"] else "wrong", text)


def estimates(device: torch.device) -> Iterator[Finding]:
    """Yield the most time of a large scan, by default and in the fastest precision.

    A scan of that time tries further plans: compiled ones, and kernels in Triton.

    Args:
        device: The device.
    """
    subject = residual(_NET, _SAMPLE[device.type])
    objective = subject.objective(device, torch.float32, images_per_batch=None)
    precisions: list[Precision] = ["float32", "auto"]
    for precision in precisions:
        name = f"estimate for 51×51 points, 50,000 images, {_NET}, precision {precision}"
        yield checked(name, partial(_estimate, name, subject, objective, precision))


def _estimate(name: str, subject: Subject, objective: Objective, precision: Precision) -> Finding:
    plane = subject.plane.to(objective.device, objective.dtype)
    with torch_settings("float32"):
        tuned = autotune(objective, plane, _PROBES, num_points=1, precision=precision)
    seconds = tuned.seconds_per_point / objective.num_images * _NUM_IMAGES * _NUM_POINTS
    return Finding(name, "measured", f"at most {duration(seconds)} ({tuned.plan})")
