"""Points spread over several devices, one process each."""

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from landscape import usercode
from landscape.errors import LandscapeError, first_line
from landscape.evaluate.chooser import choose, run
from landscape.evaluate.precision import Precision, kernels
from landscape.evaluate.values import Point, Values
from landscape.memory import keep_freed_memory
from landscape.objective import Objective
from landscape.plane import Plane

_SECONDS_PER_TASK = 2.0

Task = list[tuple[int, Point]]
"""Some points with their numbers."""


class NotSpreadError(LandscapeError):
    """No process could begin, so that nothing was computed."""


def spread(
    objective: Objective,
    plane: Plane,
    points: Sequence[Point],
    devices: Sequence[torch.device],
    *,
    probes: Sequence[Point],
    precision: Precision,
    images_per_batch: int | None,
    seconds_per_point: float,
    note: Callable[[str], None],
) -> Generator[tuple[int, Values]]:
    """Yield the number and the values of each point, in the order in which they are ready.

    Every process chooses its own way to compute; the points of one that dies are given to
    the others.

    Args:
        objective: What is averaged over which data.
        plane: The plane.
        points: Where.
        devices: One for each process.
        probes: Where ways are compared.
        precision: Of the forward pass.
        images_per_batch: The only number of images per batch to try, if given.
        seconds_per_point: About what a point takes; determines how many go at a time.
        note: Told of processes that die.

    Raises:
        NotSpreadError: The model, the loss or the data cannot be sent to another process, or
            is not understood there.
        LandscapeError: All processes died at work.
    """
    home, dtype = torch.device("cpu"), objective.dtype
    try:
        parcel = pickle.dumps(
            (
                objective.to(home),
                plane.to(home, dtype),
                list(probes),
                len(points) // len(devices),
                precision,
                images_per_batch,
            )
        )
    except Exception as error:  # whatever a user's own class raises
        raise NotSpreadError(
            "the model or the loss cannot be sent to other processes, define them in a module "
            f"({first_line(error)})"
        ) from error
    at_a_time = max(1, min(256, round(_SECONDS_PER_TASK / max(seconds_per_point, 1e-6))))
    numbered = list(enumerate(points))
    tasks = deque(numbered[k : k + at_a_time] for k in range(0, len(points), at_a_time))
    threads = max(1, torch.get_num_threads() // len(devices))
    context = multiprocessing.get_context("spawn")
    at_work: dict[Connection, Task] = {}
    processes: dict[Connection, Any] = {}
    try:
        for device in devices:
            here, there = context.Pipe()
            process = context.Process(
                target=_work,
                args=(there, parcel, usercode.loaded_files(), str(device), threads),
                daemon=True,
            )
            process.start()
            there.close()
            processes[here] = process
            at_work[here] = []
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
                    note("a process died; the others go on with its points")
            if not ready and not alive:
                raise NotSpreadError(
                    "no other process could begin (what runs a script again must be guarded by "
                    'if __name__ == "__main__")'
                )
            if not at_work and tasks:
                at_work = _handed_out(alive, tasks)
    finally:
        for connection, process in processes.items():
            connection.close()
            process.terminate()
            process.join()


def _handed_out(alive: set[Connection], tasks: deque[Task]) -> dict[Connection, Task]:
    """Give points that came back to processes that had run out of work."""
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


def _work(
    connection: Connection, parcel: bytes, files: list[str], device: str, threads: int
) -> None:
    """Compute what is sent, until the connection ends: the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides
    keep_freed_memory()
    torch.set_num_threads(threads)
    for file in files:
        usercode.load_file(file)
    # Written by the process that started this one.
    objective, plane, probes, num_points, precision, images_per_batch = pickle.loads(parcel)  # noqa: S301
    place = torch.device(device)
    objective, plane = objective.to(place), plane.to(place, objective.dtype)
    with kernels(tf32=False):
        choice = choose(
            objective,
            plane,
            probes,
            num_points,
            precision=precision,
            images_per_batch=images_per_batch,
        )
        try:
            connection.send([])  # ready
            while True:
                task = connection.recv()
                points = [point for _, point in task]
                with closing(run(choice, objective, points, lambda _: None)) as computed:
                    values = list(computed)
                connection.send([(k, v) for (k, _), v in zip(task, values, strict=True)])
        except (EOFError, OSError):
            return
