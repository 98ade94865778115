"""The measures that surfaces are compared by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from landscape.geometry.curvature import curvature_ratio, largest_curvature, negative_curvature
from landscape.geometry.heights import area_below, mean_loss, worst_loss
from landscape.geometry.minima import depth_of_minima, num_minima
from landscape.geometry.quadratic import quadratic_residual
from landscape.geometry.region import largest_radius
from landscape.grid import Grid
from landscape.surface import Surface

# Three trainings each of resnet8, plain8, resnet20 and plain20 on digits, on ten planes each,
# differed by less: losses by factors up to 3.8, curvatures by 1.9, areas by 1.3, ratios of
# curvatures by 0.24, fractions by 0.04, numbers and depths of minima by 0.
_LOSS, _CURVATURE, _AREA = 5.0, 3.0, 2.0
_RATIO, _FRACTION, _NUMBER, _DEPTH = 0.5, 0.1, 1.0, 0.2
_RADII = (0.25, 0.5, 1.0)  # of the largest disk inside the grid


@dataclass(frozen=True)
class Measure:
    """A number that describes a surface.

    Attributes:
        name: Its name in tables and figures.
        function: Returns it for a complete surface (of several seeds the first).
        scale: ``log`` if factors matter, ``linear`` if differences do.
        smallest_effect: Factor (log) or difference (linear) of two means from which on two
            surfaces may be called different; see :func:`landscape.compare`.
        is_roughness: Whether it is 0 for every convex quadratic (the number of minima is 1), and
            the same for multiples of the loss.
    """

    name: str
    function: Callable[[Surface], float]
    scale: Literal["linear", "log"]
    smallest_effect: float
    is_roughness: bool = False


def measures(grid: Grid, level: float) -> tuple[Measure, ...]:
    """Return the measures that are defined on a grid.

    Those at a radius need a disk around (0, 0) inside the grid, those at the center the point
    (0, 0) on it.

    Args:
        grid: The grid of all surfaces that are compared.
        level: Loss below which the area is measured.

    Example:
        >>> from landscape import Grid
        >>> [each.name for each in measures(Grid.regular(51), level=2.3) if each.is_roughness]
        ... # doctest: +NORMALIZE_WHITESPACE
        ['negative curvature, fraction within radius 0.5', 'negative curvature, fraction of plane',
         'local minima', 'total depth of local minima', 'residual of the best quadratic, 1 - R²']
    """
    radius = largest_radius(grid)
    is_line = 1 in grid.shape
    has_center = radius > 0 and 0 in grid.alphas and 0 in grid.betas
    found = []
    for part in _RADII if radius else ():
        at = f"loss at radius {part * radius:.3g}"
        for which, function in (("mean", mean_loss), ("worst", worst_loss)):
            there = partial(function, radius=part * radius)
            found.append(Measure(f"{which} {at}", there, "log", _LOSS))
    name = f"{'length' if is_line else 'area'} with loss below {level:.3g}"
    found.append(Measure(name, partial(area_below, level=level), "log", _AREA))
    if has_center:
        found.append(Measure("largest curvature at center", largest_curvature, "log", _CURVATURE))
    if has_center and not is_line:
        found.append(Measure("ratio of curvatures at center", curvature_ratio, "linear", _RATIO))
    return (*found, *_roughness(radius, is_line))


def _roughness(radius: float, is_line: bool) -> Iterator[Measure]:
    """Yield the measures of roughness.

    Args:
        radius: Radius of the largest disk around (0, 0) inside the grid; 0 for none.
        is_line: Whether the grid is a line.
    """
    rough = partial(Measure, scale="linear", is_roughness=True)
    name = "negative curvature, fraction"
    if radius:
        near = partial(negative_curvature, radius=radius / 2)
        yield rough(f"{name} within radius {radius / 2:.3g}", near, smallest_effect=_FRACTION)
    whole = f"{name} of {'line' if is_line else 'plane'}"
    yield rough(whole, negative_curvature, smallest_effect=_FRACTION)
    yield rough("local minima", num_minima, smallest_effect=_NUMBER)
    yield rough("total depth of local minima", depth_of_minima, smallest_effect=_DEPTH)
    if radius:
        name = "residual of the best quadratic, 1 - R²"
        yield rough(name, quadratic_residual, smallest_effect=_FRACTION)
