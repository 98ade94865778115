"""What was decided for models of the same structure on the same device and version of torch.

Of this process; and of GPUs, where a search takes longest, in a file of the cache folder.
"""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import landscape
from landscape import trees
from landscape.atomic import replacing
from landscape.devices import gpu_facts, hardware, is_gpu
from landscape.evaluation.decision import Decision, decisions_from, decisions_to
from landscape.objective import Objective
from landscape.plane import Plane

if TYPE_CHECKING:
    from landscape.evaluation.tuning import Wish

_FILE = "plans.json"

_MOST = 1000  # decisions in the file: the oldest are forgotten

# Larger data sets are the same to a plan.
_IMAGES = 4096

_DECISIONS: dict[str, Decision] = {}


def key(objective: Objective, plane: Plane, num_points: int, wish: "Wish") -> str:
    """Return what a decision depends on, as a hash.

    Args:
        objective: The objective.
        plane: The plane.
        num_points: Number of points to be evaluated.
        wish: What the plan must be.
    """
    device, model = objective.device, objective.model
    batch = objective.data.batches[0]
    facts: list[Any] = [
        landscape.__version__,
        str(torch.__version__),
        str(device),
        *_chip(device),
        torch.get_num_threads(),
        [(name, type(module).__qualname__) for name, module in model.named_modules()],
        [(name, tuple(t.shape), str(t.dtype)) for name, t in plane.center.items()],
        sorted(plane.moved),
        [(tuple(t.shape[1:]), str(t.dtype)) for t in trees.tensors(batch.inputs)],
        min(objective.num_images, _IMAGES),
        objective.batchnorm,
        list(objective.metric_names),
        num_points.bit_length() // 2,
        repr(wish),
    ]
    return sha256(json.dumps(facts, default=str).encode()).hexdigest()


@cache
def _chip(device: torch.device) -> tuple[Any, ...]:
    return (hardware(device), gpu_facts(device) if is_gpu(device) else {})


def recall(key: str, device: torch.device) -> Decision | None:
    """Return what was decided, or None.

    Args:
        key: What it depends on.
        device: The device.
    """
    if key in _DECISIONS or not is_gpu(device):
        return _DECISIONS.get(key)
    return _stored().get(key)


def remember(key: str, decision: Decision, device: torch.device) -> None:
    """Keep a decision; of a GPU also for later processes, if the user's cache can be written.

    Args:
        key: What it depends on.
        decision: The decision.
        device: The device.
    """
    _DECISIONS[key] = decision
    path = _path() if is_gpu(device) else None
    if path is None:
        return
    every = {**_stored(), key: decision}
    newest = dict(list(every.items())[-_MOST:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write_text(decisions_to(newest), encoding="utf-8")
    except OSError:
        pass  # the next process searches again


def _stored() -> dict[str, Decision]:
    path = _path()
    try:
        return decisions_from(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return {}


@cache
def _path() -> Path | None:
    """Return the file in the user's cache; None where nothing says where that is."""
    try:
        import pooch
    except ImportError:
        return None
    return Path(pooch.os_cache("landscape")) / _FILE
