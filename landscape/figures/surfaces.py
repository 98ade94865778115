"""One surface as a relief, contours or a heat map, with what lies beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.errors import LandscapeError
from landscape.figures.labels import Contours
from landscape.figures.parts import edges, flat, loss_label, loss_ticks, path_style, plain
from landscape.grid import Grid
from landscape.scale import Scale
from landscape.surface import Surface


@dataclass(frozen=True, eq=False)
class Picture:
    """What all surfaces of one figure share."""

    scale: Scale
    norm: Normalize
    cmap: str
    lines: NDArray[np.float64]

    __repr__ = brief

    def add_bar(self, figure: Figure, all_axes: Any, **options: Any) -> None:
        """Add the color bar."""
        bar = figure.colorbar(
            ScalarMappable(self.norm, self.cmap), ax=all_axes, shrink=0.75, **options
        )
        level = bar.orientation == "horizontal"
        loss_ticks(bar.ax.xaxis if level else bar.ax.yaxis, self.scale)
        bar.set_label(loss_label(self.scale))

    def draw_surface(self, axes: Any, surface: Surface) -> None:
        """Draw a relief, with paths and marks at their own losses."""
        heights = self.scale.heights(surface.filled())
        _need_both_axes(surface)
        alphas, betas = _finer(surface.grid.alphas), _finer(surface.grid.betas)
        # Rows are y from here on, as LightSource and plot_surface have it.
        x, y = np.meshgrid(alphas, betas)
        z = _bilinear(surface.grid, heights, alphas, betas).T
        low, high = self.scale.limits
        solid = np.nan_to_num(z, nan=low)
        colors = plt.get_cmap(self.cmap)(self.norm(solid))
        light = LightSource(azdeg=315, altdeg=50)
        shaded = light.shade_rgb(
            colors[..., :3],
            (solid - low) / (high - low),
            blend_mode="soft",
            vert_exag=0.6,
            dx=1 / z.shape[1],
            dy=1 / z.shape[0],
        )
        colors[..., :3] = 0.35 * colors[..., :3] + 0.65 * shaded
        axes.plot_surface(
            x,
            y,
            z,
            facecolors=colors,
            rcount=z.shape[0],  # else it is thinned to 50 lines without a word
            ccount=z.shape[1],
            linewidth=0,
            antialiased=False,
            shade=False,
            rasterized=True,
        )
        axes.set_zlim(low, high)
        axes.set_box_aspect((1, 1, 0.75), zoom=0.97)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((0, 0, 0, 0))
        # Distances of labels are in points and would not shrink with the letters.
        smaller = plt.rcParams["font.size"] - 10
        for axis in (axes.xaxis, axes.yaxis):
            axis.labelpad = 5.5 + 2.2 * min(0, smaller)
        axes.tick_params(pad=2 + 0.9 * min(0, smaller))
        axes.view_init(elev=32, azim=-60)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=5)
        loss_ticks(axes.zaxis, self.scale, 7)
        for number, path in enumerate(surface.paths):
            # At their own losses: a path does not lie on the surface.
            at = np.clip(self.scale.heights(path.losses), low, high)
            below = np.clip(self.scale.heights(path.plane_losses), low, high)
            name = plain(path.name)
            axes.plot(
                path.alphas, path.betas, at, "o-", zorder=10, label=name, **path_style(number)
            )
            for x0, y0, z0, z1 in zip(path.alphas, path.betas, below, at, strict=True):
                axes.plot([x0, x0], [y0, y0], [z0, z1], color="0.3", linewidth=0.5, zorder=9)
        if surface.paths:
            axes.legend(fontsize="small", loc="upper left")
        for mark in surface.marks:
            x0, y0 = mark.alpha, mark.beta
            losses = np.array([surface.loss_at(x0, y0), mark.loss])
            below, at = np.clip(self.scale.heights(losses), low, high)
            axes.plot([x0, x0], [y0, y0], [below, at], color="0.3", linewidth=0.5, zorder=9)
            axes.plot([x0], [y0], [at], "k^", markersize=5, zorder=10)
            axes.text(x0, y0, at, f" {plain(mark.name)}", zorder=11)

    def draw_contour(self, axes: Any, surface: Surface) -> Contours:
        """Draw filled contours with lines, and return what labels these need."""
        height = np.ma.masked_invalid(self.scale.heights(surface.filled()).T)
        _need_both_axes(surface)
        flat(axes, surface)
        where = surface.grid.alphas, surface.grid.betas, height
        shades = np.linspace(*self.scale.limits, 129)
        axes.contourf(*where, levels=shades, norm=self.norm, cmap=self.cmap)
        lines = self.lines[(self.lines > self.scale.low) & (self.lines < self.scale.high)]
        at = self.scale.heights(lines)
        drawn = axes.contour(
            *where, levels=at, colors="k", linewidths=0.6, alpha=0.8, linestyles="solid"
        )
        texts = dict(zip(at, map(Scale.label, lines), strict=True))
        if surface.center_loss is not None and not surface.marks:
            axes.plot(0, 0, "+", color="white", markersize=8)
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
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0},
        )
    if surface.paths:
        axes.legend(fontsize="small", loc="best")


def _need_both_axes(surface: Surface) -> None:
    if min(surface.grid.shape) < 2:
        raise LandscapeError(
            f"{surface.name} has {surface.grid}: a surface or contours need two points or more "
            "along both axes; draw it with --kind line"
        )


def _finer(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the axis with points in between, about 120, for smooth shading."""
    pieces = max(1, round(120 / len(axis)))
    places = np.arange((len(axis) - 1) * pieces + 1) / pieces
    finer: NDArray[np.float64] = np.interp(places, np.arange(len(axis)), axis)
    return finer


def _bilinear(
    grid: Grid,
    heights: NDArray[np.float64],
    alphas: NDArray[np.float64],
    betas: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return heights on a finer grid, straight between the samples and equal to them there."""
    columns = np.array([np.interp(alphas, grid.alphas, column) for column in heights.T])
    return np.array([np.interp(betas, grid.betas, row) for row in columns.T])
