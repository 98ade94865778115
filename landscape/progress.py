"""How long work tells how far it is: a bar on a terminal, plain lines in a log."""

import sys
import time
from typing import Protocol, TextIO


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


class Lines:
    """Writes a line every 5 % or every 30 seconds, but not two in one second.

    The time left is computed from the steps of this piece of work alone, not from those
    done before it was resumed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:  # noqa: D102
        print(text, file=self._stream, flush=True)

    def start(self, label: str, total: int, done: int = 0) -> None:  # noqa: D102
        self._label, self._total, self._first = label, total, done
        self._began = self._said_at = time.monotonic()
        self._said = done

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        now = time.monotonic()
        steps, since = done - self._said, now - self._said_at
        finished = done >= self._total
        if not finished and (since < 1 or (since < 30 and steps < 0.05 * self._total)):
            return
        self._said, self._said_at = done, now
        elapsed = now - self._began
        rate = (done - self._first) / elapsed if elapsed > 0 else 0.0
        if finished:
            tail = f"took {duration(elapsed)}"
        else:
            left = duration((self._total - done) / rate) if rate > 0 else "unknown"
            tail = f"{rate:.3g}/s, {left} left"
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
            progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
        )
        self._task = self._bar.add_task(label, total=total, completed=done, detail="")
        self._bar.start()

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        self._bar.update(self._task, completed=done, detail=detail)

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
