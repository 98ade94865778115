"""Progress reporting: a bar on a terminal, plain lines in a log, and the time left."""

import sys
import time
from collections import deque
from typing import Protocol, TextIO

_SHORTEST_WINDOW = 30.0  # seconds
_MOST_SAMPLES = 512


class Progress(Protocol):
    """What long work reports to."""

    def note(self, text: str) -> None:
        """Say one thing, once."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Begin a piece of work of ``total`` steps, of which ``done`` were done before."""

    def update(self, done: int, detail: str = "") -> None:
        """Say how many steps are done."""

    def stop(self) -> None:
        """End the piece of work, finished or not."""


class Silent:
    """Reports nothing."""

    def note(self, text: str) -> None:  # noqa: D102
        pass

    def start(self, label: str, total: int, done: int = 0) -> None:  # noqa: D102
        pass

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        pass

    def stop(self) -> None:  # noqa: D102
        pass


class TimeLeft:
    """Estimates the time left from the rate over the last half of the time spent so far.

    A shorter window follows every stall of a busy machine; a longer one never forgets a slow
    start. Steps done before this piece of work was resumed do not count.

    Args:
        total: Steps of the whole work.
        done: Steps done before.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self._total = total
        self._began = time.monotonic()
        self._samples = deque([(self._began, done)])

    def update(self, done: int) -> None:
        """Record that ``done`` steps are done now."""
        now = time.monotonic()
        self._samples.append((now, done))
        start = now - max(_SHORTEST_WINDOW, (now - self._began) / 2)
        while len(self._samples) > 2 and self._samples[1][0] <= start:
            self._samples.popleft()
        if len(self._samples) > _MOST_SAMPLES:
            self._samples = deque([*list(self._samples)[:-1:2], self._samples[-1]])

    @property
    def rate(self) -> float:
        """Steps per second; 0 where unknown."""
        (began, first), (now, done) = self._samples[0], self._samples[-1]
        return (done - first) / (now - began) if now > began else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start, at the last update."""
        return self._samples[-1][0] - self._began

    def __str__(self) -> str:
        done = self._samples[-1][1]
        return f"{duration((self._total - done) / self.rate)} left" if self.rate > 0 else ""


class Lines:
    """Writes a line every 5 % or every 30 seconds, but not two in one second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:  # noqa: D102
        print(text, file=self._stream, flush=True)

    def start(self, label: str, total: int, done: int = 0) -> None:  # noqa: D102
        self._label, self._total = label, total
        self._time = TimeLeft(total, done)
        self._said, self._said_at = done, time.monotonic()

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        self._time.update(done)
        now = time.monotonic()
        steps, since = done - self._said, now - self._said_at
        finished = done >= self._total
        if not finished and (since < 1 or (since < 30 and steps < 0.05 * self._total)):
            return
        self._said, self._said_at = done, now
        if finished:
            tail = f"took {duration(self._time.elapsed)}"
        else:
            tail = f"{self._time.rate:.3g}/s, {self._time}"
        parts = [f"{self._label} {done}/{self._total}", *([detail] if detail else []), tail]
        self.note(", ".join(parts))

    def stop(self) -> None:  # noqa: D102
        pass


class Bar:
    """Draws a bar with the time left on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)

    def note(self, text: str) -> None:  # noqa: D102
        self._console.print(text, markup=False, soft_wrap=True)

    def start(self, label: str, total: int, done: int = 0) -> None:  # noqa: D102
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[detail]}", markup=False),
            progress.TextColumn("{task.fields[time]}", markup=False),
            console=self._console,
        )
        self._total, self._time = total, TimeLeft(total, done)
        self._task = self._bar.add_task(label, total=total, completed=done, detail="", time="")
        self._bar.start()

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        self._time.update(done)
        left = str(self._time) if done < self._total else duration(self._time.elapsed)
        self._bar.update(self._task, completed=done, detail=detail, time=left)

    def stop(self) -> None:  # noqa: D102
        self._bar.stop()


def for_terminal(stream: TextIO | None = None) -> Progress:
    """Return a bar where ``stream`` (by default stderr) is a terminal, else lines."""
    stream = stream or sys.stderr
    return Bar(stream) if stream.isatty() else Lines(stream)


def duration(seconds: float) -> str:
    """Return a time for people: ``0.4 s``, ``38 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
