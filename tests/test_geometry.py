"""Measures of surfaces against known formulas, and a naive computation of persistence."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landscape import geometry
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surface import Surface

Array = NDArray[np.float64]

ROUGHNESS = (
    geometry.negative_curvature,
    geometry.num_minima,
    geometry.depth_of_minima,
    geometry.quadratic_residual,
)


def surface_of(
    grid: Grid, function: Callable[[Array, Array], Any], standard_error: float = np.nan
) -> Surface:
    """A complete surface of a function of both coordinates."""
    surface = Surface.empty(grid, {}, {})
    surface.losses[:] = function(*np.meshgrid(grid.alphas, grid.betas, indexing="ij"))
    surface.standard_errors[:] = standard_error
    surface.evaluated[:] = True
    surface.examples[:] = 1
    return surface


def noise(seed: int, sigma: float) -> Callable[[Array, Array], Array]:
    return lambda a, b: np.random.default_rng(seed).normal(0, sigma, a.shape)


def bowl(a: Array, b: Array) -> Array:
    """1 + (2 a² + 6 b²) / 2, with curvatures 2 and 6."""
    return 1 + a**2 + 3 * b**2


GRIDS = {
    "regular": Grid.regular(41),
    "unequal sides": Grid.regular((31, 21), (-1, 1), (-1.5, 1)),
    "logarithmic": Grid.logarithmic(31),
}


@pytest.fixture(params=list(GRIDS.values()), ids=list(GRIDS))
def grid(request: pytest.FixtureRequest) -> Grid:
    found: Grid = request.param
    return found


def test_a_bowl_has_no_roughness(grid: Grid) -> None:
    surface = surface_of(grid, bowl)
    assert geometry.negative_curvature(surface) == 0
    assert geometry.num_minima(surface) == 1
    assert geometry.depth_of_minima(surface) == 0
    assert geometry.quadratic_residual(surface) < 1e-12


@pytest.mark.parametrize("radius", [0.25, 0.5, 1.0])
def test_loss_at_a_radius(radius: float) -> None:
    # On the circle, a² = r² cos² φ; the mean of cos² is 1/2.
    surface = surface_of(Grid.regular(41), bowl)
    np.testing.assert_allclose(geometry.mean_loss(surface, radius), 1 + 2 * radius**2, rtol=2e-3)
    np.testing.assert_allclose(geometry.worst_loss(surface, radius), 1 + 3 * radius**2, rtol=1e-9)


def test_loss_at_a_radius_outside_the_grid() -> None:
    surface = surface_of(Grid.regular(11, (-1, 2)), bowl)
    with pytest.raises(ValueError, match="at most 1, got 1.5"):
        geometry.mean_loss(surface, 1.5)


@pytest.mark.parametrize("level", [1.3, 1.9])
def test_area_below_a_level_is_that_of_the_ellipse(grid: Grid, level: float) -> None:
    # a² + 3 b² < c - 1: half axes √(c - 1) and √((c - 1) / 3), inside all grids.
    area = np.pi * (level - 1) / np.sqrt(3)
    np.testing.assert_allclose(geometry.area_below(surface_of(grid, bowl), level), area, rtol=0.02)


def test_area_below_everything_is_the_plane(grid: Grid) -> None:
    area = np.ptp(grid.alphas) * np.ptp(grid.betas)
    np.testing.assert_allclose(geometry.area_below(surface_of(grid, bowl), 100.0), area)
    assert geometry.area_below(surface_of(grid, bowl), 0.9) == 0


def test_curvatures_at_the_center_are_the_eigenvalues() -> None:
    hessian = np.array([[3.0, 1.2], [1.2, -0.5]])

    def quadratic(a: Array, b: Array) -> Any:
        x = np.stack([a, b], axis=-1)
        return 7 + a - 2 * b + np.einsum("...i,ij,...j", x, hessian, x) / 2

    low, high = np.linalg.eigvalsh(hessian)
    # Three-point differences are exact for polynomials of degree 2, also with unequal spacing.
    for axis in (np.linspace(-1, 1, 11), np.array([-1, -0.4, -0.1, 0, 0.2, 0.5, 1])):
        surface = surface_of(Grid(axis, axis), quadratic)
        np.testing.assert_allclose(geometry.largest_curvature(surface), high)
        np.testing.assert_allclose(geometry.curvature_ratio(surface), low / high)
        lows, highs, _ = geometry.principal_curvatures(surface)
        assert lows.shape == surface.grid.shape
        np.testing.assert_allclose(lows[1:-1, 1:-1], low)
        np.testing.assert_allclose(highs[1:-1, 1:-1], high)
        assert np.isnan(lows[0]).all()
        assert np.isnan(highs[:, -1]).all()


def test_curvature_needs_the_center() -> None:
    with pytest.raises(ValueError, match=r"expected the point \(0, 0\)"):
        geometry.largest_curvature(surface_of(Grid.regular(10), bowl))


@pytest.mark.parametrize("points", [17, 81, (33, 65)])
def test_fraction_with_negative_curvature(points: Any) -> None:
    grid = Grid.regular(points)
    assert geometry.negative_curvature(surface_of(grid, lambda a, b: 9 + a**2 - b**2)) == 1
    # The Hessian of -cos πa - cos πb is π² diag(cos πa, cos πb): both are positive where
    # |a| and |b| are below 1/2. The edge has no differences.
    waves = surface_of(grid, lambda a, b: 9 - np.cos(np.pi * a) - np.cos(np.pi * b))
    measured = 0.9
    expected = 1 - (0.5 / measured) ** 2
    np.testing.assert_allclose(geometry.negative_curvature(waves), expected, atol=0.06)
    assert geometry.negative_curvature(waves, radius=0.49) == 0


def test_a_flat_direction_is_no_negative_curvature() -> None:
    # In float32, whose rounding alone would be negative curvature at half of the points.
    valley = surface_of(Grid.regular(51), lambda a, b: np.float32(0.1 + (a - 0.3) ** 2 + 0 * b))
    assert geometry.negative_curvature(valley) == 0


def test_quadratic_residual_of_a_ripple() -> None:
    # The ripple is nearly orthogonal to all quadratics: 1 - R² is its share of the variance.
    grid = Grid.regular(81)
    surface = surface_of(grid, lambda a, b: bowl(a, b) + 0.3 * np.sin(40 * a))
    inside = np.hypot(grid.alphas[:, None], grid.betas) <= 1
    ripple = 0.3**2 / 2
    plain = surface_of(grid, bowl).losses[inside].var()
    np.testing.assert_allclose(
        geometry.quadratic_residual(surface), ripple / (ripple + plain), rtol=0.05
    )
    assert geometry.quadratic_residual(surface_of(grid, lambda a, b: 3 + 0 * a)) == 0


def wells(a: Array, b: Array) -> Array:
    """Two Gaussian wells, of depth 1 at a = -1/2 and about 0.6 at a = 1/2."""
    first = np.exp(-((a + 0.5) ** 2 + b**2) / 0.08)
    second = np.exp(-((a - 0.5) ** 2 + b**2) / 0.08)
    return 2 - first - 0.6 * second + 0.3 * (a**2 + b**2)


def test_depth_of_the_second_of_two_wells() -> None:
    surface = surface_of(Grid.regular(101), wells)
    assert geometry.num_minima(surface) == 2
    # By symmetry the saddle is on the line between the wells: the highest point of it.
    saddle = wells(np.linspace(-0.4, 0.4, 10_001), np.array(0.0)).max()
    bottom = wells(np.linspace(0.3, 0.7, 10_001), np.array(0.0)).min()
    expected = (saddle - bottom) / saddle
    np.testing.assert_allclose(geometry.depth_of_minima(surface), expected, rtol=2e-3)
    np.testing.assert_allclose(geometry.depths(surface), [np.inf, expected], rtol=2e-3)


def test_a_minimum_at_the_edge_is_none() -> None:
    saddle = surface_of(Grid.regular(21), lambda a, b: 2 + a**2 - b**2)
    assert geometry.num_minima(saddle) == 0
    # The well in the middle ends at its rim, though the edge is lower.
    dented = surface_of(
        Grid.regular(41), lambda a, b: 6 - 2 * (a**2 + b**2) - 3 * np.exp(-9 * (a**2 + b**2))
    )
    assert geometry.num_minima(dented) == 1
    assert geometry.depth_of_minima(dented) > 0.3


def naive_depths(losses: Array) -> list[float]:
    """Flood the plane from the lowest point on; components of eight neighbors merge."""
    component: dict[tuple[int, int], tuple[int, int]] = {}  # a point to its lowest point
    found = []
    for _, point in sorted((loss, place) for place, loss in np.ndenumerate(losses)):
        i, j = point
        around = [(i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1)]
        bottoms = {component[place] for place in around if place in component}
        oldest = min(bottoms, key=lambda place: losses[place], default=point)
        for bottom in bottoms - {oldest}:
            inside = all(0 < k < n - 1 for k, n in zip(bottom, losses.shape, strict=True))
            depth = (losses[point] - losses[bottom]) / losses[point]
            found += [float(depth)] if inside and depth > 0.1 else []
            component = {p: oldest if b == bottom else b for p, b in component.items()}
        component[point] = oldest
    lowest = np.unravel_index(np.argmin(losses), losses.shape)
    inside = all(0 < k < n - 1 for k, n in zip(lowest, losses.shape, strict=True))
    return [np.inf] * inside + sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(8))
def test_depths_are_those_of_a_flood(seed: int) -> None:
    losses = np.random.default_rng(seed).uniform(1, 3, (9, 13))
    surface = surface_of(Grid.regular((9, 13)), lambda a, b: losses)
    expected = naive_depths(losses)
    assert len(expected) > 2
    np.testing.assert_allclose(geometry.depths(surface), expected)


@pytest.mark.parametrize("measure", ROUGHNESS)
def test_roughness_does_not_depend_on_the_unit_of_the_loss(measure: Any) -> None:
    rough = surface_of(Grid.regular(31), lambda a, b: wells(a, b) + noise(0, 0.2)(a, b), 0.01)
    value = measure(rough)
    assert value > 0
    scaled = replace(rough, losses=1e3 * rough.losses, standard_errors=1e3 * rough.standard_errors)
    turned = replace(rough, losses=rough.losses[::-1].T)
    np.testing.assert_allclose(measure(scaled), value)
    np.testing.assert_allclose(measure(turned), value)


@pytest.mark.parametrize("seed", range(3))
def test_sampling_noise_is_not_roughness(seed: int) -> None:
    noisy = lambda a, b: bowl(a, b) + noise(seed, 0.1)(a, b)  # noqa: E731
    surface = surface_of(Grid.regular(51), noisy, standard_error=0.1)
    assert geometry.num_minima(surface) <= 1
    assert geometry.negative_curvature(surface) < 0.1
    # The same ruggedness counts if it is known to be none.
    exact = surface_of(Grid.regular(51), noisy, standard_error=0.001)
    assert geometry.num_minima(exact) > 5
    assert geometry.negative_curvature(exact) > 0.5


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_losses_that_are_not_finite(value: float) -> None:
    surface = surface_of(Grid.regular(41), bowl)
    outside = np.hypot(surface.grid.alphas[:, None], surface.grid.betas) > 0.8
    surface.losses[outside] = value
    assert geometry.worst_loss(surface, 1.0) == np.inf
    np.testing.assert_allclose(geometry.worst_loss(surface, 0.5), 1.75)
    assert geometry.area_below(surface, 100.0) < np.pi * 0.8**2
    assert geometry.area_below(surface, 100.0) > np.pi * 0.7**2
    assert geometry.negative_curvature(surface) == 0
    assert geometry.num_minima(surface) == 1
    assert geometry.quadratic_residual(surface) < 1e-12


def test_a_plane_without_any_finite_loss() -> None:
    surface = surface_of(Grid.regular(5), lambda a, b: np.inf + 0 * a)
    assert geometry.num_minima(surface) == 0
    assert geometry.area_below(surface, 1.0) == 0
    assert np.isnan(geometry.negative_curvature(surface))
    assert np.isnan(geometry.quadratic_residual(surface))


def test_lines() -> None:
    parabola = surface_of(Grid.regular((41, 1)), lambda a, b: 1 + 2 * a**2 + a)
    np.testing.assert_allclose(geometry.losses_at_radius(parabola, 0.5), [2.0, 1.0])
    np.testing.assert_allclose(geometry.largest_curvature(parabola), 4.0)
    # 2 a² + a < 1 for -1 < a < 1/2.
    np.testing.assert_allclose(geometry.area_below(parabola, 2.0), 1.5, atol=0.01)
    assert [measure(parabola) for measure in ROUGHNESS[:3]] == [0, 1, 0]
    assert geometry.quadratic_residual(parabola) < 1e-12
    wave = surface_of(Grid.regular((81, 1)), lambda a, b: 2 - np.cos(2 * np.pi * a))
    np.testing.assert_allclose(geometry.negative_curvature(wave), 0.5, atol=0.03)


def test_measures_need_a_complete_surface() -> None:
    surface = surface_of(Grid.regular(7), bowl)
    surface.evaluated[0, 0] = False
    with pytest.raises(LandscapeError, match="48 of 49 points"):
        geometry.num_minima(surface)
    for points in ((4, 9), (9, 3), (3, 1), (1, 1)):
        with pytest.raises(LandscapeError, match="expected 5 points or more along each axis"):
            geometry.negative_curvature(surface_of(Grid.regular(points), bowl))


def test_measures_that_a_grid_allows() -> None:
    def names(grid: Grid) -> list[str]:
        return [each.name for each in geometry.measures(grid, level=2.3)]

    whole = names(Grid.regular(11))
    assert len(whole) == 14
    assert {"mean loss at radius 0.25", "largest curvature at center"} <= set(whole)
    # An even number of points has no center, and a plane without (0, 0) no disk around it.
    assert set(whole) - set(names(Grid.regular(10))) == {
        "largest curvature at center",
        "ratio of curvatures at center",
    }
    assert len(names(Grid.regular(11, (1, 2)))) == 4
    assert "length with loss below 2.3" in names(Grid.regular((11, 1)))


def test_every_measure_is_a_number_that_its_docstring_defines() -> None:
    surface = surface_of(Grid.regular(11), bowl)
    for measure in geometry.measures(surface.grid, level=2.0):
        assert np.isfinite(measure.function(surface))
        function = getattr(measure.function, "func", measure.function)
        text = function.__doc__ or ""
        assert "References:" in text
        assert ".. math::" in text or "see :func:`depths`" in text
