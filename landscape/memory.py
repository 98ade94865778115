"""The memory of the machine: how much is left, and how the process takes it."""

import ctypes
import os
from functools import cache
from pathlib import Path

import torch

from landscape.devices import free_gpu_bytes, is_gpu, is_out_of_gpu_memory

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE, _NEVER = 2**30, -1


@cache
def keep_freed_memory() -> None:
    """Stop glibc from returning freed memory to the operating system (``mallopt``).

    By default it returns large tensors at once, and the next tensor of the same size causes page
    faults: these took half of the time of small networks on a CPU.
    """
    if not _RETURNS:
        _set(_M_MMAP_THRESHOLD, _LARGE)
        _set(_M_TRIM_THRESHOLD, _NEVER)


def _set(option: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(option, value)


_RETURNS = False

_SMALL = 2**19  # bytes: what is larger goes back to the system when it is freed


def return_freed_memory() -> None:
    """Let glibc return freed memory to the operating system, from now on.

    For weights that are gathered block by block: what is freed would be held otherwise.
    """
    global _RETURNS  # noqa: PLW0603
    _RETURNS = True
    _set(_M_MMAP_THRESHOLD, _SMALL)


def release_freed_memory() -> None:
    """Return what is free of the process's memory to the operating system (``malloc_trim``)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def free_bytes(device: torch.device) -> float:
    """Return the available memory in bytes (host, cgroup or GPU); ``inf`` if unknown."""
    if is_gpu(device):
        return free_gpu_bytes(device)
    return min(_available(), _left_of_control_group())


def _available() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = next(line for line in lines if line.startswith("MemAvailable:")).split()[1]
        return 1024.0 * int(kilobytes)
    except (OSError, StopIteration):
        return float("inf")


def _left_of_control_group() -> float:
    """Return what a container or a cluster's job leaves to its processes (Linux, version 2)."""
    folder = Path("/sys/fs/cgroup")
    try:
        own = folder / Path(f"/proc/{os.getpid()}/cgroup").read_text().split("::")[1].strip("/\n")
        group = own if (own / "memory.max").is_file() else folder
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        statistics = (group / "memory.stat").read_text().split()
        used -= int(statistics[statistics.index("inactive_file") + 1])  # given up when asked
    except (OSError, ValueError, IndexError):
        return float("inf")
    return float("inf") if limit == "max" else max(0.0, int(limit) - used)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether torch or Python raised it for want of memory."""
    if isinstance(error, MemoryError) or is_out_of_gpu_memory(error):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
