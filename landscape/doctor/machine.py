"""What a machine is, and how fast it copies and multiplies."""

import importlib.util
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from landscape import __version__
from landscape.devices import computes_in, gpu_facts, hardware, is_gpu, wait
from landscape.doctor.finding import Finding, checked
from landscape.evaluation.profiling import peak
from landscape.memory import free_bytes

_COPIED = {"cpu": 2**26, "cuda": 2**30}  # bytes

_SIZE = {"cpu": 2048, "cuda": 8192}  # of a matrix

_LAUNCHES = 1000

_COMPILERS = ("c++", "g++", "clang++", "cl")  # that torch.compile looks for on a CPU


def versions() -> Finding:
    """Return the versions of the software, and whether code can be compiled."""
    compiler = next((name for name in _COMPILERS if shutil.which(name)), "none")
    has_triton = importlib.util.find_spec("triton") is not None
    return Finding(
        "versions",
        "measured",
        f"landscape {__version__}, torch {torch.__version__}, numpy {np.__version__}, Python "
        f"{platform.python_version()}, {platform.platform()}, Triton {_yes(has_triton)}, C++ "
        f"compiler {compiler}",
    )


def chip(device: torch.device) -> Finding:
    """Return what a device is, and its free memory.

    Args:
        device: The device.
    """

    def found() -> Finding:
        facts = gpu_facts(device) if is_gpu(device) else _cpu_facts()
        text = ", ".join(f"{name} {value}" for name, value in facts.items())
        free = f"{free_bytes(device) / 1e9:.1f} GB free"
        return Finding("hardware", "measured", f"{hardware(device)}, {text}, {free}")

    return checked("hardware", found)


def _cpu_facts() -> dict[str, str]:
    capabilities = {
        name: getattr(torch.cpu, f"_is_{switch}_supported", lambda: False)()
        for name, switch in {
            "AVX-512": "avx512",
            "AVX-512 bfloat16": "avx512_bf16",
            "AMX": "amx_tile",
        }.items()
    }
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return {
        "threads": str(torch.get_num_threads()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "oneDNN": _yes(has_onednn),
        **{name: _yes(has_it) for name, has_it in capabilities.items()},
    }


def _yes(has_it: bool) -> str:
    return "yes" if has_it else "no"


def rates(device: torch.device) -> Iterator[Finding]:
    """Yield the rates of a copy and of products of matrices, and the cost of a launch.

    Args:
        device: The device.
    """
    yield checked("copy", lambda: _copy(device))
    for precision in ("float32", "tf32", "bfloat16", "float16"):
        if computes_in(precision, device):
            name = f"product of matrices, {precision}"
            yield checked(name, partial(_product, name, device, precision))
    if is_gpu(device):
        yield checked("launch", lambda: _launch(device))


def _product(name: str, device: torch.device, precision: str) -> Finding:
    rate = peak(device, precision, _SIZE[device.type])
    return Finding(name, "measured", f"{rate / 1e12:.3g} TFLOP/s")


def _copy(device: torch.device) -> Finding:
    size = _COPIED[device.type]
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    seconds = _seconds(lambda: target.copy_(source), device)
    return Finding("copy", "measured", f"{2 * size / seconds / 1e9:.3g} GB/s read and written")


def _launch(device: torch.device) -> Finding:
    one = torch.zeros(1, device=device)

    def launch() -> None:
        for _ in range(_LAUNCHES):
            one.add_(1)

    seconds = _seconds(launch, device) / _LAUNCHES
    return Finding("launch", "measured", f"{1e6 * seconds:.1f} µs for a kernel")


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the shortest of a few times of some work."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        work()
        wait(device)
        times.append(time.perf_counter() - began)
    return min(times)
