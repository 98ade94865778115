"""Devices: by name, and what torch does differently on a GPU.

The only module that names ``torch.cuda``.
"""

import gc
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.errors import first_line

# The first compute capability with tensor cores for each precision.
_CAPABILITIES = {"float16": (7, 0), "bfloat16": (8, 0), "tf32": (8, 0)}

# How torch and its libraries say that a GPU's memory does not suffice.
_OUT_OF_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")

_WARM_UP = 3

_CYCLES = 10_000_000  # of a GPU's clock


def choose_devices(
    names: str | torch.device | Sequence[str | torch.device],
) -> list[torch.device]:
    """Return devices by their names; ``auto`` is all GPUs that can be used, or the CPU.

    Args:
        names: One name or device, several separated by commas, or a sequence.

    Raises:
        ValueError: A device does not exist.
    """
    if names == "auto":
        return usable_gpus()[0] or [torch.device("cpu")]
    if isinstance(names, str):
        names = names.split(",")
    elif isinstance(names, torch.device):
        names = [names]
    if not names:
        raise ValueError("no device given")
    return [choose_device(name) for name in names]


def choose_device(name: str | torch.device) -> torch.device:
    """Return a device by its name; ``auto`` is the first GPU that can be used, or the CPU.

    Args:
        name: ``auto``, or as torch names it.

    Raises:
        ValueError: The device does not exist.
    """
    if name == "auto":
        return next(iter(usable_gpus()[0]), torch.device("cpu"))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ValueError(f"device {name} does not exist: torch finds {count} CUDA devices")
    return device


def usable_gpus() -> tuple[list[torch.device], list[str]]:
    """Return the GPUs that can be used, and for each other one a sentence with the reason."""
    usable, reasons = [], []
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        device = torch.device("cuda", number)
        if trouble := _trouble(device):
            reasons.append(f"{device} is not used: {trouble}")
        else:
            usable.append(device)
    return usable, reasons


@cache
def _trouble(device: torch.device) -> str:
    """Return why a GPU cannot be used: asked once, before this process fills it."""
    return why_unusable(device)


def hardware(device: torch.device) -> str:
    """Return the name of a device's chip.

    Args:
        device: The device.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def is_gpu(device: torch.device) -> bool:
    """Return whether a device computes asynchronously, with memory of its own.

    Args:
        device: The device.
    """
    return device.type == "cuda"


def entered(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which a device is torch's current one.

    Args:
        device: The device.
    """
    return torch.cuda.device(device) if is_gpu(device) else nullcontext()


def wait(device: torch.device) -> None:
    """Wait until a device has computed everything.

    Args:
        device: The device.
    """
    if is_gpu(device):
        torch.cuda.synchronize(device)


def release(device: torch.device) -> None:
    """Return what is free of a GPU's memory to it.

    Args:
        device: The device.
    """
    if is_gpu(device):
        gc.collect()
        with entered(device):
            torch.cuda.empty_cache()


def free_gpu_bytes(device: torch.device) -> float:
    """Return the free memory of a GPU, with what torch holds without using it.

    Args:
        device: The GPU.
    """
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return float(torch.cuda.mem_get_info(device)[0] + held)


def is_out_of_gpu_memory(error: BaseException) -> bool:
    """Return whether torch raised an error for want of a GPU's memory.

    Args:
        error: The error.
    """
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def gpus(devices: Sequence[torch.device]) -> list[torch.device]:
    """Return the GPUs among devices, as ``torch.random.fork_rng`` takes them.

    Args:
        devices: Devices.
    """
    return [device for device in devices if is_gpu(device)]


def computes_in(precision: str, device: torch.device) -> bool:
    """Return whether a device has fast arithmetic of a precision.

    Args:
        precision: The precision.
        device: The device.
    """
    if not is_gpu(device):
        return precision not in ("tf32", "float16")
    least = _CAPABILITIES.get(precision, (0, 0))
    return torch.cuda.get_device_capability(device) >= least


def num_multiprocessors(device: torch.device) -> int:
    """Return the number of a GPU's multiprocessors, or 1.

    Args:
        device: The device.
    """
    return torch.cuda.get_device_properties(device).multi_processor_count if is_gpu(device) else 1


def gpu_facts(device: torch.device) -> dict[str, str]:
    """Return what determines which kernels a GPU has, by name.

    Args:
        device: The GPU.
    """
    major, minor = torch.cuda.get_device_capability(device)
    compiled = torch.cuda.get_arch_list()
    own = f"sm_{major}{minor}" in compiled
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {
        "CUDA": str(torch.version.cuda or torch.version.hip),
        "cuDNN": str(cudnn),
        "driver": _driver(),
        "capability": f"{major}.{minor} ({'in' if own else 'not in'} {', '.join(compiled)})",
    }


def _driver() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return "unknown"
    return next((word for word in text.split() if word[0].isdigit() and "." in word), "unknown")


def why_unusable(device: torch.device, room: float = 1e9) -> str:
    """Return why nothing can be computed on a GPU, or an empty text.

    A tiny convolution is computed: torch may have no kernels for a card that it lists.

    Args:
        device: The device.
        room: Bytes of memory that must be free.
    """
    if not is_gpu(device):
        return ""
    try:
        free = free_gpu_bytes(device)
        if free < room:
            return f"{free / 1e9:.1f} GB of its memory are free, expected {room / 1e9:.1f} GB"
        with entered(device):
            ones = torch.ones(1, 1, 3, 3, device=device)
            torch.conv2d(ones, ones)
        wait(device)
    except RuntimeError as error:
        return first_line(error)
    return ""


def keep_busy(device: torch.device) -> None:
    """Give a GPU work of some milliseconds, for which nothing waits; a CPU none.

    Args:
        device: The device.
    """
    if is_gpu(device):
        with entered(device):
            torch.cuda._sleep(_CYCLES)  # type: ignore[no-untyped-call]


@contextmanager
def limited_gpu_memory(device: torch.device, room: float) -> Iterator[None]:
    """Let torch take only some more memory of a GPU than it holds.

    Args:
        device: The GPU.
        room: Bytes.

    Yields:
        None.
    """
    release(device)
    total = torch.cuda.get_device_properties(device).total_memory
    share = min(1.0, (torch.cuda.memory_reserved(device) + room) / total)
    with entered(device):
        torch.cuda.set_per_process_memory_fraction(share)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)


def gpu_state(device: torch.device) -> dict[str, object]:
    """Return what a recording must leave unchanged, by name.

    Args:
        device: The GPU.
    """
    return {
        "current stream": torch.cuda.current_stream(device),
        "synchronization mode": torch.cuda.get_sync_debug_mode(),
        "random numbers": torch.cuda.get_rng_state(device).tolist(),
    }


def is_recording(device: torch.device) -> bool:
    """Return whether a device records a graph at the moment.

    Args:
        device: The device.
    """
    return is_gpu(device) and torch.cuda.is_current_stream_capturing()


class Download:
    """An asynchronous copy of values from a GPU; only the reader waits.

    Args:
        values: On a GPU.
    """

    def __init__(self, values: Tensor) -> None:
        self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with entered(values.device):
            self._host.copy_(values, non_blocking=True)
            # Of the values' device: the current device may be another.
            self._event.record(torch.cuda.current_stream(values.device))

    def arrived(self) -> Tensor:
        """Return them, having waited for the device."""
        self._event.synchronize()
        return self._host


class Recording:
    """A function recorded as a CUDA graph.

    Torch's streams are left as they were, whatever the function raises.

    Args:
        work: Computes a tensor from tensors that stay in their place.
        device: A GPU.

    Raises:
        RuntimeError: The function waits for the device, so that it cannot be recorded.
    """

    def __init__(self, work: Callable[[], Tensor], device: torch.device) -> None:
        before = torch.cuda.get_sync_debug_mode()
        self._graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), entered(device):
            here = torch.cuda.current_stream(device)
            aside: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            aside.wait_stream(here)
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UP):  # libraries set themselves up outside of a recording
                    work()
                try:
                    _set_sync_debug_mode("error")  # what waits is not recorded
                    work()
                finally:
                    _set_sync_debug_mode(before)
                torch.cuda.synchronize(device)
                self._graph.capture_begin(capture_error_mode="thread_local")
                try:
                    self._values = work()
                finally:
                    self._graph.capture_end()
            here.wait_stream(aside)

    def replay(self) -> Tensor:
        """Return a copy of the result."""
        self._graph.replay()
        return self._values.clone()


def _set_sync_debug_mode(mode: str | int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not see everything that waits
        torch.cuda.set_sync_debug_mode(mode)
