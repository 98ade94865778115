from dataclasses import replace

import numpy as np
import pytest

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.overlays import Mark
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
        assert surface.center_accuracy is None  # is not defined, or no point
        surface.accuracies[:], surface.examples[:] = 0.5, 7
        assert surface.center_accuracy == (0.5 if expected else None)
        assert surface.center_images == (7 if expected else None)


def test_values_at_the_center_are_that_points() -> None:
    surface = Surface.empty(Grid.regular((3, 5), (-2, 0), (-1, 3)), {}, {})
    surface.evaluated[:] = True
    for name, value in (("losses", 4.0), ("accuracies", 0.25), ("examples", 3)):
        getattr(surface, name)[:] = 9
        getattr(surface, name)[2, 1] = value
    assert surface.center == (2, 1)
    assert (surface.center_loss, surface.center_accuracy, surface.center_images) == (4, 0.25, 3)


def test_gaps_of_a_line_are_straight() -> None:
    surface = Surface.empty(Grid.regular((5, 1)), {}, {})
    with pytest.raises(LandscapeError, match="no point is evaluated"):
        surface.interpolated()
    surface.losses[0], surface.losses[3] = 1.0, 4.0
    surface.evaluated[[0, 3]] = True
    np.testing.assert_allclose(surface.interpolated()[:, 0], [1, 2, 3, 4, 4])
    assert np.isnan(surface.losses[1])


@pytest.mark.parametrize("done", [0.05, 0.2, 0.9])
def test_a_plane_is_filled_exactly_and_never_rugged(done: float) -> None:
    grid = Grid.regular((21, 17), (-1, 1), (0, 3))
    losses = 10 + 2 * grid.alphas[:, None] + grid.betas[None]
    surface = Surface.empty(grid, {}, {})
    order = grid.order()[: int(done * grid.size)]
    surface.losses.flat[order] = losses.flat[order]
    surface.evaluated.flat[order] = True
    surface.evaluated[5, 5], surface.losses[5, 5] = True, np.inf
    filled = surface.interpolated()
    assert filled[5, 5] == np.inf
    losses[5, 5] = np.inf
    # The corners come first, so that all is between known points.
    np.testing.assert_allclose(filled, losses)


def test_steep_surfaces_are_filled_by_ratios() -> None:
    surface = Surface.empty(Grid.regular(3), {}, {})
    surface.losses[0], surface.losses[2] = 1.0, 1e4
    surface.evaluated[[0, 2]] = True
    np.testing.assert_allclose(surface.interpolated()[1], 100)


def test_few_points_fill_the_whole_grid() -> None:
    surface = Surface.empty(Grid.regular(4), {}, {})
    surface.losses[1, 1] = 7.0
    surface.evaluated[1, 1] = True
    np.testing.assert_allclose(surface.interpolated(), 7)
    surface.losses[2, 2], surface.evaluated[2, 2] = np.nan, True
    assert np.isnan(surface.interpolated()[2, 2])
    assert np.isfinite(surface.interpolated()).sum() == 15


def test_the_median_of_seeds_knows_what_has_diverged(surface: Surface) -> None:
    others = [surface.copy() for _ in range(2)]
    for other in others:
        other.losses[0, 0] = np.nan
    assert replace(surface, repeats=tuple(others)).median.losses[0, 0] == np.inf
    others[0].evaluated[0, 0] = others[1].evaluated[0, 0] = False
    median = replace(surface, repeats=tuple(others)).median
    assert median.losses[0, 0] == surface.losses[0, 0]


def test_the_surface_of_a_seed_is_without_the_others(surface: Surface) -> None:
    other = surface.copy()
    other.losses[:] += 5
    both = replace(surface, repeats=(other,))
    for one, expected in zip(both.seeds, (surface, other), strict=True):
        np.testing.assert_array_equal(one.median.losses, expected.losses)


def test_filling_keeps_what_is_evaluated_also_if_it_is_infinite() -> None:
    surface = Surface.empty(Grid.regular(2), {}, {})
    surface.losses[:] = [[np.inf, 1.0], [np.nan, 2.0]]
    surface.evaluated[:] = True
    np.testing.assert_array_equal(surface.interpolated(), surface.losses)


def test_losses_between_the_points_are_linear_along_both_axes() -> None:
    surface = Surface.empty(Grid.regular((3, 2), (0.0, 2.0), (0.0, 1.0)), {}, {})
    surface.losses[:] = np.array([[0, 1], [2, 3], [4, np.inf]])
    surface.evaluated[:] = True
    assert surface.loss_at(0.25, 0.5) == 1.0
    assert surface.loss_at(1.0, 1.0) == 3.0
    assert surface.loss_at(2.0, 0.0) == 4.0
    for alpha, beta in ((1.5, 0.5), (2.1, 0.0), (0.0, -1.0)):
        assert np.isnan(surface.loss_at(alpha, beta))


def test_a_mark_off_the_plane_says_its_loss() -> None:
    assert Mark("a", 0.0, 0.0, 2e-5, 1.0).title == "a"
    assert Mark("a", 0.0, 0.0, 2.0, 0.26714).title == "a (off the plane, 0.267)"
