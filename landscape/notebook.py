"""Progress bars and pages in the cells of notebooks."""

import sys
import time
from dataclasses import dataclass
from html import escape
from typing import Any

from landscape.progress import Progress, Silent, TimeLeft, duration

_BETWEEN = 0.1  # seconds from one drawing of the bar to the next
_STYLE = "font-family: system-ui, sans-serif; font-size: 13px"
_HEIGHT = 680  # pixels of the page in a cell


def is_notebook() -> bool:
    """Return whether a notebook's kernel runs this code; IPython is not imported for that."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    kinds = type(get_shell()).__mro__ if get_shell is not None else ()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in kinds)


def default_progress() -> Progress:
    """Return the default progress: a bar in a notebook, else nothing."""
    return Bar() if is_notebook() else Silent()


def show_page(page: str, text: str) -> None:
    """Display a whole HTML page in the cell.

    It is part of the notebook, so a remote kernel and a saved notebook show it as well. The
    frame has an origin of its own: the page cannot reach the notebook around it.

    Args:
        page: The page; it loads nothing from elsewhere.
        text: What is displayed where HTML cannot be.
    """
    source = page.replace("&", "&amp;").replace('"', "&quot;")
    frame = (
        '<div><iframe sandbox="allow-scripts allow-downloads allow-modals allow-popups" '
        'allow="clipboard-write; fullscreen" '
        f'style="width: 100%; height: {_HEIGHT}px; border: 0" srcdoc="{source}"></iframe></div>'
    )
    _display({"text/html": frame, "text/plain": text})


@dataclass
class _Note:
    """A line of text."""

    content: str

    def text(self) -> str:
        """Return it for where HTML cannot be displayed."""
        return self.content

    def html(self) -> str:
        """Return it as HTML."""
        return f"<div>{escape(self.content)}</div>"


@dataclass
class _Work:
    """A piece of work with its bar.

    Attributes:
        label: What it is.
        total: Its steps.
        done: How many are done.
        time: The time spent and left.
        detail: What else is known.
        is_over: Whether it has ended, finished or not.
    """

    label: str
    total: int
    done: int
    time: TimeLeft
    detail: str = ""
    is_over: bool = False

    def text(self) -> str:
        """Return it for where HTML cannot be displayed."""
        return f"{self.label} {self._count()}"

    def html(self) -> str:
        """Return a bar with its texts."""
        return (
            f"<div>{escape(self.label)} "
            f'<progress value="{self.done}" max="{max(self.total, 1)}"></progress> '
            f"{escape(self._count())}</div>"
        )

    def _count(self) -> str:
        """Return how far it is."""
        parts = [f"{self.done}/{self.total}", *([self.detail] if self.detail else [])]
        if self.done >= self.total:
            parts.append(f"took {duration(self.time.elapsed)}")
        elif self.is_over:
            parts.append(f"stopped after {duration(self.time.elapsed)}")
        elif self.time.rate > 0:
            parts.append(str(self.time))
        return ", ".join(parts)


class Bar:
    """Draws bars and notes as one output of the cell, which is updated."""

    def __init__(self) -> None:
        self._rows: list[_Note | _Work] = []
        self._handle: Any = None
        self._drawn = 0.0

    def note(self, text: str) -> None:  # noqa: D102
        self._rows.append(_Note(text))
        self._draw()

    def start(self, label: str, total: int, done: int = 0) -> None:  # noqa: D102
        self._work = _Work(label, total, done, TimeLeft(total, done))
        self._rows.append(self._work)
        self._draw()

    def update(self, done: int, detail: str = "") -> None:  # noqa: D102
        self._work.done, self._work.detail = done, detail
        self._work.time.update(done)
        if time.monotonic() - self._drawn >= _BETWEEN:
            self._draw()

    def stop(self) -> None:  # noqa: D102
        self._work.is_over = True
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        html = "".join(row.html() for row in self._rows)
        output = {
            "text/html": f'<div style="{_STYLE}">{html}</div>',
            "text/plain": "\n".join(row.text() for row in self._rows),
        }
        if self._handle is None:
            self._handle = _display(output, display_id=True)
        else:
            self._handle.update(output, raw=True)


def _display(output: dict[str, str], **options: Any) -> Any:
    from IPython import display  # installed: a kernel runs

    show: Any = display.display
    return show(output, raw=True, **options)
