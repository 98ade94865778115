"""The first use of our own kernels on a GPU: in a process that a fault of theirs may end.

An illegal access to memory cannot be survived by the process that makes it.
"""

import math
from functools import partial

import torch

import landscape
from landscape import models
from landscape.devices import gpu_facts, hardware, is_gpu
from landscape.errors import LandscapeError
from landscape.evaluation import remembered
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import reference_plan, run
from landscape.evaluation.remote import Parcel
from landscape.evaluation.trials import ROUNDING, deviation_of
from landscape.evaluation.workers import local_crews, spread
from landscape.objective import Objective
from landscape.plane import Plane

_IMAGES = 5

_POINTS = [(0.0, 0.0), (0.3, -0.2)]


def rehearsed(decision: Decision, device: torch.device) -> str:
    """Return why a plan with our own kernels is not safe on a device, or an empty text.

    It computes the loss of a small residual network in another process. The result is remembered
    for the card, its driver, and the versions of torch and this package.

    Args:
        decision: The plan.
        device: The device.
    """
    chip = (hardware(device), gpu_facts(device) if is_gpu(device) else {})
    versions = (str(torch.__version__), landscape.__version__)
    key = f"rehearsed: {decision.network}, {decision.precision}, {chip}, {versions}"
    if remembered.recall(key, device) is not None:
        return ""
    reason = _rehearse(decision, device)
    if not reason:
        remembered.remember(key, decision, device)
    return reason


def _rehearse(decision: Decision, device: torch.device) -> str:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = models.create("resnet8")
    images = torch.randn(_IMAGES, 3, 32, 32, generator=generator)
    objective = Objective(model, data=(images, torch.arange(_IMAGES)), device=device)
    plane = Plane.random(objective.center, 0)
    notes: list[str] = []
    parcel = Parcel.pack(objective, plane, decision)
    computing = partial(spread, points_per_batch=1, seconds_per_point=math.inf, note=notes.append)
    try:
        with local_crews(parcel, [device]) as crews:
            found = dict(computing(parcel, _POINTS, crews))
    except LandscapeError:
        return "a process that used it died"
    expected = list(run(reference_plan(objective, plane), objective, _POINTS))
    deviation, lost = deviation_of([found[k] for k in range(len(_POINTS))], expected)
    if deviation > ROUNDING[decision.precision] or lost:
        return f"a small network deviates by {deviation:.2g}"
    return ""
