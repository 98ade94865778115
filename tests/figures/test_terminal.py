import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from landscape.figures import terminal
from landscape.grid import Grid
from landscape.surface import Surface


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def slope(shape: tuple[int, int]) -> Surface:
    losses = 1.0 + np.add.outer(np.arange(shape[0]), 100.0 * np.arange(shape[1]))
    surface = Surface.empty(Grid.regular(shape), {}, {"name": "[red]slope"})
    return replace(surface, losses=losses, evaluated=np.ones(shape, dtype=bool))


@pytest.fixture(autouse=True)
def _a_terminal_with_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown(surface: Surface) -> list[str]:
    stream = Terminal()
    terminal.show(surface, stream)
    return stream.getvalue().splitlines()


def test_the_highest_beta_is_above_in_color() -> None:
    lines = shown(slope((5, 4)))
    assert len(lines) == 3  # four rows, two in a line
    first = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", lines[0])
    last = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", lines[1])
    assert len(first) == len(last) == 5
    assert tuple(map(int, first[-1][:3])) == (240, 249, 33)  # the highest: yellow
    assert tuple(map(int, last[0][3:])) == (13, 8, 135)  # the lowest: blue
    assert "[red]slope: loss 1 to 305" in lines[-1]


def test_without_color_it_is_shaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = shown(slope((5, 4)))
    assert "\x1b[38" not in "".join(lines)
    assert lines[0] == "█████"
    assert lines[1] == "▓▓▓▓▓"


def test_a_large_surface_fits_into_a_terminal() -> None:
    lines = shown(slope((251, 251)))
    assert len(lines) <= 24
    assert max(line.count("▀") for line in lines) <= 44


def test_a_line_is_drawn_from_the_side() -> None:
    assert shown(slope((8, 1)))[0] == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize("losses", [np.nan, np.inf])
def test_where_nothing_is_finite_nothing_is_drawn(losses: Any) -> None:
    surface = slope((3, 3))
    assert shown(replace(surface, losses=np.full((3, 3), losses))) == []
    some = surface.losses.copy()
    some[0, 0] = losses
    assert "128;128;128" in "".join(shown(replace(surface, losses=some)))
