"""Figures change nothing of matplotlib that is not theirs."""

import pickle

import matplotlib
import pytest
from matplotlib import pyplot as plt

from landscape.figures.pyplot import settings
from landscape.surface import Surface


def test_only_what_is_set_is_put_back() -> None:
    with plt.rc_context({"font.size": 9.0, "interactive": False}):
        with settings({"font.size": 5.0}):
            assert matplotlib.rcParams["font.size"] == 5.0
            matplotlib.rcParams["interactive"] = True
        assert matplotlib.rcParams["font.size"] == 9.0
        assert matplotlib.rcParams["interactive"]


def test_figures_stay_pyplots_where_nothing_is_displayed(surface: Surface) -> None:
    figure = surface.plot(kind="heatmap", size=(3.0, 2.0))
    assert plt.gcf() is figure
    again = pickle.loads(pickle.dumps(figure))
    assert len(again.axes) == len(figure.axes)
    plt.close("all")


@pytest.mark.slow
def test_the_summary_leaves_pyplot_alone(surface: Surface) -> None:
    before = plt.get_fignums()
    assert "data:image/png" in surface._repr_html_()
    assert plt.get_fignums() == before


def test_a_surface_without_a_point_is_facts_alone(surface: Surface) -> None:
    empty = Surface.empty(surface.grid, surface.settings, {"name": "<b>"})
    text = empty._repr_html_()
    assert "<img" not in text
    assert "&lt;b&gt;" in text
    assert "0% of the points" in text
