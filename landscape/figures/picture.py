"""Scale, colors, contour lines and camera that all panels of a figure share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.figures.between import alone, between
from landscape.figures.style import ink, loss_label, loss_ticks
from landscape.scale import Scale
from landscape.surface import Surface

Array = NDArray[np.float64]

_DOT = 16  # area of a dot, in square points


@dataclass(frozen=True)
class Camera:
    """Position from which a surface is seen in 3-D.

    Attributes:
        elevation: Degrees above the plane.
        azimuth: Degrees around it; 0 looks along α from its high end, -90 along β from its low.
        zoom: Size in the picture; 1 is the usual one.
    """

    elevation: float = 32.0
    azimuth: float = -60.0
    zoom: float = 1.0


@dataclass(frozen=True, eq=False)
class Picture:
    """What all panels of one figure share.

    Attributes:
        scale: Scale of heights and colors.
        norm: From heights to positions in the color map.
        cmap: Name of the color map.
        lines: Losses of the contour lines.
        camera: Camera of surfaces in 3-D.
        evaluated: Whether dots show the evaluated points.
        curvature: Whether an eigenvalue is drawn, with crosses where it did not converge.
    """

    scale: Scale
    norm: Normalize
    cmap: str
    lines: Array
    camera: Camera = field(default_factory=Camera)
    evaluated: bool = False
    curvature: bool = False

    __repr__ = brief

    def add_bar(self, figure: Figure, all_axes: Any, **options: Any) -> None:
        """Add the color bar.

        Args:
            figure: The figure.
            all_axes: Axes next to it.
            **options: Options of ``Figure.colorbar``.
        """
        bar = figure.colorbar(
            ScalarMappable(self.norm, self.cmap), ax=all_axes, shrink=0.75, **options
        )
        level = bar.orientation == "horizontal"
        box = bar.ax.get_window_extent()
        room = (box.width / 4 if level else box.height / 2) / figure.dpi
        loss_ticks(
            bar.ax.xaxis if level else bar.ax.yaxis,
            self.scale,
            int(np.clip(room * 72 / plt.rcParams["font.size"], 2, 8)),
        )
        bar.set_label(loss_label(self.scale))

    def crosses(self, surface: Surface) -> NDArray[np.bool_]:
        """Return the mask of the points that have a cross.

        Args:
            surface: The surface.
        """
        if not self.curvature or surface.curvature is None:
            return np.zeros(surface.grid.shape, dtype=bool)
        return surface.curvature.not_converged

    def dots(self, surface: Surface) -> NDArray[np.bool_]:
        """Return the mask of the points that have a dot.

        Args:
            surface: The surface.
        """
        return surface.evaluated & ~self.crosses(surface) & self.evaluated

    def inks(self, heights: Array) -> Array:
        """Return the RGB of what is seen on the colors of heights, shape (heights, 3).

        Args:
            heights: Heights, shape (heights,); nan where missing, which is drawn in gray.
        """
        parts = np.asarray(self.norm(np.nan_to_num(heights, nan=self.scale.limits[0])))
        return np.where(np.isnan(heights)[:, None], 0.0, ink(self.cmap, parts))

    @property
    def contours(self) -> tuple[Array, Array, Array]:
        """Losses, heights and RGB of the contour lines within the scale."""
        losses = self.lines[(self.lines > self.scale.low) & (self.lines < self.scale.high)]
        heights = self.scale.heights(losses)
        return losses, heights, self.inks(heights)

    def draw_alone(self, axes: Any, surface: Surface) -> None:
        """Draw the points that belong to no area of the surface, as dots of their color.

        Args:
            axes: Axes in 3-D, or of the plane.
            surface: The surface.
        """
        heights = self.scale.heights(surface.interpolated())
        i, j = np.nonzero(alone(heights))
        if not i.size:
            return
        place = [surface.grid.alphas[i], surface.grid.betas[j]]
        more: dict[str, Any] = {"edgecolors": "k", "linewidths": 0.3, "zorder": 5}
        if axes.name == "3d":
            place.append(heights[i, j])
            more["depthshade"] = False
        axes.scatter(*place, c=heights[i, j], cmap=self.cmap, norm=self.norm, s=_DOT, **more)

    def heights_between(self, surface: Surface, alphas: Array, betas: Array) -> Array:
        """Return interpolated heights, clipped after the interpolation: the cut is straight.

        Args:
            surface: The surface.
            alphas: Coordinates along α, shape (A,).
            betas: Coordinates along β, shape (B,).
        """
        heights = self.scale.unclipped(surface.interpolated())
        return np.minimum(between(surface.grid, heights, alphas, betas), self.scale.limits[1])
