"""One surface as a relief, contours or a heat map, with what lies beside it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.figures.between import between, finer
from landscape.figures.framing import BOX
from landscape.figures.labels import Contours
from landscape.figures.parts import (
    edges,
    flat,
    ink,
    loss_label,
    loss_ticks,
    outlined,
    path_style,
    plain,
    width,
)
from landscape.figures.relief import relief
from landscape.scale import Scale
from landscape.surface import Surface

_POLYGONS, _PIXELS, _POINTS = 120, 600, 400  # along an axis: in 3-D, of colors, of contours
_LINE = 0.4  # of contour lines in 3-D, in points; polygons overlap by half of it


@dataclass(frozen=True)
class Camera:
    """From where a surface is seen in 3-D.

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
    """What all surfaces of one figure share."""

    scale: Scale
    norm: Normalize
    cmap: str
    lines: NDArray[np.float64]
    camera: Camera = field(default_factory=Camera)

    __repr__ = brief

    def add_bar(self, figure: Figure, all_axes: Any, **options: Any) -> None:
        """Add the color bar."""
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

    @property
    def _levels(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The losses of the contour lines that are inside, their heights, and their RGB."""
        losses = self.lines[(self.lines > self.scale.low) & (self.lines < self.scale.high)]
        heights = self.scale.heights(losses)
        return losses, heights, ink(self.cmap, np.asarray(self.norm(heights)))

    def _between(
        self, surface: Surface, alphas: NDArray[np.float64], betas: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return heights between the samples: clipped after that, so that the cut is straight."""
        heights = self.scale.unclipped(surface.filled())
        return np.minimum(between(surface.grid, heights, alphas, betas), self.scale.limits[1])

    def draw_surface(self, axes: Any, surface: Surface) -> None:
        """Draw a relief, with paths and marks at their own losses."""
        low, high = self.scale.limits
        alphas, betas = (finer(a, _POLYGONS) for a in (surface.grid.alphas, surface.grid.betas))
        _, levels, inks = self._levels
        polygons = relief(
            alphas,
            betas,
            between(surface.grid, self.scale.heights(surface.filled()), alphas, betas),
            (BOX[0] / np.ptp(alphas), BOX[1] / np.ptp(betas), BOX[2] / (high - low)),
            lambda heights: plt.get_cmap(self.cmap)(self.norm(np.nan_to_num(heights, nan=low))),
            levels,
            np.column_stack([inks, np.full(len(inks), 0.6)]),
        )
        axes.add_collection3d(
            Poly3DCollection(
                polygons.corners,
                facecolors=polygons.fill,
                edgecolors=polygons.edge,
                linewidths=_LINE,
                zsort="max",  # pieces of lines come after the polygons they lie on
                rasterized=True,
            )
        )
        axes.auto_scale_xyz(alphas[[0, -1]], betas[[0, -1]], [low, high])
        axes.set_zlim(low, high)
        self._furnish(axes)
        for number, path in enumerate(surface.paths):
            # At their own losses: a path does not lie on the surface.
            at = np.clip(self.scale.heights(path.losses), low, high)
            below = np.clip(self.scale.heights(path.plane_losses), low, high)
            name = plain(path.name)
            axes.plot(
                path.alphas, path.betas, at, "o-", zorder=10, label=name, **path_style(number)
            )
            for x0, y0, z0, z1 in zip(path.alphas, path.betas, below, at, strict=True):
                axes.plot([x0, x0], [y0, y0], [z0, z1], color="0.4", linewidth=0.5, zorder=9)
        if surface.paths:
            axes.legend(fontsize="small", loc="upper left")
        for mark in surface.marks:
            x0, y0 = mark.alpha, mark.beta
            losses = np.array([surface.loss_at(x0, y0), mark.loss])
            below, at = np.clip(self.scale.heights(losses), low, high)
            axes.plot([x0, x0], [y0, y0], [below, at], color="0.4", linewidth=0.5, zorder=9)
            axes.plot(
                [x0], [y0], [at], "^", color="white", markeredgecolor="k", markersize=5, zorder=10
            )
            axes.text(x0, y0, at, f" {plain(mark.name)}", zorder=11, **outlined("k", "w", 1.5))

    def _furnish(self, axes: Any) -> None:
        """Place the camera, and let ticks and labels fit."""
        size = plt.rcParams["font.size"]
        room = width(axes) * 72 / size
        axes.view_init(elev=self.camera.elevation, azim=self.camera.azimuth)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((0, 0, 0, 0))
        # Distances of labels are in points and would not shrink with the letters.
        for axis in (axes.xaxis, axes.yaxis):
            axis.labelpad = 5.5 + 2.2 * min(0, size - 10)
        axes.tick_params(pad=2 + 0.9 * min(0, size - 10))
        loss_ticks(axes.zaxis, self.scale, int(np.clip(room / 4, 2, 7)))

    def draw_contour(self, axes: Any, surface: Surface) -> Contours:
        """Draw filled contours with lines, and return what labels these need."""
        flat(axes, surface)
        grid = surface.grid
        ends = [(axis[0], axis[-1]) for axis in (grid.alphas, grid.betas)]
        # Filled contours would leave seams in PDF: an image of so many shades has none.
        centers = (np.arange(_PIXELS) + 0.5) / _PIXELS
        cells = [a + (b - a) * centers for a, b in ends]
        axes.imshow(
            np.ma.masked_invalid(self._between(surface, *cells).T),
            extent=(*ends[0], *ends[1]),
            origin="lower",
            aspect=axes.get_aspect(),
            norm=self.norm,
            cmap=self.cmap,
        )
        losses, levels, inks = self._levels
        alphas, betas = finer(grid.alphas, _POINTS), finer(grid.betas, _POINTS)
        drawn = axes.contour(
            alphas,
            betas,
            np.ma.masked_invalid(self._between(surface, alphas, betas).T),
            levels=levels,
            colors=[(*color, 0.8) for color in inks] or "k",
            linewidths=0.6,
            linestyles="solid",
        )
        texts = dict(zip(levels, map(Scale.label, losses), strict=True))
        if surface.center_loss is not None and not surface.marks:
            size = 0.7 * plt.rcParams["font.size"]
            axes.plot(0, 0, "+", markersize=size, **outlined("w", "k", 2.5))
        overlay(axes, surface)
        return Contours(axes, drawn, texts)

    def draw_heatmap(self, axes: Any, surface: Surface) -> None:
        """Draw one cell for each point."""
        flat(axes, surface)
        axes.pcolormesh(
            edges(surface.grid.alphas),
            edges(surface.grid.betas),
            np.ma.masked_invalid(self.scale.heights(surface.filled()).T),
            norm=self.norm,
            cmap=self.cmap,
            rasterized=True,
        )
        overlay(axes, surface)


def overlay(axes: Any, surface: Surface) -> None:
    """Draw paths and marks over a flat picture."""
    for number, path in enumerate(surface.paths):
        style = path_style(number)
        axes.plot(path.alphas, path.betas, color="white", linewidth=2.6, zorder=3)
        axes.plot(path.alphas, path.betas, "o-", zorder=4, label=plain(path.name), **style)
        axes.plot(
            path.alphas[-1],
            path.betas[-1],
            "*",
            color=style["color"],
            markersize=12,
            markeredgecolor="white",
            zorder=5,
        )
    for mark in surface.marks:
        axes.plot(mark.alpha, mark.beta, "^", color="white", markeredgecolor="k", zorder=5)
        axes.annotate(
            plain(mark.title),
            (mark.alpha, mark.beta),
            (5, 5),
            textcoords="offset points",
            fontsize="small",
            color="k",
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0},
        )
    if surface.paths:
        axes.legend(fontsize="small", loc="best")
