"""Optimizers: how far 50 steps lead, what AdamW computes, and where it ends."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, variance
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor, nn

import landscape
from landscape.checkpoints import Checkpoint
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, spread
from landscape.models import Architecture

_STEPS, _BATCH, _NEAR = 50, 16, 0.9
_RATES = [10 ** (exponent / 2) for exponent in range(-6, 1)]  # from 0.001, torch's default
_OPTIMIZERS: dict[str, Callable[[Any, float], torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "SGD, momentum 0.9": lambda parameters, rate: torch.optim.SGD(parameters, rate, momentum=0.9),
    "Adam": torch.optim.Adam,
}


@experiment(
    claim="50 steps of SGD with 16 images each do not come near the minimum, 50 steps of Adam do. "
    "AdamW decouples weight decay from the gradient. It may generalize worse than SGD.",
    source="Kingma & Ba 2015; Loshchilov & Hutter 2019; Wilson et al. 2017",
)
def optimizers(lab: Lab) -> None:
    """Tune both for 50 steps, write AdamW's update out, and compare networks trained by both."""
    _update(lab)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    for net, each in zip(("mlp3", "resnet8"), axes, strict=True):
        _fifty_steps(lab, net, each)
    axes[0].set_ylabel(f"fraction of the loss removed by {_STEPS} steps")
    axes[0].legend()
    lab.save(figure, "optimizers")
    _generalization(lab)
    if lab.scale == "small":  # where this was seen
        lab.remark = (
            "Each optimizer comes as near as the other at a learning rate of its own: one rate "
            "for both compares rates, not optimizers. One of the 360 test images is 0.28 points "
            "of accuracy."
        )


def adam(
    weights: Tensor,
    gradient: Callable[[Tensor], Tensor],
    steps: int,
    *,
    rate: float,
    decay: float,
    decoupled: bool,
) -> Tensor:
    """Return the weights after some steps of AdamW, or of Adam with L2 regularization.

    Args:
        weights: Where the steps begin.
        gradient: Gradient of the loss.
        steps: Number of steps.
        rate: Learning rate.
        decay: Weight decay.
        decoupled: Shrink the weights (AdamW) instead of adding to the gradient (Adam).

    Returns:
        The weights, of the same shape.

    Example:
        >>> start = torch.tensor([1.0, -2.0], dtype=torch.float64)
        >>> adam(start, lambda w: 5 * w, 1, rate=0.5, decay=0.0, decoupled=True)
        tensor([ 0.5000, -1.5000], dtype=torch.float64)
    """
    mean = square = torch.zeros_like(weights)
    for step in range(1, steps + 1):
        slope = gradient(weights)
        if decoupled:
            weights = (1 - rate * decay) * weights
        else:
            slope = slope + decay * weights
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        # Both begin at zero: their weights add up to 1 - 0.9^step and 1 - 0.999^step, not to 1.
        unbiased = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        weights = weights - rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
    return weights


def _update(lab: Lab) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 8, dtype=torch.float64, generator=generator)
    y, start = x.square().sum(1), x[0]

    def gradient(w: Tensor) -> Tensor:
        """Return that of the mean of (x w - y)²."""
        return 2 / len(x) * x.T @ (x @ w - y)

    ours, settings = {}, {"rate": 0.01, "decay": 0.1}
    for name, theirs in (("AdamW", torch.optim.AdamW), ("Adam", torch.optim.Adam)):
        weights = start.clone().requires_grad_()
        optimizer = theirs([weights], settings["rate"], weight_decay=settings["decay"])
        for _ in range(_STEPS):
            weights.grad = gradient(weights.detach())
            optimizer.step()
        ours[name] = adam(start, gradient, _STEPS, decoupled=name == "AdamW", **settings)
        error = float((ours[name] - weights.detach()).norm() / ours[name].norm())
        lab.state(
            f"{name} with weight decay, written out, equals torch.optim.{name} (float64)",
            error < 1e-12,
            f"relative difference {error:.0e} after {_STEPS} steps",
        )
    difference = float((ours["AdamW"] - ours["Adam"]).norm() / ours["AdamW"].norm())
    lab.state(
        "Decoupled decay and L2 regularization of the same strength differ, by more than 1 %",
        difference > 0.01,
        f"by {difference:.1%} of the weights' norm",
    )


def _fifty_steps(lab: Lab, net: str, axes: Any) -> None:
    """State what the steps remove of the loss, which is nearly zero at the minimum."""
    removed: dict[str, dict[float, list[float]]] = {}
    best: dict[str, float] = {}
    for name, color, line in zip(_OPTIMIZERS, ("C0", "C0", "C1"), ("-", ":", "-"), strict=True):
        seeds = {
            rate: lab.once(
                f"{_STEPS} steps of {net}, {name}, rate {rate:.4f}",
                partial(_removed, lab, net, name, rate),
            )
            for rate in _RATES
        }
        lows, means, highs = (list(map(each, seeds.values())) for each in (min, fmean, max))
        axes.plot(_RATES, means, "o", color=color, ls=line, label=name)
        axes.fill_between(_RATES, lows, highs, color=color, alpha=0.15, linewidth=0)
        removed[name], best[name] = seeds, _RATES[means.index(max(means))]
    axes.axhline(_NEAR, color="0.5", linewidth=0.8)
    axes.set(title=net, xscale="log", xlabel="learning rate", ylim=(0, 1))
    for text, rates in (
        (f"each at the best of {len(_RATES)} rates", best),
        ("each at torch's default rate", dict.fromkeys(removed, _RATES[0])),
    ):
        found = {name: removed[name][rate] for name, rate in rates.items()}
        lab.state(
            f"{net}: {_STEPS} steps of Adam, not of SGD, remove {_NEAR:.0%} of the loss, {text}",
            fmean(found["Adam"]) >= _NEAR > fmean(found["SGD"]),
            ", ".join(f"{n} {percent(each)} at {rates[n]:.2g}" for n, each in found.items()),
        )


def _removed(lab: Lab, net: str, optimizer: str, rate: float) -> list[float]:
    """Return the fraction of the loss over all training images that the steps remove, by seed."""
    x, y = (each.to(lab.device) for each in lab.examples())
    architecture = Architecture(net).fitted(in_channels=x.shape[1], image_size=x.shape[2])
    removed = []
    for seed in lab.seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = architecture.build().to(lab.device)
        generator = torch.Generator().manual_seed(seed)
        steps = _OPTIMIZERS[optimizer](model.parameters(), rate)
        before = _loss(model, x, y)
        for _ in range(_STEPS):
            batch = torch.randint(len(x), (_BATCH,), generator=generator)
            steps.zero_grad()
            F.cross_entropy(model.train()(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
            steps.step()
        after = _loss(model, x, y)
        removed.append(1 - after / before if after < before else 0.0)  # nan is not below
    return removed


@torch.no_grad()
def _loss(model: nn.Module, x: Tensor, y: Tensor) -> float:
    outputs = torch.cat([model.eval()(batch) for batch in torch.split(x, 1000)])
    return float(F.cross_entropy(outputs, y))


def _generalization(lab: Lab) -> None:
    """Compare test accuracies at the best of three rates each, and draw the paths of a seed."""
    best, runs = {}, {}
    for name, rates, decay in (
        ("SGD", (0.03, 0.1, 0.3), 2e-3),
        ("AdamW", (0.001, 0.003, 0.01), 0.1),
    ):
        recipes: list[dict[str, Any]] = [
            {"optimizer": name.lower(), "learning_rate": rate, "weight_decay": decay}
            for rate in rates
        ]
        trained = [
            [lab.train("resnet20", seed, save_every=1, **recipe) for seed in lab.seeds]
            for recipe in recipes
        ]
        tested = [fmean(_last("test_accuracy", seeds)) for seeds in trained]
        chosen = tested.index(max(tested))
        best[name] = trained[chosen]
        runs[f"{name}, rate {rates[chosen]:g}"] = lab.run("resnet20", 0, **recipes[chosen])
    sgd, adamw = (_last("test_accuracy", each) for each in best.values())
    error = math.sqrt((variance(sgd) + variance(adamw)) / len(sgd)) if len(sgd) > 1 else math.inf
    losses = [spread(_last("train_loss", each), 2) for each in best.values()]
    lab.state(
        "resnet20 by SGD has a higher test accuracy than by AdamW, by two standard errors or more",
        fmean(sgd) - fmean(adamw) >= 2 * error,
        f"SGD {percent(sgd)}, AdamW {percent(adamw)}: difference "
        f"{100 * (fmean(sgd) - fmean(adamw)):.2f} ± {100 * error:.2f} points; training loss "
        + " and ".join(losses),
    )
    _paths(lab, lab.objective(best["SGD"][0], batchnorm="recomputed"), runs)


def _last(quantity: str, trained: list[Checkpoint]) -> list[float]:
    return [each.history[quantity][-1] for each in trained]


def _paths(lab: Lab, objective: landscape.Objective, runs: dict[str, Path]) -> None:
    plane = landscape.planes.pca(objective, *runs.values(), progress=lab.progress)
    renamed = [replace(t, name=name) for t, name in zip(plane.trajectories, runs, strict=True)]
    # The plane suggests the ranges that show both paths; here at most three times as long as wide.
    alpha, (low, high) = plane.alpha or (-1, 1), plane.beta or (-1, 1)
    margin = max(0.0, (alpha[1] - alpha[0]) / 3 - (high - low)) / 2
    grid = landscape.Grid.regular(lab.choose(17, 41), alpha, (low - margin, high + margin))
    surface = lab.scan("paths", objective, replace(plane, trajectories=renamed), grid)
    title = "Paths of SGD and AdamW from the same initial weights (resnet20)"
    lab.save(landscape.plot(surface, kind="path", title=title), "paths")
