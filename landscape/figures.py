"""Static figures with matplotlib: surfaces side by side on one scale, learning curves."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.scale import COLORS, Scale, ScaleKind
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.curvature import Density

Kind = Literal["auto", "surface", "contour", "heatmap", "line", "path", "curvature"]
KINDS: tuple[str, ...] = get_args(Kind)
FORMATS = ("png", "pdf", "svg")

_ROUNDING = 1e-5  # of float32 weights
_MISSING = "0.75"  # gray of points without a finite loss


def plot(
    surfaces: Sequence[Surface],
    *,
    kind: Kind = "auto",
    scale: ScaleKind = "auto",
    maximum: float | None = None,
    levels: Sequence[float] | None = None,
    cmap: str = "viridis",
) -> Figure:
    """Draw surfaces side by side on one scale, or lines in one picture.

    Points whose loss is not finite are left out (3-D) or gray; an unfinished scan is drawn
    from the points it has, and says so. Of several seeds in one surface the median is drawn,
    and how far they spread is said; lines show the spread itself.

    Args:
        surfaces: One or more.
        kind: ``surface`` (3-D), ``contour`` (filled, with labelled lines), ``heatmap``,
            ``line`` (loss and accuracy along α), ``path`` (contours with the paths of
            optimizers, and how far off the plane they are), ``curvature`` (|λ_min / λ_max|),
            or ``auto``: ``line`` where all are lines, else ``surface``.
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
    if kind == "auto":
        kind = "line" if all(surface.is_line for surface in surfaces) else "surface"
    if kind == "line":
        return _draw_lines(surfaces, scale, maximum)
    if kind == "curvature":
        return _draw_curvature(surfaces)
    common = Scale.of([surface.median for surface in surfaces], scale, maximum)
    lines = np.asarray(common.levels() if levels is None else levels, dtype=np.float64)
    picture = _Picture(common, Normalize(*common.limits), cmap, lines)
    if kind == "path":
        return _draw_paths(surfaces, picture)
    figure = plt.figure(figsize=(5.2 * len(surfaces) + 0.6, 4.6), layout="constrained")
    projection: dict[str, Any] = {"projection": "3d"} if kind == "surface" else {}
    all_axes = []
    for number, surface in enumerate(surfaces, 1):
        axes: Any = figure.add_subplot(1, len(surfaces), number, **projection)
        getattr(picture, f"draw_{kind}")(axes, surface.median)
        axes.set_title(_title(surface))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
        all_axes.append(axes)
    picture.add_bar(figure, all_axes, pad=0.08 if projection else 0.02)
    return figure


@dataclass(frozen=True, eq=False)
class _Picture:
    """What all surfaces of one figure share."""

    scale: Scale
    norm: Normalize
    cmap: str
    lines: NDArray[np.float64]

    def add_bar(self, figure: Figure, all_axes: Any, **options: Any) -> None:
        bar = figure.colorbar(
            ScalarMappable(self.norm, self.cmap), ax=all_axes, shrink=0.75, **options
        )
        _loss_ticks(bar.ax.yaxis, self.scale)
        bar.set_label(_loss_label(self.scale))

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
        for number, path in enumerate(surface.paths):
            # At their own losses: a path does not lie on the surface.
            at = np.clip(self.scale.heights(path.losses), low, high)
            below = np.clip(self.scale.heights(path.plane_losses), low, high)
            axes.plot(path.alphas, path.betas, at, "o-", zorder=10, **_path_style(number))
            for x0, y0, z0, z1 in zip(path.alphas, path.betas, below, at, strict=True):
                axes.plot([x0, x0], [y0, y0], [z0, z1], color="k", linewidth=0.5, zorder=9)
        for mark in surface.marks:
            height = float(np.clip(self.scale.heights(np.array([mark.loss])), low, high)[0])
            axes.plot([mark.alpha], [mark.beta], [height], "k^", markersize=5, zorder=10)
            axes.text(mark.alpha, mark.beta, height, f" {_plain(mark.name)}", zorder=11)

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
        if surface.center_loss is not None and not surface.marks:
            axes.plot(0, 0, "+", color="white", markersize=8)
        _overlay(axes, surface)

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
        _overlay(axes, surface)


def _path_style(number: int) -> dict[str, Any]:
    return {"color": COLORS[number % len(COLORS)], "markersize": 3, "linewidth": 1.2}


def _overlay(axes: Any, surface: Surface) -> None:
    """Draw paths and marks over a flat picture."""
    for number, path in enumerate(surface.paths):
        style = _path_style(number)
        axes.plot(path.alphas, path.betas, color="white", linewidth=2.6, zorder=3)
        axes.plot(path.alphas, path.betas, "o-", zorder=4, label=_plain(path.name), **style)
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
            _plain(mark.name),
            (mark.alpha, mark.beta),
            (5, 5),
            textcoords="offset points",
            fontsize=8,
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0},
        )
    if surface.paths:
        axes.legend(fontsize=8, loc="best")


def _draw_paths(surfaces: Sequence[Surface], picture: _Picture) -> Figure:
    """Draw contours with paths, and beside them their distances and losses by step."""
    without = [surface.name for surface in surfaces if not surface.paths]
    if without:
        raise LandscapeError(
            f"{without[0]} holds no path: scan it with --paths, or draw it as a contour"
        )
    rows = len(surfaces)
    figure = plt.figure(figsize=(10.4, 4.8 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, 2, width_ratios=(1.5, 1))
    for row, surface in enumerate(surfaces):
        flat: Any = figure.add_subplot(grid[2 * row : 2 * row + 2, 0])
        picture.draw_contour(flat, surface.median)
        flat.set_title(_title(surface))
        flat.set_xlabel("α")
        flat.set_ylabel("β")
        picture.add_bar(figure, [flat], pad=0.02)
        off: Any = figure.add_subplot(grid[2 * row, 1])
        losses: Any = figure.add_subplot(grid[2 * row + 1, 1], sharex=off)
        for number, path in enumerate(surface.paths):
            style, name = _path_style(number), _plain(path.name)
            away = path.distances.max() > _ROUNDING * path.length
            off.plot(path.steps, path.distances * away, "o-", label=name, **style)
            losses.plot(
                path.steps, path.losses, "o-", label=name + ", its own" * bool(away), **style
            )
            if away:
                losses.plot(
                    path.steps, path.plane_losses, "--", label="on the plane below", **style
                )
        off.set_ylabel("distance off the plane")
        off.set_ylim(bottom=0)
        off.tick_params(labelbottom=False)
        losses.set_ylabel("mean loss")
        losses.set_yscale("log" if picture.scale.log else "linear")
        losses.set_xlabel(surface.paths[0].unit)
        for axes in (off, losses):
            axes.grid(alpha=0.3)
            axes.legend(fontsize=7)
    return figure


def _draw_lines(surfaces: Sequence[Surface], scale: ScaleKind, maximum: float | None) -> Figure:
    """Draw loss and accuracy along α, all in one picture, the spread of seeds as a band."""
    wide = [surface.name for surface in surfaces if not surface.is_line]
    if wide:
        raise LandscapeError(
            f"{wide[0]} is a surface, not a line: scan it with --line, or draw another kind"
        )
    common = Scale.of([each for surface in surfaces for each in surface.all], scale, maximum)
    accuracies = any(np.isfinite(surface.stacked("accuracies")).any() for surface in surfaces)
    figure, every = plt.subplots(
        1,
        1 + accuracies,
        figsize=(5.2 * (1 + accuracies), 4.0),
        layout="constrained",
        squeeze=False,
    )
    pictures: list[tuple[Any, str, float]] = [(every[0, 0], "losses", 1.0)]
    if accuracies:
        pictures.append((every[0, 1], "accuracies", 100.0))
    for axes, quantity, unit in pictures:
        for number, surface in enumerate(surfaces):
            _draw_line(axes, surface, quantity, unit, COLORS[number % len(COLORS)])
        axes.set_xlabel("α, along δ")
        axes.grid(alpha=0.3)
        for mark in {mark.alpha: mark for s in surfaces for mark in s.marks}.values():
            axes.axvline(mark.alpha, color="0.5", linewidth=0.8, linestyle=":")
            axes.annotate(
                _plain(mark.name),
                (mark.alpha, 1),
                (2, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                rotation=90,
                va="top",
                fontsize=7,
            )
    first = every[0, 0]
    first.set_yscale("log" if common.log else "linear")
    first.set_ylim(*(common.low, common.high) if common.clipped else (None, None))
    first.set_ylabel(_loss_label(common))
    if accuracies:
        every[0, 1].set_ylabel("accuracy (%)")
    every[0, -1].legend(fontsize=8)
    return figure


def _draw_line(axes: Any, surface: Surface, quantity: str, unit: float, color: str) -> None:
    alphas, values = surface.grid.alphas, unit * surface.stacked(quantity)[:, :, 0]
    values = np.ma.masked_invalid(values)
    name = _plain(surface.name)
    if len(values) > 1:
        low, high = values.min(0), values.max(0)
        axes.fill_between(alphas, low, high, color=color, alpha=0.2, linewidth=0)
        for each in values:
            axes.plot(alphas, each, color=color, linewidth=0.5, alpha=0.5)
        name += f" (median and range of {len(values)} seeds)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # points where no seed is finite
        middle = np.nanmedian(values.filled(np.nan), axis=0)
    axes.plot(alphas, middle, color=color, label=name)


def _draw_curvature(surfaces: Sequence[Surface]) -> Figure:
    """Draw |λ_min / λ_max| over the grid, with contours of the loss."""
    figure, every = plt.subplots(
        1,
        len(surfaces),
        figsize=(5.0 * len(surfaces) + 0.6, 4.6),
        layout="constrained",
        squeeze=False,
    )
    image: Any = None
    for axes, surface in zip(every[0], surfaces, strict=True):
        curvature = surface.curvature
        if curvature is None or not (curvature.state > 0).any():
            raise LandscapeError(f"{surface.name} holds no eigenvalues: scan it with --curvature")
        _flat(axes, surface)
        image = axes.pcolormesh(
            _edges(surface.grid.alphas),
            _edges(surface.grid.betas),
            np.ma.masked_invalid(
                replace(surface, evaluated=curvature.state > 0).filled(curvature.ratio).T
            ),
            norm=Normalize(0, 1),
            cmap="cividis",
            rasterized=True,
        )
        loose = np.argwhere(curvature.state == 2)
        axes.plot(
            surface.grid.alphas[loose[:, 0]],
            surface.grid.betas[loose[:, 1]],
            "x",
            color="w",
            markersize=3,
        )
        notes = [] if not len(loose) else [f"× {len(loose)} points not converged"]
        done = (curvature.state > 0).mean()
        notes += [] if done == 1 else [f"{done:.0%} of the points"]
        axes.set_title("\n".join([_plain(surface.name), ", ".join(notes)]))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
    bar = figure.colorbar(image, ax=list(every[0]), shrink=0.8, extend="max")
    bar.set_label("|λ_min / λ_max| of the Hessian")
    return figure


def spectrum(densities: Mapping[str, "Density"]) -> Figure:
    """Draw spectral densities of Hessians in one picture.

    Args:
        densities: By the net's name.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for number, (name, density) in enumerate(densities.items()):
        color = COLORS[number % len(COLORS)]
        axes.semilogy(density.eigenvalues, density.values, color=color, label=_plain(name))
    peak = max(float(density.values.max()) for density in densities.values())
    axes.set_ylim(1e-6 * peak, 2 * peak)
    axes.set_xlabel("eigenvalue of the Hessian of the mean loss")
    axes.set_ylabel("density (part of all eigenvalues per unit)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


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
    if "explained_variation" in surface.settings:
        part = float(surface.settings["explained_variation"])
        notes.append(f"the plane holds {part:.1%} of the paths' variation")
    if surface.repeats:
        stack = surface.stacked()
        with np.errstate(all="ignore"):
            ratio = float(np.nanmedian(stack.max(0) / stack.min(0)))
        notes.append(f"median of {len(stack)} seeds, which differ by a factor of {ratio:.3g}")
    return "\n".join([_plain(surface.name), ", ".join(notes)])


def _plain(name: str) -> str:
    """Return a name as text: a dollar sign would begin a formula."""
    return name.replace("$", r"\$")


def _loss_label(scale: Scale) -> str:
    clipped = f", cut at {Scale.label(scale.high)}" if scale.clipped else ""
    return f"mean loss{' (log scale)' if scale.log else ''}{clipped}"


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
