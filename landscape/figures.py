"""Static figures with matplotlib: surfaces side by side on one scale, learning curves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

Kind = Literal["surface", "contour", "heatmap"]
KINDS: tuple[str, ...] = get_args(Kind)
FORMATS = ("png", "pdf", "svg")

_MISSING = "0.75"  # gray of points without a finite loss


def plot(
    surfaces: Sequence[Surface],
    *,
    kind: Kind = "surface",
    scale: ScaleKind = "auto",
    maximum: float | None = None,
    levels: Sequence[float] | None = None,
    cmap: str = "viridis",
) -> Figure:
    """Draw surfaces side by side on one scale.

    Points whose loss is not finite are left out (3-D) or gray; an unfinished scan is drawn
    from the points it has, and says so.

    Args:
        surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines) or ``heatmap``.
        scale: ``linear``, ``log``, or ``auto``: log where losses span a factor of 100.
        maximum: Losses above are drawn at this value; the figure says so.
        levels: Losses of the contour lines; by default about twelve round ones.
        cmap: A color map of matplotlib.

    Returns:
        A figure of pyplot; show it with ``plt.show()``, or save it.

    Raises:
        ValueError: No surfaces, an unknown kind or scale.
        LandscapeError: There is nothing to draw, or a surface is a line and the kind is not
            ``heatmap``.
    """
    if not surfaces or kind not in KINDS:
        raise ValueError(f"expected one surface or more, and kind one of {', '.join(KINDS)}")
    common = Scale.of(surfaces, scale, maximum)
    lines = np.asarray(common.levels() if levels is None else levels, dtype=np.float64)
    picture = _Picture(common, Normalize(*common.limits), cmap, lines)
    figure = plt.figure(figsize=(5.2 * len(surfaces) + 0.6, 4.6), layout="constrained")
    projection: dict[str, Any] = {"projection": "3d"} if kind == "surface" else {}
    all_axes = []
    for number, surface in enumerate(surfaces, 1):
        axes: Any = figure.add_subplot(1, len(surfaces), number, **projection)
        getattr(picture, f"draw_{kind}")(axes, surface)
        axes.set_title(_title(surface))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
        all_axes.append(axes)
    bar = figure.colorbar(
        ScalarMappable(picture.norm, cmap),
        ax=all_axes,
        shrink=0.75,
        pad=0.08 if projection else 0.02,
    )
    _loss_ticks(bar.ax.yaxis, common)
    clipped = f", cut at {Scale.label(common.high)}" if common.clipped else ""
    bar.set_label(f"mean loss{' (log scale)' if common.log else ''}{clipped}")
    return figure


@dataclass(frozen=True, eq=False)
class _Picture:
    """What all surfaces of one figure share."""

    scale: Scale
    norm: Normalize
    cmap: str
    lines: NDArray[np.float64]

    def draw_surface(self, axes: Any, surface: Surface) -> None:
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
        axes.set_box_aspect((1, 1, 0.75))
        axes.view_init(elev=32, azim=-60)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=5)
        _loss_ticks(axes.zaxis, self.scale, 7)

    def draw_contour(self, axes: Any, surface: Surface) -> None:
        height = np.ma.masked_invalid(self.scale.heights(surface.filled()).T)
        _need_both_axes(surface)
        _flat(axes, surface)
        where = surface.grid.alphas, surface.grid.betas, height
        shades = np.linspace(*self.scale.limits, 129)
        axes.contourf(*where, levels=shades, norm=self.norm, cmap=self.cmap)
        lines = self.lines[(self.lines > self.scale.low) & (self.lines < self.scale.high)]
        at = self.scale.heights(lines)
        drawn = axes.contour(
            *where, levels=at, colors="k", linewidths=0.6, alpha=0.8, linestyles="solid"
        )
        texts = dict(zip(at, map(Scale.label, lines), strict=True))
        # Where lines are many, labels of every other do not run into each other.
        axes.clabel(drawn, at[:: 2 if len(at) > 6 else 1], fmt=texts, fontsize=7)
        if surface.center_loss is not None:
            axes.plot(0, 0, "+", color="white", markersize=8)

    def draw_heatmap(self, axes: Any, surface: Surface) -> None:
        _flat(axes, surface)
        axes.pcolormesh(
            _edges(surface.grid.alphas),
            _edges(surface.grid.betas),
            np.ma.masked_invalid(self.scale.heights(surface.filled()).T),
            norm=self.norm,
            cmap=self.cmap,
            rasterized=True,
        )


def _need_both_axes(surface: Surface) -> None:
    if min(surface.grid.shape) < 2:
        raise LandscapeError(
            f"{surface.name} has {surface.grid}: a surface or contours need two points or more "
            "along both axes; draw it as a heatmap"
        )


def _edges(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders of the cells around points, shape (points + 1,)."""
    if len(axis) == 1:
        return np.array([axis[0] - 0.5, axis[0] + 0.5])
    middles = (axis[1:] + axis[:-1]) / 2
    return np.array([2 * axis[0] - middles[0], *middles, 2 * axis[-1] - middles[-1]])


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


def _flat(axes: Any, surface: Surface) -> None:
    axes.set_facecolor(_MISSING)
    spans = np.ptp(surface.grid.alphas), np.ptp(surface.grid.betas)
    if min(spans) > 0 and max(spans) < 4 * min(spans):
        axes.set_aspect("equal")


def _title(surface: Surface) -> str:
    notes = []
    if surface.center_loss is not None:
        notes.append(f"loss {Scale.label(surface.center_loss)} at the center")
    if not surface.is_complete:
        notes.append(f"{surface.evaluated.mean():.0%} of the points")
    infinite = int((~np.isfinite(surface.losses[surface.evaluated])).sum())
    if infinite:
        notes.append(f"{infinite} points not finite")
    # A dollar sign would begin a formula.
    return "\n".join([surface.name.replace("$", r"\$"), ", ".join(notes)])


def _loss_ticks(axis: Any, scale: Scale, num: int = 8) -> None:
    levels = scale.levels(num)
    axis.set_ticks(scale.heights(levels), [Scale.label(level) for level in levels])


def learning_curves(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw loss and accuracy over the epochs of several runs.

    Args:
        histories: By the run's name: lists ``train_loss``, ``test_loss``,
            ``train_accuracy``, ``test_accuracy``, one entry per epoch; the test's may be
            missing.
    """
    figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    percent: Callable[[float], float] = lambda value: 100 * value  # noqa: E731
    for axes, quantity, unit in (
        (losses, "loss", float),
        (accuracies, "accuracy", percent),
    ):
        for number, (name, history) in enumerate(histories.items()):
            for part, style in (("train", "-"), ("test", "--")):
                values = [unit(value) for value in history.get(f"{part}_{quantity}", ())]
                if values:
                    epochs = range(1, len(values) + 1)
                    axes.plot(epochs, values, style, color=f"C{number}", label=f"{name}, {part}")
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    losses.set_yscale("log")
    losses.set_ylabel("mean loss")
    accuracies.set_ylabel("accuracy (%)")
    accuracies.legend()
    return figure


def save(figure: Figure, path: Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG, PDF or SVG, by the file's suffix, and close it.

    Raises:
        ValueError: Another suffix.
        OSError: It cannot be written.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"expected a file name that ends in .{', .'.join(FORMATS)}, not {path}")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi)
    plt.close(figure)
