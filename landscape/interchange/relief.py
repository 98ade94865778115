"""A surface as a shape in space: heights on a scale, triangles with colors, a solid to print."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.captions import refinement
from landscape.errors import LandscapeError
from landscape.scale import BOX, COLOR_MAP, Scale, ScaleKind
from landscape.surface import Surface

Array = NDArray[np.float64]

_BASE = 0.03  # thickness below the lowest loss, as a fraction of the longer side


@dataclass(frozen=True)
class Shape:
    """How losses become heights of a shape.

    Attributes:
        scale: Type of scale, see :meth:`landscape.scale.Scale.covering`.
        maximum: Losses above are drawn at this one; inf clips nothing.
        size: Longer horizontal side of a solid, in millimeters.
    """

    scale: ScaleKind = "auto"
    maximum: float | None = None
    size: float = 100.0


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles, counterclockwise as seen from outside or above.

    Attributes:
        vertices: Coordinates, shape (V, 3).
        triangles: Indices of vertices, shape (T, 3).
        colors: Red, green and blue of the vertices, 0 to 255, shape (V, 3).
    """

    vertices: Array
    triangles: NDArray[np.int64]
    colors: NDArray[np.uint8]

    __repr__ = brief


@dataclass(frozen=True, eq=False)
class Relief:
    """Heights and colors over the grid; of several seeds the median.

    The floor has the coordinates α and β. Heights begin at 0 and are in the same proportion to the
    longer side of the floor as in figures.

    Attributes:
        surface: The surface.
        parts: Position of each loss on the scale, 0 to 1; nan where it is not finite or not
            evaluated.
        clipped: Number of losses that lie above the scale, and are at its top.
        raised: Number of losses of 0 or below on a log scale, which are at its bottom.
        log: Whether the scale is logarithmic.
    """

    surface: Surface
    parts: Array
    clipped: int
    raised: int
    log: bool

    __repr__ = brief

    @classmethod
    def of_surface(cls, surface: Surface, shape: Shape) -> "Relief":
        """Return the relief of a surface.

        Args:
            surface: The surface.
            shape: How losses become heights.

        Raises:
            LandscapeError: It is a line, or has no finite loss.
        """
        if min(surface.grid.shape) < 2:
            raise LandscapeError(
                f"{surface.name} has {surface.grid}: a shape needs two points or more along both "
                "axes; write a line as .csv"
            )
        # Overlays are not part of the shape, and do not determine its scale.
        middle = replace(surface.median, marks=(), trajectories=())
        scale = Scale.covering([middle], shape.scale, shape.maximum)
        losses = middle.known_losses
        low, high = scale.limits
        finite = losses[np.isfinite(losses)]
        clipped, raised = int((finite > scale.high).sum()), int((finite < scale.low).sum())
        # Halves: the range of numbers near the largest overflows.
        parts = (scale.heights(losses) / 2 - low / 2) / (high / 2 - low / 2)
        return cls(surface, parts, clipped, raised, scale.log)

    @property
    def length(self) -> float:
        """Length of the longer side of the floor."""
        grid = self.surface.grid
        return float(max(np.ptp(grid.alphas), np.ptp(grid.betas)))

    @property
    def points(self) -> Array:
        """Coordinates α, β and height of the points, shape (alphas, betas, 3)."""
        grid = self.surface.grid
        alphas, betas = np.meshgrid(grid.alphas, grid.betas, indexing="ij")
        return np.stack([alphas, betas, self.parts * BOX[2] / BOX[0] * self.length], axis=-1)

    @property
    def notes(self) -> list[str]:
        """What the heights do not show."""
        scale = "logarithmic" if self.log else "linear"
        counts = (
            (self.clipped, "points above the scale are at its top"),
            (self.raised, "points with a loss of 0 or below are at its bottom"),
        )
        found = [f"{number} {text}" for number, text in counts if number]
        if self.surface.repeats:
            found.append(f"they are the median of {len(self.surface.seeds)} seeds")
        found += refinement(self.surface)
        return ["; ".join([f"heights on a {scale} scale", *found])]

    @property
    def holes(self) -> list[str]:
        """A note on the points without a height, or none."""
        number = int(np.isnan(self.parts).sum())
        text = "points that are not finite or not evaluated are holes"
        return [f"{number} {text}"] if number else []

    def mesh(self) -> Mesh:
        """Return the upper side, with holes around the points without a height.

        Raises:
            LandscapeError: All triangles would have such a corner.
        """
        triangles = _triangles(self.parts.shape)
        kept = triangles[np.isfinite(self.parts.ravel()[triangles]).all(axis=1)]
        if not len(kept):
            raise LandscapeError(
                f"{self.surface.name}: no three neighboring points have finite losses"
            )
        from matplotlib import colormaps

        used, numbers = np.unique(kept, return_inverse=True)
        colors = colormaps[COLOR_MAP](self.parts.ravel()[used], bytes=True)[:, :3]
        return Mesh(self.points.reshape(-1, 3)[used], numbers.reshape(kept.shape), colors)

    def solid(self, size: float) -> tuple[Mesh, list[str]]:
        """Return a closed solid with a flat base, and notes on it.

        Points that are not finite are at the top.

        Args:
            size: Length of the longer horizontal side.

        Raises:
            LandscapeError: A point is not evaluated: it has no height.
        """
        missing = int((~self.surface.median.evaluated).sum())
        if missing and not (self.surface.is_refined and self.surface.is_complete):
            raise LandscapeError(
                f"{self.surface.name}: {missing} points are not evaluated, and a solid needs all: "
                "complete the scan, or write a mesh with holes (.ply, .glb)"
            )
        infinite = int(np.isnan(self.parts).sum())
        filled = replace(self, parts=np.where(np.isnan(self.parts), 1.0, self.parts))
        top = filled.points.reshape(-1, 3)
        top = (top - [*top[:, :2].min(axis=0), 0.0]) * (size / self.length)
        top[:, 2] += _BASE * size
        count = len(top)
        upper = _triangles(self.parts.shape)
        border = _border(self.parts.shape)
        here, after = border, np.roll(border, -1)
        walls = np.concatenate(
            [
                np.stack([here + count, after + count, after], axis=1),
                np.stack([here + count, after, here], axis=1),
            ]
        )
        mesh = Mesh(
            np.concatenate([top, top * [1.0, 1.0, 0.0]]),
            np.concatenate([upper, upper[:, ::-1] + count, walls]),
            np.zeros((2 * count, 3), dtype=np.uint8),
        )
        text = f"{infinite} points that are not finite are at the top"
        return mesh, [text] if infinite else []


def _triangles(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return two triangles for each cell of a grid, counterclockwise as seen from above."""
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    here, right = numbers[:-1, :-1].ravel(), numbers[1:, :-1].ravel()
    beyond, left = numbers[1:, 1:].ravel(), numbers[:-1, 1:].ravel()
    return np.concatenate(
        [np.stack([here, right, beyond], axis=1), np.stack([here, beyond, left], axis=1)]
    )


def _border(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the points at the border of a grid, counterclockwise as seen from above."""
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    return np.concatenate(
        [numbers[:-1, 0], numbers[-1, :-1], numbers[:0:-1, -1], numbers[0, :0:-1]]
    )
