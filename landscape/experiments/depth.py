"""Depth: the training error of plain and of residual networks."""

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, spread

_FAMILIES = {"plain": "plain", "resnet": "residual"}

Curves = dict[str, NDArray[np.float64]]
"""A quantity by family, shape (depths, seeds, epochs)."""


@experiment(
    claim="Deeper plain networks have a higher training error, deeper residual networks a lower.",
    source="He et al. 2015",
)
def depth(lab: Lab) -> None:
    """Train both at several depths with one recipe, and compare training errors and losses."""
    depths = lab.choose((8, 20, 32, 56), (20, 32, 44, 56, 110))
    errors: Curves = {}
    losses: Curves = {}
    epochs = lab.choose(30, 200)  # until errors change no more
    for family in _FAMILIES:
        histories = [
            [lab.train(f"{family}{each}", seed, epochs=epochs).history for seed in lab.seeds]
            for each in depths
        ]
        errors[family] = 1 - np.array([[h["train_accuracy"] for h in each] for each in histories])
        losses[family] = np.array([[h["train_loss"] for h in each] for each in histories])
    _state_errors(lab, depths, errors)
    _state_losses(lab, depths, losses)
    _draw(lab, depths, {"training error": errors, "training loss (nats)": losses})


def _state_errors(lab: Lab, depths: tuple[int, ...], errors: Curves) -> None:
    last = {family: values[:, :, -1] for family, values in errors.items()}
    texts = {
        family: ", ".join(
            f"{percent(error)} with {d} layers"
            for d, error in zip(depths, last[family], strict=True)
        )
        for family in errors
    }
    lab.state(
        "Plain: the deepest has a higher training error than all others, whatever the seed",
        last["plain"][-1].min() > last["plain"][:-1].max(),
        texts["plain"],
    )
    lab.state(
        "Residual: at no depth is the training error higher than that of the plain network",
        bool((last["resnet"].mean(1) <= last["plain"].mean(1)).all()),
        texts["resnet"],
    )


def _state_losses(lab: Lab, depths: tuple[int, ...], losses: Curves) -> None:
    """State whether the loss, which distinguishes networks without errors, is monotonic."""
    for family, sign, does in (("plain", 1, "rises"), ("resnet", -1, "falls")):
        last = losses[family][:, :, -1]
        steps = sign * np.diff(last.mean(1))
        lab.state(
            f"{_FAMILIES[family].capitalize()}: the training loss {does} with every further depth",
            bool((steps > 0).all()),
            ", ".join(
                f"{spread(loss, 2)} with {d} layers" for d, loss in zip(depths, last, strict=True)
            ),
        )
        if family == "plain" and steps[0] < 0 < steps[1:].min():
            lab.remark = (
                f"The loss of plain networks rises only from {depths[1]} layers on; with "
                f"{depths[0]} it is higher than with {depths[1]}."
            )


def _draw(lab: Lab, depths: tuple[int, ...], quantities: dict[str, Curves]) -> None:
    figure, axes = plt.subplots(
        2, 2, figsize=(9, 6.4), layout="constrained", sharex=True, sharey="row"
    )
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(depths)))
    for row, (quantity, curves) in zip(axes, quantities.items(), strict=True):
        for each, values in zip(row, curves.values(), strict=True):
            epochs = 1 + np.arange(values.shape[2])
            for color, num, seeds in zip(colors, depths, values, strict=True):
                each.plot(epochs, seeds.mean(0), color=color, label=f"{num} layers")
                each.fill_between(epochs, seeds.min(0), seeds.max(0), color=color, alpha=0.2, lw=0)
        row[0].set_ylabel(quantity)
    for each, family in zip(axes[0], _FAMILIES.values(), strict=True):
        each.set_title(family)
    for each in axes[1]:
        each.set_xlabel("epoch")
    axes[0, 0].legend()
    axes[1, 0].set_yscale("log")
    lab.save(figure, "depth")
