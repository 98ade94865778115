"""Pictures along one axis: lines through the surface, learning curves, spectra."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.figures.captions import below, break_labels
from landscape.figures.fitting import Quantity
from landscape.figures.parts import axis_labels, line_color, logarithmic, loss_label, plain
from landscape.figures.pyplot import displayed_once
from landscape.notes import unfinished
from landscape.scale import Scale, ScaleKind
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.curvature import Density

_OFF_THE_LINE = 1e-6


def draw_lines(
    surfaces: Sequence[Surface],
    scale: ScaleKind | Scale,
    maximum: float | None,
    size: tuple[float, float] | None = None,
    ax: Axes | None = None,
    quantity: Quantity | None = None,
) -> Figure:
    """Draw loss and accuracy along α, all in one picture, the spread of seeds as a band.

    Args:
        surfaces: Lines.
        scale: As for :func:`landscape.figures.plot`.
        maximum: Losses above are not drawn.
        size: Width and height in inches.
        ax: Draw the losses (or the quantity) here, and nothing else.
        quantity: Draw it alone; by default both where there are both.
    """
    figure: Any
    every: dict[str, Any]
    if ax is not None:
        figure, every = ax.figure, {quantity or "loss": ax}
    else:
        has_accuracies = any(np.isfinite(s.stacked("accuracies")).any() for s in surfaces)
        wanted: list[str] = [quantity] if quantity else ["loss", "accuracy"][: 1 + has_accuracies]
        figure, row = plt.subplots(
            1,
            len(wanted),
            figsize=size or (5.2 * len(wanted), 4.0),
            layout="constrained",
            squeeze=False,
        )
        every = dict(zip(wanted, row[0], strict=True))
    if "loss" in every:
        losses: Any = every["loss"]
        if not isinstance(scale, Scale):
            scale = Scale.of([each for surface in surfaces for each in surface.all], scale, maximum)
        _draw_quantity(losses, surfaces, "losses", 1.0)
        if scale.log:
            logarithmic(losses)
        losses.set_ylim(*(scale.low, scale.high) if scale.clipped else (None, None))
        losses.set_ylabel(loss_label(scale))
    if "accuracy" in every:
        _draw_quantity(every["accuracy"], surfaces, "accuracies", 100.0)
        every["accuracy"].set_ylabel("accuracy (%)")
    if ax is not None:
        ax.legend(fontsize="small")
    else:
        handles, labels = next(iter(every.values())).get_legend_handles_labels()
        labels = ["\n".join([a, *below(b)]) for a, b in zip(labels, surfaces, strict=True)]
        legend = figure.legend(
            handles, labels, loc="outside lower center", ncols=2, fontsize="small"
        )
        break_labels(figure)
        if legend.get_window_extent().width > figure.bbox.width:
            legend.set_ncols(1)
    return figure  # type: ignore[no-any-return]


def _draw_quantity(axes: Any, surfaces: Sequence[Surface], quantity: str, unit: float) -> None:
    for number, surface in enumerate(surfaces):
        color = line_color(number)
        _draw_line(axes, surface, quantity, unit, color)
        if quantity == "losses":
            # Where its statistics are another's, the line does not go through a net's own loss.
            own = [(mark.alpha, mark.loss) for mark in surface.marks if math.isfinite(mark.loss)]
            for alpha, loss in own:
                axes.plot(alpha, loss, "o", color=color, markersize=4)
    labels = {axis_labels(surface)[0] for surface in surfaces}
    axes.set_xlabel(labels.pop() if len(labels) == 1 else "α, along δ")
    axes.grid(alpha=0.3)
    for alpha, text in _marked(surfaces).items():
        axes.axvline(alpha, color="0.5", linewidth=0.8, linestyle=":")
        axes.annotate(
            plain(text),
            (alpha, 1),
            (2, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize="x-small",
        )


def _marked(surfaces: Sequence[Surface]) -> Mapping[float, str]:
    """Return what is marked at which α; with the line's name where lines have other marks."""
    different = len({tuple((m.name, m.alpha) for m in s.marks) for s in surfaces if s.marks}) > 1
    found: dict[float, list[str]] = {}
    for surface in surfaces:
        for mark in surface.marks:
            text = mark.name + (" (off the line)" if abs(mark.beta) > _OFF_THE_LINE else "")
            text = f"{surface.name}: {text}" if different else text
            names = found.setdefault(round(mark.alpha, 9), [])
            names += [] if text in names else [text]
    return {alpha: ", ".join(names) for alpha, names in found.items()}


def _draw_line(axes: Any, surface: Surface, quantity: str, unit: float, color: str) -> None:
    """Draw a curve through the points that are there; where one is not finite it has a gap."""
    middle = surface.median
    known = middle.evaluated[:, 0]
    alphas, values = surface.grid.alphas[known], unit * surface.stacked(quantity)[:, known, 0]
    there = np.array([each.evaluated[known, 0] for each in surface.all])
    notes = []
    if len(values) > 1:
        spread = np.where(there, values, -np.inf).max(0), np.where(there, values, np.inf).min(0)
        finite = np.isfinite(np.where(there, values, 0.0)).all(0)
        axes.fill_between(alphas, *spread, where=finite, color=color, alpha=0.2, linewidth=0)
        for each, mask in zip(values, there, strict=True):
            axes.plot(alphas[mask], _gaps(each[mask]), color=color, linewidth=0.5, alpha=0.5)
        notes.append(f"median and range of {len(values)} seeds")
        if not finite.all():
            notes.append(f"not all finite at {np.count_nonzero(~finite)} of {len(alphas)} points")
    notes += unfinished(surface)
    name = plain(surface.name) + (f" ({', '.join(notes)})" if notes else "")
    axes.plot(alphas, _gaps(unit * getattr(middle, quantity)[known, 0]), color=color, label=name)


def _gaps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def spectrum(densities: Mapping[str, "Density"]) -> Figure:
    """Draw spectral densities of Hessians in one picture.

    Args:
        densities: By the net's name.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for number, (name, density) in enumerate(densities.items()):
        color = line_color(number)
        axes.semilogy(density.eigenvalues, density.values, color=color, label=plain(name))
    peak = max(float(density.values.max()) for density in densities.values())
    axes.set_ylim(1e-6 * peak, 2 * peak)
    axes.set_xlabel("eigenvalue of the Hessian of the mean loss")
    axes.set_ylabel("density (part of all eigenvalues per unit)")
    axes.grid(alpha=0.3)
    axes.legend()
    return displayed_once(figure)


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
    return displayed_once(figure)
