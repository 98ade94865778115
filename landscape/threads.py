"""The fastest number of torch's threads on a CPU, idle or busy.

Waiting threads of OpenMP spin: on a busy machine a parallel operation waits for a thread that the
system does not run, often a hundred times as long as the operation takes. Settings that bound the
spinning are far from the best on an idle machine or on a busy one
(``results/benchmarks/threads.md``), so the number of threads is measured before long work.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PROBE_SIZE, _PROBE_SECONDS, _PROBES = 192, 0.03, 2
_GAIN = 1.2  # of a parallel product over a serial one, where the cores are free
_ROUNDS = 3
# Seconds of one measurement of a step, and of all; a longer step is measured once.
_ONE, _ALL = 0.03, 0.2
# Fewer threads are preferred to so little more speed, and not tried after so much less.
_SAME, _SLOWER = 1.03, 1.5


def fastest_num_threads(step: Callable[[], object]) -> int:
    """Return the number of threads with which ``step`` runs fastest at this moment.

    Candidates are torch's present number of threads, its half, its quarter, … 1. Those for which
    the cores are not free are excluded by a product of matrices, which takes milliseconds; the
    others are timed on the step, as far as that is short.

    Args:
        step: Some typical work, without side effects.

    Example:
        >>> import torch
        >>> a = torch.randn(8, 8)
        >>> 1 <= fastest_num_threads(lambda: a @ a) <= torch.get_num_threads()
        True
    """
    candidates = _candidates()
    if candidates == [1]:
        return 1
    times: dict[int, float] = {}
    step()  # memory is allocated
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        for num in candidates:
            with num_threads(num):
                # The first step with a number of threads prepares kernels for it.
                times[num] = min(times.get(num, math.inf), _seconds(step))
            is_slower = times[num] > _SLOWER * min(times.values())
            if is_slower or times[num] > _ALL - (time.perf_counter() - began):
                break
        if time.perf_counter() - began > _ALL:
            break
    return min(num for num, each in times.items() if each <= _SAME * min(times.values()))


def use_free_cores() -> int:
    """Let torch use one thread for each free core.

    For the start of a command: even the construction of a model takes seconds with threads that
    wait for busy cores.

    Returns:
        Number of threads.
    """
    import torch

    num = _candidates()[0]
    torch.set_num_threads(num)
    return num


@contextmanager
def num_threads(num: int) -> Iterator[int]:
    """Let torch use ``num`` threads, and the previous number afterwards.

    Args:
        num: Number of threads.

    Yields:
        Number of threads.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield num
    finally:
        torch.set_num_threads(before)


def _candidates() -> list[int]:
    """Return the numbers of threads for which the cores are free, the largest first."""
    import torch

    found, num = [], torch.get_num_threads()
    if num == 1:
        return [1]
    matrix = torch.ones(_PROBE_SIZE, _PROBE_SIZE)

    def rate(num: int) -> float:
        with num_threads(num):
            return 1 / _seconds(lambda: matrix @ matrix, _PROBE_SECONDS)

    serial = rate(1)
    while num > 1:
        # Other work may take a core for a moment.
        if any(rate(num) > _GAIN * serial for _ in range(_PROBES)):
            found.append(num)
        num //= 2
    return [*found, 1]


def _seconds(step: Callable[[], object], at_least: float = _ONE) -> float:
    """Return the time of a step, the mean over several if it is short."""
    done, began = 0, time.perf_counter()
    while True:
        step()
        done += 1
        taken = time.perf_counter() - began
        if taken >= at_least:
            return taken / done
