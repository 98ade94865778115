"""Losses that are hard to draw: every finite point is visible, and the scale is right."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from numpy.typing import NDArray

import landscape
from landscape.errors import LandscapeError
from landscape.figures.between import alone
from landscape.grid import Grid
from landscape.scale import Scale
from landscape.surface import Surface

GRID = Grid.regular(11)
ALPHAS, BETAS = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
BOWL = ALPHAS**2 + BETAS**2

CASES: dict[str, Any] = {
    "negative": BOWL - 1.2,
    "zeros": np.maximum(BOWL - 0.3, 0) * 1e3,
    "nan region": np.where(ALPHAS + BETAS > 0.5, np.nan, BOWL),
    "one row": np.where(np.abs(ALPHAS) < 1e-9, BOWL + 0.1, np.nan),
    "one point": np.where((np.abs(ALPHAS) < 1e-9) & (np.abs(BETAS) < 1e-9), 0.3, np.nan),
    "checker": np.where(np.indices(GRID.shape).sum(0) % 2 == 0, BOWL + 0.1, np.nan),
    "inf rim": np.where(BOWL > 1.2, np.inf, BOWL + 0.1),
    "1e30": np.where(BOWL > 1.5, 1e30, BOWL + 0.1),
    "1e308": np.where(BOWL > 1.5, 1.7e308, BOWL + 0.1),
    "constant": np.full(GRID.shape, 2.302585),
    "constant zero": np.zeros(GRID.shape),
    "tiny relief": 2.302585 + 1e-13 * BOWL,
    "flat": 2.302585 + 1e-6 * BOWL,
    "denormal": 1e-310 * (BOWL + 1),
    "nothing": np.full(GRID.shape, np.nan),
    "-1e30": -1e30 * (BOWL + 1),
}


def surface_of(losses: NDArray[np.float64]) -> Surface:
    known = np.ones(GRID.shape, dtype=bool)
    empty = Surface.empty(GRID, {"images": 10, "loss": "own"}, {"name": "odd"})
    return replace(empty, losses=losses, evaluated=known, examples=10 * known)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["auto", "log", "linear"])
@pytest.mark.parametrize("name", CASES)
def test_every_finite_point_is_drawn_or_the_reason_is_given(name: str, scale: Any) -> None:
    """A numpy or matplotlib warning is an error here."""
    losses = CASES[name]
    surface = surface_of(losses)
    finite = int(np.isfinite(losses).sum())
    for kind in ("surface", "contour", "heatmap"):
        if not finite or (scale == "log" and not (losses > 0).any()):
            with pytest.raises(LandscapeError, match="nothing to draw|needs positive losses"):
                landscape.plot(surface, kind=kind, scale=scale)
            continue
        figure = landscape.plot(surface, kind=kind, scale=scale)
        figure.savefig("/dev/null", format="png", dpi=30)
        dots = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
        if kind != "heatmap" and name in ("one row", "one point", "checker"):
            assert [np.shape(each.get_offsets()) for each in dots] == [(finite, 2)]
        else:
            assert not dots
        plt.close(figure)


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6)))
def test_points_of_no_whole_cell_are_alone(known: NDArray[np.bool_]) -> None:
    found = alone(np.where(known, 1.0, np.nan))
    rows, columns = known.shape
    for i in range(rows):
        for j in range(columns):
            corners = [
                known[max(0, a) : a + 2, max(0, b) : b + 2]
                for a in (i - 1, i)
                for b in (j - 1, j)
                if 0 <= a < rows - 1 and 0 <= b < columns - 1
            ]
            shown = any(each.all() for each in corners)
            assert found[i, j] == (known[i, j] and not shown)


@given(st.lists(st.floats(-2, 2), min_size=121, max_size=121))
def test_a_log_scale_counts_what_lies_on_its_floor(values: list[float]) -> None:
    losses = np.reshape(values, GRID.shape)
    surface = surface_of(losses)
    if not (losses > 0).any():
        return
    scale = Scale.covering([surface], "log")
    assert scale.floored == (losses <= 0).sum()
    assert Scale.covering([surface], "linear").floored == 0


def test_the_scale_says_so() -> None:
    surface = surface_of(CASES["negative"])
    num = int((surface.losses <= 0).sum())
    figure = landscape.plot(surface, kind="heatmap", scale="log")
    labels = " ".join(axes.get_ylabel().replace("\n", " ") for axes in figure.axes)
    assert f"{num} points at or below 0" in labels
    plt.close(figure)
