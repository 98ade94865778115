"""The number of threads of torch on a CPU: the fastest one on an idle machine and on a busy one.

Waiting threads of OpenMP spin: on a busy machine they take the cores from those that work.
``results/benchmarks/threads.md`` compares the settings that bound this. To measure the best number
of threads before long work is the only one that is near the best everywhere.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ROUNDS = 3
# Seconds of one measurement, and of all; longer steps are measured once.
_ONE, _ALL = 0.03, 0.5
# Fewer threads are preferred to so little more speed, and not tried after so much less.
_SAME, _SLOWER = 1.03, 1.5


def fastest_num_threads(step: Callable[[], object]) -> int:
    """Return the number of threads with which ``step`` runs fastest at this moment.

    Tried are torch's present number of threads, its half, its quarter, … 1. Beside other busy
    processes one thread is often several times as fast as all.

    Args:
        step: Some typical work, without side effects.
    """
    import torch

    candidates = [torch.get_num_threads()]
    if candidates == [1]:
        return 1
    while candidates[-1] > 1:
        candidates.append(candidates[-1] // 2)
    times: dict[int, float] = {}
    step()  # memory is allocated
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        for num in candidates:
            with num_threads(num):
                # The first step with a number of threads prepares kernels for it.
                times[num] = min(times.get(num, math.inf), _seconds(step))
            if times[num] > _SLOWER * min(times.values()):
                break
        if time.perf_counter() - began > _ALL:
            break
    return min(num for num, each in times.items() if each <= _SAME * min(times.values()))


@contextmanager
def num_threads(num: int) -> Iterator[int]:
    """Let torch use ``num`` threads, which are given, and the former number afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield num
    finally:
        torch.set_num_threads(before)


def _seconds(step: Callable[[], object]) -> float:
    """Return the time of a step, the mean over several where it is short."""
    done, began = 0, time.perf_counter()
    while True:
        step()
        done += 1
        taken = time.perf_counter() - began
        if taken >= _ONE:
            return taken / done
