"""What a worker does: it makes objective, plane and plan once, and evaluates points.

A worker is a process on this or another machine. All that it needs travels in one parcel, whose
hash it is kept by; tasks name the parcel.
"""

import hashlib
import pickle
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import torch

from landscape import user_code
from landscape.behavior import torch_settings
from landscape.errors import LandscapeError, first_line
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import Plan, reference_plan, run
from landscape.evaluation.strategy import Strategy
from landscape.memory import keep_freed_memory
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point, Values

_CPU = torch.device("cpu")

# Torch's settings are those of the process: one task at a time.
_LOCK = Lock()


class NotSpreadError(LandscapeError):
    """No worker could be started; nothing was computed."""


@dataclass(frozen=True)
class Parcel:
    """What every worker receives.

    Attributes:
        content: User-supplied files, and objective, plane and decision, as bytes.
        key: SHA-256 of the content.
    """

    content: bytes
    key: str

    @classmethod
    def pack(cls, objective: Objective, plane: Plane, decision: Decision) -> "Parcel":
        """Return the parcel of a plan for an objective and a plane.

        Files of the user travel with their content; what they define is known by its name.

        Args:
            objective: The objective.
            plane: The plane.
            decision: The plan of all workers.

        Raises:
            NotSpreadError: The model, the loss or the data cannot be pickled.
        """
        files = user_code.loaded_sources()
        try:
            inner = pickle.dumps((objective.to(_CPU), plane.to(_CPU, objective.dtype), decision))
        except Exception as error:  # whatever a user's own class raises
            raise NotSpreadError(
                "the model or the loss cannot be sent to other processes, define them in a module "
                f"({first_line(error)})"
            ) from error
        content = pickle.dumps((files, inner))
        return cls(content, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Place:
    """Where a worker computes.

    Attributes:
        device: The device, by its name.
        threads: Number of threads; 0 for those of the worker, if an engine has set them.
    """

    device: str
    threads: int = 0


@dataclass(frozen=True, eq=False)
class _Worker:
    """What is made of a parcel."""

    objective: Objective
    plan: Plan
    strategy: Strategy | None

    @classmethod
    def unpack(cls, content: bytes, place: Place) -> "_Worker":
        # Written by the process that submits the tasks.
        files, inner = pickle.loads(content)  # noqa: S301
        for file, source in files.items():
            user_code.load_source(file, source)
        objective, plane, decision = pickle.loads(inner)  # noqa: S301
        device = torch.device(place.device)
        objective, plane = objective.to(device), plane.to(device, objective.dtype)
        plan = decision.plan(objective, plane) or reference_plan(objective, plane)
        strategy = None
        with suppress(Exception), torch_settings(plan.precision):  # run() reports what it raises
            strategy = plan.on(objective)
        return cls(objective, plan, strategy)


_WORKERS: dict[tuple[str, Place], _Worker] = {}
"""The last one of this process."""


def evaluate(source: bytes | Path, key: str, place: Place, points: list[Point]) -> list[Values]:
    """Return the values of some points: the task of a worker.

    Args:
        source: The content of the parcel, or the file that has it.
        key: Its hash.
        place: Where to compute.
        points: (α, β) of each.
    """
    with _LOCK:
        worker = _WORKERS.get((key, place))
        if worker is None:
            _WORKERS.clear()
            keep_freed_memory()
            torch.set_num_threads(place.threads or _threads_of_engine())
            content = source if isinstance(source, bytes) else source.read_bytes()
            worker = _WORKERS[key, place] = _Worker.unpack(content, place)
        evaluated = run(worker.plan, worker.objective, points, strategy=worker.strategy)
        with closing(evaluated) as values:
            return list(values)


def _threads_of_engine() -> int:
    """Return the number of threads of a Dask worker, else torch's own."""
    if "distributed" in sys.modules:
        from distributed import get_worker

        with suppress(ValueError):  # not in a worker
            return int(get_worker().state.nthreads)
    return torch.get_num_threads()
