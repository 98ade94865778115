"""Evaluate points on several devices, with one worker process each."""

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

import torch

from landscape import user_code
from landscape.behavior import torch_settings
from landscape.errors import LandscapeError, first_line
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import reference_plan, run
from landscape.memory import keep_freed_memory
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point, Values

_SECONDS_PER_TASK = 2.0

Task = list[tuple[int, Point]]
"""Some points with their numbers."""


_CPU = torch.device("cpu")


class NotSpreadError(LandscapeError):
    """No worker process could be started; nothing was computed."""


def spread(
    objective: Objective,
    plane: Plane,
    points: Sequence[Point],
    devices: Sequence[torch.device],
    *,
    decision: Decision,
    seconds_per_point: float,
    note: Callable[[str], None],
) -> Generator[tuple[int, Values]]:
    """Yield the number and the values of each point, in the order in which they are ready.

    Every process has the same plan; the points of one that dies are given to the others. Tasks
    take a few seconds, and less towards the end.

    Args:
        objective: The objective.
        plane: The plane.
        points: (α, β) of each point.
        devices: One for each process.
        decision: The plan of all processes.
        seconds_per_point: Expected time of a point; determines the size of a task.
        note: Receives a message for every process that dies.

    Raises:
        NotSpreadError: The model, the loss or the data cannot be sent to another process, or
            is not understood there.
        LandscapeError: All processes died at work.
    """
    parcel = _parcel(objective, plane, decision)
    at_a_time = max(1, min(256, round(_SECONDS_PER_TASK / max(seconds_per_point, 1e-6))))
    tasks = deque(_tasks(points, at_a_time, len(devices)))
    processes: dict[Connection, Any] = {}
    try:
        _start(processes, devices, parcel)
        at_work: dict[Connection, Task] = {connection: [] for connection in processes}
        alive, ready = set(at_work), False
        while at_work:
            for connection in wait(list(at_work)):
                assert isinstance(connection, Connection)  # noqa: S101
                task = at_work.pop(connection)
                try:
                    yield from connection.recv()
                    ready, task = True, []  # answered: not to be done again
                    if tasks:
                        connection.send(tasks[0])
                        at_work[connection] = tasks.popleft()
                except (EOFError, OSError):
                    if task:
                        tasks.append(task)
                    alive.discard(connection)
                    note("a worker process died; its points are given to the others")
            if not ready and not alive:
                raise NotSpreadError(
                    "Could not start worker processes. When running from a script, guard it with "
                    'if __name__ == "__main__":.'
                )
            if not at_work and tasks:
                at_work = _handed_out(alive, tasks)
    finally:
        for connection, process in processes.items():
            connection.close()
            process.terminate()
            process.join()


def _tasks(points: Sequence[Point], most: int, num_processes: int) -> Iterator[Task]:
    """Yield the points in parts of at most ``most``, which shrink towards the end.

    So that no process waits long for the last of the others.
    """
    numbered = list(enumerate(points))
    while numbered:
        size = min(most, max(1, len(numbered) // (2 * num_processes)))
        yield numbered[:size]
        numbered = numbered[size:]


def _parcel(objective: Objective, plane: Plane, *others: object) -> bytes:
    """Return what every process receives.

    Raises:
        NotSpreadError: The model, the loss or the data cannot be pickled.
    """
    try:
        return pickle.dumps((objective.to(_CPU), plane.to(_CPU, objective.dtype), *others))
    except Exception as error:  # whatever a user's own class raises
        raise NotSpreadError(
            "the model or the loss cannot be sent to other processes, define them in a module "
            f"({first_line(error)})"
        ) from error


def _start(
    processes: dict[Connection, Any], devices: Sequence[torch.device], parcel: bytes
) -> None:
    """Start a process for each device, and add it to ``processes`` by its connection.

    The parcel follows when all have started, from threads: it may be as large as the data.
    """
    threads = max(1, torch.get_num_threads() // len(devices))
    context = multiprocessing.get_context("spawn")
    for device in devices:
        here, there = context.Pipe()
        process = context.Process(
            target=_work,
            args=(there, user_code.loaded_files(), str(device), threads),
            daemon=True,
        )
        process.start()
        there.close()  # else the death of the process would go unnoticed
        processes[here] = process
    for connection in processes:
        Thread(target=_send, args=(connection, parcel), daemon=True).start()


def _send(connection: Connection, parcel: bytes) -> None:
    with suppress(OSError):  # the process has died, which the reader of its answers notices
        connection.send_bytes(parcel)


def _handed_out(alive: set[Connection], tasks: deque[Task]) -> dict[Connection, Task]:
    """Return the tasks of processes, with points that came back given to those without work.

    Raises:
        LandscapeError: No process is left.
    """
    given = {}
    while tasks and alive:
        connection = alive.pop()
        try:
            connection.send(tasks[0])
            given[connection] = tasks.popleft()
        except OSError:
            continue  # dead as well
    if tasks and not given:
        raise LandscapeError(
            "all processes died: out of memory? What is computed is kept; run it again"
        )
    alive |= given.keys()
    return given


def _work(connection: Connection, files: list[str], device: str, threads: int) -> None:
    """Compute what is sent, until the connection ends: the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides
    keep_freed_memory()
    torch.set_num_threads(threads)
    with suppress(EOFError, OSError):
        for file in files:
            user_code.load_file(file)
        # Written by the process that started this one.
        objective, plane, decision = pickle.loads(connection.recv_bytes())  # noqa: S301
        place = torch.device(device)
        objective, plane = objective.to(place), plane.to(place, objective.dtype)
        plan = decision.plan(objective, plane) or reference_plan(objective, plane)
        strategy = None
        with suppress(Exception), torch_settings(plan.precision):  # run() reports what it raises
            strategy = plan.on(objective)
        connection.send([])  # ready
        while True:
            task = connection.recv()
            points = [point for _, point in task]
            with closing(run(plan, objective, points, strategy=strategy)) as computed:
                values = list(computed)
            connection.send([(k, v) for (k, _), v in zip(task, values, strict=True)])
