"""Evaluate points on several devices or machines: local processes, or any executor."""

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from landscape.errors import LandscapeError, first_line
from landscape.evaluation.remote import NotSpreadError, Parcel, Place, evaluate
from landscape.values import Point, Values

_SECONDS_PER_TASK = 2.0

# A task that takes so many times as long as expected, and so many seconds, is given to another
# process as well: the system may have stopped the first.
_LATE, _LATEST = 20.0, 60.0

_SECONDS_BETWEEN_LOOKS = 1.0  # at what is late, or lost

_SECONDS_LOST = 15.0  # without a connection to a cluster

Block = list[tuple[int, Point]]
"""Some points with their numbers."""


@dataclass(eq=False)
class Crew:
    """An executor with the tasks that it has.

    Attributes:
        executor: The executor.
        source: What its tasks receive for the parcel: the content, or a file that has it.
        place: Where its workers compute.
        slots: Returns the number of tasks that it takes at a time.
        status: Returns why it cannot work at the moment, or an empty text.
        tasks: The tasks that are not finished.
    """

    executor: Executor
    source: Any
    place: Place
    slots: Callable[[], int] = lambda: 1
    status: Callable[[], str] = lambda: ""
    tasks: "dict[Future[list[Values]], _Task]" = field(default_factory=dict)

    def collected(self) -> Iterator[tuple[Block, list[Values] | BaseException]]:
        """Yield the points of tasks that have ended, with their values, or the error."""
        for future in [each for each in self.tasks if each.done()]:
            block = self.tasks.pop(future).block
            try:
                found: list[Values] | BaseException = future.result()
            except (Exception, CancelledError) as error:  # whatever ends a worker
                found = error
            yield block, found


@dataclass(frozen=True, eq=False)
class _Task:
    block: Block
    began: float


def spread(
    parcel: Parcel,
    points: Sequence[Point],
    crews: Sequence[Crew],
    *,
    points_per_batch: int,
    seconds_per_point: float,
    note: Callable[[str], None],
) -> Generator[tuple[int, Values]]:
    """Yield the number and the values of each point, in the order in which they are ready.

    All workers have the same plan. The points of one that dies are given to the others. Tasks
    take a few seconds, and less towards the end.

    Args:
        parcel: What every worker receives.
        points: (α, β) of each point.
        crews: Compute them.
        points_per_batch: Points in one forward pass of the plan; these stay together.
        seconds_per_point: Expected time of a point; determines the size of a task.
        note: Receives a message for every worker that dies.

    Raises:
        NotSpreadError: No worker has started, or none understands the model, the loss or the data.
        LandscapeError: All workers died at work.
    """
    seconds = max(seconds_per_point, 1e-6)
    at_a_time = max(1, min(256, round(_SECONDS_PER_TASK / seconds)))
    num_slots = sum(crew.slots() for crew in crews)
    waiting = deque(blocks(points, at_a_time, points_per_batch, num_slots))
    alive, answered, reason = list(crews), set[int](), ""
    lost_since: float | None = None
    late = max(_LATEST, _LATE * seconds * at_a_time)
    while len(answered) < len(points):
        for crew in alive:
            while waiting and len(crew.tasks) < crew.slots():
                _submit(crew, parcel, waiting.popleft())
        _wait(alive)
        for crew in list(alive):
            errors = []
            for block, found in crew.collected():
                if isinstance(found, BaseException):
                    errors.append(_reason(found, block))
                    waiting.appendleft(block)
                    continue
                new = [
                    each for each in zip(block, found, strict=True) if each[0][0] not in answered
                ]
                answered.update(number for (number, _), _ in new)
                yield from ((number, values) for (number, _), values in new)
            if errors:
                reason = errors[0]
                alive.remove(crew)
                waiting.extendleft(task.block for task in crew.tasks.values())
                note(f"a worker process died ({reason}): others take its points")
        waiting = deque(each for each in waiting if each[0][0] not in answered)
        if not alive:
            if not answered:
                raise NotSpreadError(f"Could not start worker processes ({reason}). {_GUARD}")
            raise LandscapeError(
                f"all processes died ({reason}). What is computed is kept; run it again"
            )
        lost_since = _check_connected(alive, lost_since)
        if not waiting:
            waiting.extend(_late(alive, late, answered))


_GUARD = 'When running from a script, guard it with if __name__ == "__main__":.'


def _wait(crews: Sequence[Crew]) -> None:
    """Wait until a task has ended, or for a moment."""
    futures = [future for crew in crews for future in crew.tasks]
    if futures:
        wait(futures, timeout=_SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
    else:  # no worker takes a task at the moment
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _submit(crew: Crew, parcel: Parcel, block: Block) -> None:
    points = [point for _, point in block]
    try:
        future = crew.executor.submit(evaluate, crew.source, parcel.key, crew.place, points)
    except Exception as error:  # an executor that is broken or shut down
        future = Future()
        future.set_exception(error)
    crew.tasks[future] = _Task(block, time.monotonic())


def _reason(error: BaseException, block: Block) -> str:
    """Return what ended a task, in words."""
    if isinstance(error, BrokenExecutor):
        return "it ended without a message; out of memory?"
    if isinstance(error, CancelledError):
        return "the connection is lost"
    places = ", ".join(f"({a:.3g}, {b:.3g})" for _, (a, b) in block[:3])
    return f"{type(error).__name__} at {places}: {first_line(error)}"


def _check_connected(crews: Sequence[Crew], lost_since: float | None) -> float | None:
    """Return since when a cluster has not answered; None where it does.

    Raises:
        LandscapeError: For too long.
    """
    reasons = [each for crew in crews if (each := crew.status())]
    if not reasons:
        return None
    now = time.monotonic()
    lost_since = now if lost_since is None else lost_since
    if now - lost_since > _SECONDS_LOST:
        raise LandscapeError(f"{reasons[0]}. What is computed is kept; run it again")
    return lost_since


def _late(crews: Sequence[Crew], late: float, answered: set[int]) -> Iterator[Block]:
    """Yield blocks that take too long, for a crew that has nothing to do."""
    idle = [crew for crew in crews if not crew.tasks]
    now = time.monotonic()
    under_way = [task for crew in crews for task in crew.tasks.values()]
    for task in under_way[: len(idle)]:
        if now - task.began > late and task.block[0][0] not in answered:
            yield task.block


def blocks(
    points: Sequence[Point], most: int, points_per_batch: int, num_slots: int
) -> Iterator[Block]:
    """Yield the points in parts of whole batches, which shrink towards the end.

    So that no worker waits long for the last of the others.

    Args:
        points: (α, β) of each point.
        most: Number of points in a part, about.
        points_per_batch: A part has a multiple of it, but for the last.
        num_slots: Number of workers.
    """
    numbered = list(enumerate(points))
    while numbered:
        size = min(most, max(1, len(numbered) // (2 * max(1, num_slots))))
        size = points_per_batch * max(1, size // points_per_batch)
        yield numbered[:size]
        numbered = numbered[size:]


@contextmanager
def local_crews(parcel: Parcel, devices: Sequence[torch.device]) -> Iterator[list[Crew]]:
    """Start a process for each device; they end with the context.

    Args:
        parcel: What every worker receives; they read it from a temporary file.
        devices: The devices.

    Yields:
        A crew of one process for each device.
    """
    threads = max(1, torch.get_num_threads() // len(devices))
    with ExitStack() as stack:
        source = Path(stack.enter_context(TemporaryDirectory())) / "parcel"
        source.write_bytes(parcel.content)
        crews = []
        for device in devices:
            executor = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=_begin
            )
            stack.callback(_end, executor)
            crews.append(Crew(executor, source, Place(str(device), threads)))
        yield crews


def _begin() -> None:
    """Leave it to the process that started this one what Ctrl-C means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(executor: ProcessPoolExecutor) -> None:
    """End an executor at once: what its process computes is not needed, or it may be stopped."""
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
        process.join()


@contextmanager
def crew_of(executor: Executor, parcel: Parcel, device: torch.device) -> Iterator[list[Crew]]:
    """Return the crew of a given executor, as one of a Dask cluster.

    Args:
        executor: The executor. Workers that are not Dask's read the parcel from a temporary file.
        parcel: What every worker receives.
        device: Where it is computed.

    Yields:
        The crew.
    """
    place = Place(device.type)
    client: Any = getattr(executor, "_client", None)
    if client is not None and "distributed" in sys.modules:
        source = client.scatter(parcel.content, broadcast=True)

        def slots() -> int:
            return max(1, 2 * sum(client.nthreads().values())) if client.status == "running" else 0

        def status() -> str:
            return "" if client.status == "running" else "the connection to the cluster is lost"

        yield [Crew(executor, source, place, slots, status)]
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "parcel"
        path.write_bytes(parcel.content)
        workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        yield [Crew(executor, path, place, lambda: 2 * workers)]
