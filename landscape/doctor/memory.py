"""Check that a scan continues with smaller batches where memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from landscape import trees
from landscape.devices import is_gpu, limited_gpu_memory
from landscape.doctor.finding import Finding, checked
from landscape.doctor.plans import ROUNDING
from landscape.doctor.subjects import POINTS, deviation, residual
from landscape.evaluation.plan import Plan, reference_plan, run
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.trees import Tree

_NAME = "out of memory"

# Images in one batch, and a memory that does not hold their activations of some 200 kB each.
_IMAGES = {"cpu": 12, "cuda": 4096}
_ROOM = 2.5e8

_MOST_ON_CPU = 3  # images


def check_memory(device: torch.device) -> Finding:
    """Return whether batches are halved where memory runs out, with the same values.

    On a GPU torch may take little more memory than it holds; on a CPU large batches raise
    ``MemoryError``.

    Args:
        device: The device.
    """
    return checked(_NAME, lambda: _check(device))


def _check(device: torch.device) -> Finding:
    subject = residual(num_images=_IMAGES[device.type])
    objective = subject.objective(device, torch.float32, images_per_batch=None)
    plan = reference_plan(objective, subject.plane.to(device, objective.dtype))
    points = POINTS[:2]
    expected = [values.loss for values in run(plan, objective, points)]
    notes: list[str] = []
    with _short_of_memory(plan, objective) as limited:
        found = [values.loss for values in run(limited, objective, points, notes.append)]
    halved = [note for note in notes if note.startswith("out of memory")]
    wrong = deviation(found, expected)
    if wrong > ROUNDING["float32"]:
        return Finding(_NAME, "wrong", f"deviation {wrong:.1e} after smaller batches")
    if not halved:
        return Finding(_NAME, "not used", "memory did not run out")
    return Finding(_NAME, "right", f"batches halved {len(halved)} times, deviation {wrong:.1e}")


@contextmanager
def _short_of_memory(plan: Plan, objective: Objective) -> Iterator[Plan]:
    """Yield the plan with all images in one batch, for which memory does not suffice.

    Yields:
        The plan.
    """
    large = replace(plan, images_per_batch=objective.num_images)
    if is_gpu(objective.device):
        with limited_gpu_memory(objective.device, _ROOM):
            yield large
        return

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        if len(trees.tensors(inputs)[0]) > _MOST_ON_CPU:
            raise MemoryError
        return plan.network.forward(parameters, inputs)

    yield replace(large, network=replace(plan.network, forward=forward))
