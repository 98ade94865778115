from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surface import Surface


def test_shapes_must_be_the_grids(surface: Surface) -> None:
    with pytest.raises(ValueError, match=r"losses has shape \(2, 3\), the grid \(3, 2\)"):
        replace(surface, losses=surface.losses.T)


def test_the_center_is_known_only_where_it_is_a_point() -> None:
    for points, expected in ((3, 5.0), (2, None)):
        surface = Surface.empty(Grid.regular(points), {}, {})
        assert surface.center_loss is None
        surface.losses[:], surface.evaluated[:] = 5.0, True
        assert surface.center_loss == expected


def test_gaps_are_filled_from_their_nearest_neighbors_only() -> None:
    surface = Surface.empty(Grid.regular((5, 1)), {}, {})
    with pytest.raises(LandscapeError, match="no point is evaluated"):
        surface.filled()
    surface.losses[0], surface.losses[4] = 1.0, 3.0
    surface.evaluated[[0, 4]] = True
    assert surface.filled()[:, 0].tolist() == [1, 1, 2, 3, 3]
    assert np.isnan(surface.losses[1])


def test_filling_keeps_what_is_evaluated_also_if_it_is_infinite() -> None:
    surface = Surface.empty(Grid.regular(2), {}, {})
    surface.losses[:] = [[np.inf, 1.0], [np.nan, 2.0]]
    surface.evaluated[:] = True
    np.testing.assert_array_equal(surface.filled(), surface.losses)
