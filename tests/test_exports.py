"""Surfaces as objects of other libraries."""

import numpy as np
import pytest
from torch import nn

from landscape.surface import Surface
from tests.scans import scan


def test_a_plotly_figure_has_the_losses_where_they_are(surface: Surface) -> None:
    surface.evaluated[0, 1] = False
    (trace,) = surface.to_plotly().data
    z = np.asarray(trace.z, dtype=float)
    assert z.shape == (2, 3)  # plotly has β along the rows
    assert np.isnan(z[1, 0])
    assert z[0, 2] == surface.losses[2, 0]
    np.testing.assert_array_equal(trace.x, surface.grid.alphas)


def test_a_line_is_a_curve_in_plotly(mlp: nn.Module, vectors: object) -> None:
    line = scan(mlp, data=vectors, points=(5, 1))
    (trace,) = line.to_plotly().data
    np.testing.assert_array_equal(trace.y, line.losses[:, 0])


def test_an_xarray_data_set_has_all_seeds(mlp: nn.Module, vectors: object) -> None:
    pytest.importorskip("xarray")
    surface = scan(mlp, data=vectors, points=(3, 2), seed=4, repeats=2)
    found = surface.to_xarray()
    assert dict(found.sizes) == {"seed": 2, "alpha": 3, "beta": 2}
    second = found["losses"].sel(seed=5)
    np.testing.assert_array_equal(second, surface.seeds[1].losses)
    assert found.attrs["normalize"] == "filter"


def test_a_data_frame_has_a_row_for_each_evaluated_point(surface: Surface) -> None:
    pytest.importorskip("pandas")
    surface.evaluated[1, 0] = False
    rows = surface.to_dataframe()
    assert len(rows) == 5
    assert list(rows.columns) == ["seed", "alpha", "beta", "loss", "accuracy", "standard_error"]
    last = rows.iloc[-1]
    assert (last.alpha, last.beta, last.loss) == (1, 0.25, surface.losses[2, 1])


def test_iteration_yields_evaluated_points(surface: Surface) -> None:
    surface.evaluated[0, 0] = False
    found = list(surface)
    assert len(found) == 5
    alpha, beta, values = found[0]
    assert (alpha, beta, values.loss) == (-1, 0.25, surface.losses[0, 1])
