"""The polygons of a surface in 3-D: lit from one side, with its contour lines."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief

Array = NDArray[np.float64]

_LIGHT_AZIMUTH, _LIGHT_ALTITUDE = -135.0, 45.0  # degrees; from the left of the usual camera
_CONTRAST = 0.85
_DARKEST, _BRIGHTEST = 0.4, 1.35  # of a color's own brightness; above 1 it is mixed with white


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons in 3-D and their colors.

    Attributes:
        corners: x, y and height, shape (polygons, 4, 3).
        fill: RGBA, shape (polygons, 4).
        edge: RGBA of their borders, shape (polygons, 4).
    """

    corners: Array
    fill: Array
    edge: Array

    __repr__ = brief

    def __add__(self, other: "Polygons") -> "Polygons":
        """Return both, in order."""
        return Polygons(
            np.concatenate([self.corners, other.corners]),
            np.concatenate([self.fill, other.fill]),
            np.concatenate([self.edge, other.edge]),
        )


def polygons(
    alphas: Array,
    betas: Array,
    heights: Array,
    box: tuple[float, float, float],
    colors: Callable[[Array], Array],
    levels: Array,
    inks: Array,
) -> Polygons:
    """Return a surface's polygons, and the pieces of its contour lines as flat ones.

    One collection of both can be sorted by depth, so that a line is hidden by what is before it.

    Args:
        alphas: Coordinates, shape (A,).
        betas: Coordinates, shape (B,).
        heights: Of the surface, shape (A, B); nan where it has a hole.
        box: How long α, β and one unit of height are drawn, each per unit.
        colors: From heights to RGBA.
        levels: Heights of the contour lines, shape (levels,).
        inks: Their RGBA, shape (levels, 4).
    """
    points = _points(alphas, betas, heights)
    quads = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    fill = colors(quads[..., 2].mean(axis=2))
    fill[..., :3] = _lit(fill[..., :3], _brightness(quads, box))
    whole = np.isfinite(quads[..., 2]).all(axis=2)
    quads, fill = quads[whole], fill[whole]
    lines, which = _contours(quads, levels)
    ink = inks[which] if len(which) else np.empty((0, 4))
    return Polygons(
        np.concatenate([quads, lines[:, [0, 1, 1, 0]]]),
        np.concatenate([fill, np.zeros_like(ink)]),
        np.concatenate([fill, ink]),
    )


DOT = np.array([[0.4, 0.0], [0.0, 0.4]])
CROSS = np.array([[1.0, 0.7], [0.7, 1.0]])
"""Corners of a piece of a symbol, as parts of the two sides of a polygon at its point."""


def symbols(
    alphas: Array,
    betas: Array,
    heights: Array,
    marked: NDArray[np.bool_],
    inks: Callable[[Array], Array],
    form: Array,
) -> Polygons:
    """Return flat symbols on a surface, at marked points.

    Each is cut into pieces that lie on one polygon of the surface, so that sorted by depth they
    come after these, and are hidden by what is before them.

    Args:
        alphas: Coordinates, shape (A,).
        betas: Coordinates, shape (B,).
        heights: Of the surface, shape (A, B); nan where it has a hole.
        marked: Which points have a symbol, shape (A, B).
        inks: From heights to RGB.
        form: :data:`DOT` or :data:`CROSS`.
    """
    points = _points(alphas, betas, heights)
    pieces = [np.empty((0, 4, 3))]
    finite = np.isfinite(points[..., 2])
    for a, b in product((-1, 1), repeat=2):
        i, j = np.nonzero(marked & finite)
        m, n = marked.shape
        inside = (i + a >= 0) & (i + a < m) & (j + b >= 0) & (j + b < n)
        i, j = i[inside], j[inside]
        whole = finite[i + a, j] & finite[i, j + b] & finite[i + a, j + b]
        i, j = i[whole], j[whole]
        middle = points[i, j]
        sides = np.stack([points[i + a, j] - middle, points[i, j + b] - middle])
        first, second = (np.tensordot(parts, sides, axes=1) + middle for parts in form)
        pieces.append(np.stack([middle, first, second, middle], axis=1))
    corners = np.concatenate(pieces)
    ink = np.column_stack([inks(corners[:, 0, 2]), np.ones(len(corners))])
    return Polygons(corners, ink, ink)


def _points(alphas: Array, betas: Array, heights: Array) -> Array:
    return np.stack(np.broadcast_arrays(alphas[:, None], betas, heights), axis=-1)


def _brightness(quads: Array, box: tuple[float, float, float]) -> Array:
    """Return how bright faces are, shape (A - 1, B - 1); 1 where they are level."""
    scaled = quads * box
    normal = np.cross(scaled[:, :, 2] - scaled[:, :, 0], scaled[:, :, 3] - scaled[:, :, 1])
    with np.errstate(invalid="ignore"):
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    azimuth, altitude = np.radians([_LIGHT_AZIMUTH, _LIGHT_ALTITUDE])
    across = np.cos(altitude)
    light = [across * np.cos(azimuth), across * np.sin(azimuth), np.sin(altitude)]
    bright: Array = 1 + _CONTRAST * (normal @ light - light[2])
    return np.clip(bright, _DARKEST, _BRIGHTEST)


def _lit(colors: Array, brightness: Array) -> Array:
    """Return darker colors, and brighter ones that are mixed with white."""
    bright = brightness[..., None]
    lit: Array = np.where(bright < 1, colors * bright, 1 - (1 - colors) * (2 - bright))
    return lit


def _contours(quads: Array, levels: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return straight pieces of contour lines, shape (pieces, 2, 3), and their levels' numbers.

    Every quad is two triangles, in each of which the surface is flat.
    """
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    pieces, numbers = [np.empty((0, 2, 3))], [np.empty(0, dtype=np.intp)]
    for number, level in enumerate(levels):
        above = triangles[..., 2] >= level
        crossed = above.any(axis=1) & ~above.all(axis=1)
        corners, above = triangles[crossed], above[crossed]
        # One corner is on its own side: the line cuts both edges at it.
        alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
        row = np.arange(len(corners))
        a = corners[row, alone]
        ends = []
        for step in (1, 2):
            b = corners[row, (alone + step) % 3]
            part = (level - a[:, 2]) / (b[:, 2] - a[:, 2])
            ends.append(a + part[:, None] * (b - a))
        pieces.append(np.stack(ends, axis=1))
        numbers.append(np.full(len(corners), number))
    return np.concatenate(pieces), np.concatenate(numbers)
