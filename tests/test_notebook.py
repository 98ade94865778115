"""What a notebook is, and what is displayed there, without a kernel."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

from landscape import notebook, page
from landscape.progress import Silent
from landscape.surface import Surface
from tests.scans import scan


class Display:
    """Keeps what is displayed, as a handle of IPython does."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def __call__(self, output: dict[str, str], **options: Any) -> "Display":
        self.shown.append(output)
        return self

    update = __call__


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    found = Display()
    monkeypatch.setattr(notebook, "_display", found)
    return found


def pretend(monkeypatch: pytest.MonkeyPatch, shell: Any) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


class ZMQInteractiveShell:
    """As the shell of a kernel is called."""


class Shell(ZMQInteractiveShell):
    """One made from it."""


def test_a_kernel_is_a_notebook_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not notebook.is_notebook()
    assert isinstance(notebook.default_progress(), Silent)
    for terminal in (None, SimpleNamespace()):  # imported only, and in a terminal
        pretend(monkeypatch, terminal)
        assert not notebook.is_notebook()
    for kernel in (ZMQInteractiveShell(), Shell()):
        pretend(monkeypatch, kernel)
        assert notebook.is_notebook()
        assert isinstance(notebook.default_progress(), notebook.Bar)


def test_a_bar_is_one_output(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("landscape.notebook.time.monotonic", lambda: now)
    bar = notebook.Bar()
    bar.note("two <b>")
    bar.start("net", 1000, 200)
    for done in range(201, 501):
        now += 1 / 64
        bar.update(done, "loss 1")
    assert len(display.shown) == 2 + 300 // 7  # at most ten a second
    last = display.shown[-1]
    assert last["text/plain"] == "two <b>\nnet 494/1000, loss 1, 7.9 s left"
    assert "two &lt;b&gt;" in last["text/html"]
    assert last["text/html"].count("<progress") == 1
    bar.stop()
    assert display.shown[-1]["text/plain"].endswith("500/1000, loss 1, stopped after 4.7 s")
    bar.start("next", 2)
    bar.update(2)
    bar.stop()
    assert display.shown[-1]["text/plain"].splitlines()[2] == "next 2/2, took 0.0 s"
    assert display.shown[-1]["text/html"].count("<progress") == 2


def test_the_page_is_displayed_unless_a_file_or_the_browser_is_wanted(
    surface: Surface, display: Display, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("landscape.page.open_in_browser", opened.append)
    pretend(monkeypatch, ZMQInteractiveShell())
    assert surface.view() is None
    assert page.view(surface, surface) is None
    assert len(display.shown) == 2
    assert surface.view(tmp_path / "a.html") == tmp_path / "a.html"
    assert surface.view(open_browser=False) is not None
    assert (len(display.shown), opened) == (2, [])
    path = surface.view(open_browser=True)
    assert path is not None
    assert (len(display.shown), opened) == (2, [path.as_uri()])


def test_a_scan_is_silent_in_plain_python(
    mlp: nn.Module, vectors: tuple[Tensor, Tensor], capfd: pytest.CaptureFixture[str]
) -> None:
    scan(mlp, data=vectors, points=2)
    assert capfd.readouterr() == ("", "")
