"""Where the time of a scan goes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from landscape.behavior import fast_path, torch_settings
from landscape.devices import is_recording, wait
from landscape.evaluation.precision import DTYPES
from landscape.evaluation.rewrites import onednn
from landscape.objective import Objective


class Timer(Protocol):
    """What strategies report their parts to."""

    def __call__(self, part: str) -> AbstractContextManager[None]:
        """Return a context whose time belongs to a part of the work."""


def untimed(part: str) -> AbstractContextManager[None]:  # noqa: ARG001
    """Return a context in which nothing is timed."""
    return nullcontext()


class Clock:
    """Adds up the time of each part; nested parts are not counted twice.

    On a GPU it waits for the device at both ends of every part, which costs speed.

    Attributes:
        seconds: Time by part.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._inner = 0.0

    def __call__(self, part: str) -> AbstractContextManager[None]:
        """Return a context whose time belongs to a part of the work."""
        if torch.compiler.is_compiling() or is_recording(self._device):
            return nullcontext()
        return self._timed(part)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        outer, self._inner = self._inner, 0.0
        began = self._now()
        try:
            yield
        finally:
            elapsed = self._now() - began
            self.seconds[part] = self.seconds.get(part, 0.0) + elapsed - self._inner
            self._inner = outer + elapsed

    def _now(self) -> float:
        wait(self._device)
        return time.perf_counter()


_SAMPLE = 2

# Rows and columns of a product that reaches the full rate. On two cores of a CPU 2,048 do as well
# as 4,096, in an eighth of the time.
_PEAK_SIZE = {"cpu": 2048, "many": 4096, "cuda": 8192}
_MANY_THREADS = 8

_PRODUCTS = {"cpu": 1, "cuda": 10}  # that are timed at once: a GPU's launches take their time


def operations_per_image(objective: Objective) -> float:
    """Return the floating-point operations of one image's forward pass as the net is.

    Products and convolutions alone, a multiplication and an addition counted as two (torch's
    own counter).
    """
    some = objective.data.part(0, min(_SAMPLE, objective.num_images)).batches[0]
    # Operators of the fast path are not counted.
    with fast_path(False), torch.no_grad(), FlopCounterMode(display=False) as counter:
        objective.outputs(some.inputs)
    return float(counter.get_total_flops()) / some.num


def peak(device: torch.device, precision: str, size: int | None = None) -> float:
    """Return the floating-point operations per second of a large product of matrices.

    The better of torch's product and oneDNN's: on some CPUs one is twice as fast.

    Args:
        device: The device.
        precision: Of the product.
        size: Rows and columns; by default enough for the full rate.
    """
    size, num = size or _peak_size(device), _PRODUCTS[device.type]
    a = torch.randn(size, size, device=device).to(DTYPES[precision])
    products: list[Callable[[], Tensor]] = [lambda: a @ a]
    if device.type == "cpu" and a.dtype in onednn.TYPES and onednn.available("_linear_pointwise"):
        products.append(lambda: onednn.linear(a, a, None))
    times = []
    with torch_settings(precision), torch.no_grad():
        for product in products:
            for _ in range(4):
                began = time.perf_counter()
                for _ in range(num):
                    product()
                wait(device)
                times.append((time.perf_counter() - began) / num)
    return 2 * size**3 / min(times)


def _peak_size(device: torch.device) -> int:
    is_many = device.type == "cpu" and torch.get_num_threads() > _MANY_THREADS
    return _PEAK_SIZE["many" if is_many else device.type]


def report(
    seconds: Mapping[str, float],
    total: float,
    operations: float,
    device: torch.device,
    precision: str,
) -> str:
    """Return a table of the parts of a scan, for people.

    Args:
        seconds: Time of each part.
        total: Time of the whole; what no part had is the rest.
        operations: Floating-point operations of all forward passes as the net is.
        device: Where it was computed.
        precision: Of the forward pass.
    """
    parts = {**seconds, "rest": total - sum(seconds.values())}
    lines = [
        f"  {part:<9}{100 * taken / total:5.1f} %  {taken:.3g} s"
        for part, taken in sorted(parts.items(), key=lambda item: -item[1])
    ]
    if operations and (forward := seconds.get("forward", 0.0)):
        rate, most = operations / forward, peak(device, precision)
        lines.append(
            f"  forward at {rate / 1e9:.4g} GFLOP/s: {100 * rate / most:.0f} % of the "
            f"{most / 1e9:.4g} GFLOP/s of a {_peak_size(device)}² product in {precision} here"
        )
    return "\n".join(lines)
