"""Dropout, DropConnect, noise, stochastic depth, label smoothing, weight decay."""

import itertools
from typing import Any

import torch
from matplotlib import pyplot as plt
from torch import Tensor

import landscape
from landscape.checkpoints import Checkpoint
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher, spread

# Options of the network, and what differs in the recipe.
_METHODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {"weight_decay": 0.0}),
    "weight decay": ({}, {"weight_decay": 2e-3}),
    "dropout": ({"dropout": 0.3}, {"weight_decay": 0.0}),
    "DropConnect": ({"drop_connect": 0.3}, {"weight_decay": 0.0}),
    "noise": ({"noise": 1.0}, {"weight_decay": 0.0}),
    "stochastic depth": ({"drop_path": 0.3}, {"weight_decay": 0.0}),
    "label smoothing": ({}, {"weight_decay": 0.0, "label_smoothing": 0.1}),
}


@experiment(
    claim="Evaluation with dropout computes the expected value of training; regularization costs "
    "no test accuracy and does not roughen the surface; dropout drives the weights towards many "
    "small, aligned contributions: fewer large singular values.",
    source="Srivastava et al. 2014; Wan et al. 2013; Huang et al. 2016; Szegedy et al. 2016",
)
def regularization(lab: Lab) -> None:
    """Enumerate all dropout masks, then train and scan a network with each method."""
    difference = float((mean_over_masks(0.3) - evaluated()).abs().max())
    lab.state(
        "The mean over all dropout masks of a linear layer is its evaluation (float64)",
        difference < 1e-14,
        f"largest difference {difference:.1e} over {2**_UNITS:,} masks",
    )
    nets = {
        name: [
            lab.train(lab.choose("resnet20", "resnet56"), seed, options=options, **recipe)
            for seed in lab.seeds
        ]
        for name, (options, recipe) in _METHODS.items()
    }
    test = {
        name: [net.history["test_accuracy"][-1] for net in group] for name, group in nets.items()
    }
    ranks = {name: [effective_rank(net) for net in group] for name, group in nets.items()}
    surfaces = {name: lab.scan_all(name, group) for name, group in nets.items()}
    for name in list(_METHODS)[1:]:
        lab.state(
            f"Test accuracy is not lower with {name}, beyond the spread",
            max(test[name]) >= min(test["none"]),
            f"{percent(test[name])} against {percent(test['none'])}",
        )
        more, less, text = rougher(surfaces[name], surfaces["none"])
        lab.state(f"The surface is not rougher with {name}", not more or bool(less), text)
    lab.state(
        "The effective rank of the weights is lower with dropout, beyond the spread",
        max(ranks["dropout"]) < min(ranks["none"]),
        f"{spread(ranks['dropout'])} against {spread(ranks['none'])}",
    )
    if lab.scale == "small":
        lab.remark = (
            "15 epochs on digits leave the singular values of the convolutions nearly those of the "
            "random initial weights, whatever the regularization."
        )
    _draw(lab, test, ranks)
    lab.save(landscape.plot(*(each[0] for each in surfaces.values())), "regularization-surfaces")


_UNITS = 10


def _layer() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, _UNITS, dtype=torch.float64, generator=generator)
    return weight, torch.randn(_UNITS, dtype=torch.float64, generator=generator)


def evaluated() -> Tensor:
    """Return the outputs of a linear layer in evaluation, shape (4,)."""
    weight, x = _layer()
    return weight @ x


def mean_over_masks(p: float) -> Tensor:
    """Return the expected outputs of the same layer behind dropout, by enumerating all masks.

    Args:
        p: Probability that an input is dropped; the others are divided by 1 - p.
    """
    weight, x = _layer()
    total = torch.zeros(len(weight), dtype=torch.float64)
    for kept in itertools.product((0.0, 1.0), repeat=_UNITS):
        mask = torch.tensor(kept, dtype=torch.float64)
        probability = (1 - p) ** mask.sum() * p ** (_UNITS - mask.sum())
        total += probability * (weight @ (mask * x / (1 - p)))
    return total


def effective_rank(checkpoint: Checkpoint) -> float:
    """Return the mean over convolutions of exp(entropy of their singular values).

    Relative to the number of singular values, so that 1 is that of equal ones (Roy & Vetterli
    2007). A filter is one row.

    Args:
        checkpoint: A trained network.
    """
    ranks = []
    for tensor in checkpoint.state.values():
        if tensor.dim() == 4:
            values = torch.linalg.svdvals(tensor.flatten(1).double())
            shares = values / values.sum()
            ranks.append(float(torch.exp(torch.special.entr(shares).sum())) / len(values))
    return sum(ranks) / len(ranks)


def _draw(lab: Lab, test: dict[str, list[float]], ranks: dict[str, list[float]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained", sharey=True)
    for row, name in enumerate(test):
        axes[0].plot([100 * each for each in test[name]], [row] * len(test[name]), "o", color="C0")
        axes[1].plot(ranks[name], [row] * len(ranks[name]), "o", color="C0")
    axes[0].set(xlabel="test accuracy (%)", title="Accuracy of each seed")
    axes[1].set(xlabel="effective rank / number of singular values", title="Weights of each seed")
    axes[0].set_yticks(range(len(test)), list(test))
    axes[0].invert_yaxis()
    axes[1].locator_params("x", nbins=4)
    for each in axes:
        each.grid(alpha=0.3)
    lab.save(figure, "regularization")
