"""Where the time of a scan goes."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import torch


class Timer(Protocol):
    """What strategies report their parts to."""

    def __call__(self, part: str) -> AbstractContextManager[None]:
        """Return a context whose time belongs to a part of the work."""


def untimed(part: str) -> AbstractContextManager[None]:  # noqa: ARG001
    """Time nothing."""
    return nullcontext()


class Clock:
    """Adds up the time of each part; nested parts are not counted twice.

    On a GPU it waits for the device at both ends of every part, which costs speed.

    Attributes:
        seconds: Time by part.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._on_gpu = device.type == "cuda"
        self._inner = 0.0

    def __call__(self, part: str) -> AbstractContextManager[None]:
        """Return a context whose time belongs to a part of the work."""
        if torch.compiler.is_compiling() or (
            self._on_gpu and torch.cuda.is_current_stream_capturing()
        ):
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
        if self._on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter()
