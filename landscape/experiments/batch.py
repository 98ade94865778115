"""Small and large batches: why sharpness is compared only after filter normalization."""

import copy
import math
from statistics import fmean
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from torch import Tensor, nn

import landscape
from landscape.checkpoints import Checkpoint
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, spread

_RADIUS = 0.5  # in norms of the filters
_FACTOR = 10.0
_EXACT = 1e-10
_COLORS = {"small": "C0", "large": "C1"}

Nets = dict[str, list[Checkpoint]]
"""The networks of all seeds, by the size of their batches."""


@experiment(
    claim="Which of two solutions looks wider on the line between them, that of small or that of "
    "large batches, depends on weight decay: the loss of a network with BatchNorm does not depend "
    "on the scale of its weights. With filter normalization that of small batches is the wider.",
    source="Li et al. 2018, sections 3 and 4",
)
def batch(lab: Lab) -> None:
    """Compare a network trained with both, on the line between them and around each."""
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    for decay, column in zip((0.0, lab.choose(2e-3, 5e-4)), axes.T, strict=False):
        nets = {size: [_trained(lab, seed, size, decay) for seed in lab.seeds] for size in _COLORS}
        _line(lab, decay, nets, column[0])
        _around(lab, decay, nets, column[1])
    _scale(lab, nets["small"][0], axes[:, 2])
    for each in axes.flat:
        each.set(yscale="log", ylabel="mean cross-entropy (nats)")
        each.legend(fontsize="small")
    lab.save(figure, "batch")


def scaled(model: nn.Module, factor: float) -> nn.Module:
    """Return a copy of a network with the weights of all convolutions times a factor.

    Args:
        model: A network with a BatchNorm behind each convolution.
        factor: Positive factor.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight *= factor
    return model


def _trained(lab: Lab, seed: int, size: str, decay: float) -> Checkpoint:
    images = lab.choose({"small": 16, "large": 256}, {"small": 128, "large": 8192})[size]
    return lab.train(
        lab.choose("plain8", "vgg9"),
        seed,
        images_per_batch=images,
        weight_decay=decay,
        epochs=lab.choose(20, 300),
    )


def _line(lab: Lab, decay: float, nets: Nets, axes: Any) -> None:
    """State which solution looks wider on the line, and which has the larger weights."""
    larger, smaller = ("small", "large") if decay == 0 else ("large", "small")
    norms = {size: [_weight_norm(net) for net in nets[size]] for size in nets}
    lab.state(
        f"Weight decay {decay:g}: the weights of {larger} batches have the larger norm",
        min(norms[larger]) > max(norms[smaller]),
        ", ".join(f"{size} {spread(norms[size])}" for size in nets),
    )
    beyond: dict[str, list[float]] = {size: [] for size in nets}
    for seed, (small, large) in enumerate(zip(*nets.values(), strict=True)):
        objective = lab.objective(small, batchnorm="recomputed")
        plane = landscape.Plane.through(objective.center, lab.objective(large).center)
        grid = landscape.Grid.regular((41, 1), (-0.5, 1.5))
        line = lab.scan(f"line-decay{decay:g}-seed{seed}", objective, plane, grid)
        axes.plot(grid.alphas, line.losses[:, 0], "0.3", label="" if seed else "training seeds")
        for losses, loss in zip(beyond.values(), line.losses[[0, -1], 0], strict=True):
            losses.append(float(loss))
    for size, end in zip(nets, (0, 1), strict=True):
        axes.axvline(end, color=_COLORS[size], ls=":", label=f"{size} batches")
    axes.set(title=f"weight decay {decay:g}: line between both", xlabel="small → large batches")
    lab.state(
        f"Weight decay {decay:g}: on the line that of {larger} batches looks wider, with a lower "
        "loss half the distance beyond it, for every seed",
        all(a < b for a, b in zip(beyond[larger], beyond[smaller], strict=True)),
        ", ".join(f"{size} {spread(beyond[size], 2)}" for size in nets),
    )


def _around(lab: Lab, decay: float, nets: Nets, axes: Any) -> None:
    """State which solution is wider along filter-normalized directions, and its accuracy."""
    grid = landscape.Grid.regular((21, 1))
    mean: dict[str, list[float]] = {}
    for size, color in _COLORS.items():
        surfaces = []
        for seed, net in enumerate(nets[size]):
            objective = lab.objective(net, batchnorm="recomputed")
            planes = [landscape.Plane.random(objective.center, number) for number in range(3)]
            name = f"{size}-decay{decay:g}-seed{seed}"
            surfaces.append(lab.scan(name, objective, planes, grid))
            label = "" if seed else f"{size} batches"
            axes.plot(grid.alphas, surfaces[-1].median.losses[:, 0], color, label=label)
        mean[size] = [
            fmean(landscape.geometry.mean_loss(each, _RADIUS) for each in surface.seeds)
            for surface in surfaces
        ]
    tested = {s: [each.history["test_accuracy"][-1] for each in nets[s]] for s in nets}
    axes.set(title=f"weight decay {decay:g}: filter-normalized", xlabel="α, in norms of filters")
    lab.state(
        f"Weight decay {decay:g}: filter-normalized, small batches have the lower mean loss at "
        f"radius {_RADIUS:g}, for every seed, and the better mean test accuracy",
        all(a < b for a, b in zip(mean["small"], mean["large"], strict=True))
        and fmean(tested["small"]) > fmean(tested["large"]),
        ", ".join(f"{s} {spread(mean[s], 2)} and {percent(tested[s])}" for s in nets),
    )


def _weight_norm(net: Checkpoint) -> float:
    return math.sqrt(sum(float(t.square().sum()) for t in net.state.values() if t.dim() > 1))


def _scale(lab: Lab, net: Checkpoint, axes: Any) -> None:
    """Compare a network θ and 10 θ, along one direction and along filter-normalized ones."""
    model = net.model().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eps = 1e-30  # the usual 1e-5 does not grow with the variances
    models = model, scaled(model, _FACTOR)
    data = lab.examples(images=256)
    outputs = [copy.deepcopy(each).train()(data[0].double()).detach() for each in models]
    error = float((outputs[1] - outputs[0]).norm() / outputs[0].norm())
    lab.state(
        f"{_FACTOR:g} times the weights before BatchNorm leave the outputs unchanged (float64)",
        error < _EXACT,
        f"relative difference {error:.0e}",
    )
    here, there = (
        landscape.Objective(
            each, data=data, device=lab.device, dtype=torch.float64, batchnorm="recomputed"
        )
        for each in models
    )
    direction, alphas = convolutions(here), np.linspace(-1, 1, 41)
    theta = losses(here, direction, alphas)
    for text, expected, found, each in (
        (
            f"one direction the loss of {_FACTOR:g} θ at α is that of θ at α/{_FACTOR:g}",
            losses(here, direction, alphas / _FACTOR),
            losses(there, direction, alphas),
            axes[0],
        ),
        (
            f"filter-normalized directions the loss of {_FACTOR:g} θ at α is that of θ at α",
            theta,
            losses(there, convolutions(there), alphas),
            axes[1],
        ),
    ):
        error = float(np.abs(found / expected - 1).max())
        lab.state(f"Along {text} (float64)", error < _EXACT, f"relative difference {error:.0e}")
        each.plot(alphas, theta, "k", label="θ")
        each.plot(alphas, found, "C1--", label=f"{_FACTOR:g} θ")
    axes[0].set(title="scale: one direction", xlabel="α, in norms of the filters of θ")
    axes[1].set(title="scale: filter-normalized", xlabel="α, in norms of its own filters")


def convolutions(objective: landscape.Objective) -> dict[str, Tensor]:
    """Return a filter-normalized random direction that moves only convolutions.

    Args:
        objective: The objective.
    """
    random = landscape.Plane.random(objective.center, seed=0).delta
    return {name: t if t.dim() == 4 else torch.zeros_like(t) for name, t in random.items()}


def losses(
    objective: landscape.Objective, direction: dict[str, Tensor], alphas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the losses along a direction, shape (points,).

    Args:
        objective: The objective.
        direction: The direction.
        alphas: Coordinates, shape (points,).
    """
    zero = {name: torch.zeros_like(t) for name, t in direction.items()}
    plane = landscape.Plane(objective.center, direction, zero)
    points = [(float(alpha), 0.0) for alpha in alphas]
    return np.array([each.loss for _, _, each in landscape.evaluate(objective, plane, points)])
