"""Pictures along one axis: lines through the surface, learning curves, spectra."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.errors import LandscapeError
from landscape.figures.parts import loss_label, plain
from landscape.scale import COLORS, Scale, ScaleKind
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.curvature import Density


def draw_lines(surfaces: Sequence[Surface], scale: ScaleKind, maximum: float | None) -> Figure:
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
                plain(mark.name),
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
    first.set_ylabel(loss_label(common))
    if accuracies:
        every[0, 1].set_ylabel("accuracy (%)")
    figure.legend(
        *every[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8
    )
    return figure


def _draw_line(axes: Any, surface: Surface, quantity: str, unit: float, color: str) -> None:
    alphas, values = surface.grid.alphas, unit * surface.stacked(quantity)[:, :, 0]
    values = np.ma.masked_invalid(values)
    name = plain(surface.name)
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


def spectrum(densities: Mapping[str, "Density"]) -> Figure:
    """Draw spectral densities of Hessians in one picture.

    Args:
        densities: By the net's name.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for number, (name, density) in enumerate(densities.items()):
        color = COLORS[number % len(COLORS)]
        axes.semilogy(density.eigenvalues, density.values, color=color, label=plain(name))
    peak = max(float(density.values.max()) for density in densities.values())
    axes.set_ylim(1e-6 * peak, 2 * peak)
    axes.set_xlabel("eigenvalue of the Hessian of the mean loss")
    axes.set_ylabel("density (part of all eigenvalues per unit)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


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
