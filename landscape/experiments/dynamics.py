"""Residual blocks as steps: how far a block moves its input, and where repeated blocks lead."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor, nn

from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, spread

_NETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "plain": ("plain", {}),
    "residual": ("resnet", {}),
    "pre-activation": ("resnet", {"preactivation": True}),
}
_REPEATS = 20

Values = dict[str, dict[int, NDArray[np.float64]]]
"""By type and depth of the network."""


@experiment(
    claim="A residual block modifies its input instead of replacing it, by a step that shrinks "
    "with the number of blocks, as a step of the differential equation dx/ds = F_s(x).",
    source="He et al. 2016; Greff et al. 2017; Chen et al. 2018",
)
def dynamics(lab: Lab) -> None:
    """Compare inputs and outputs of the blocks of trained networks, and repeat the last blocks."""
    depths = lab.choose((8, 20, 56), (20, 56, 110))
    steps: Values = {net: {} for net in _NETS}
    repeats: Values = {net: {} for net in _NETS}
    for net, (family, options) in _NETS.items():
        for depth in depths:
            measured = []
            for seed in lab.seeds:
                objective = lab.objective(lab.train(f"{family}{depth}", seed, options=options))
                compute = partial(_measured, objective.model, objective.inputs)
                measured.append(lab.once(f"{net} {depth} seed {seed}", compute))
            steps[net][depth] = np.array([of_blocks for of_blocks, _ in measured])
            repeats[net][depth] = np.concatenate([repeated for _, repeated in measured])
    _state(lab, steps, repeats)
    _draw(lab, steps, repeats)


def step(before: Tensor, after: Tensor) -> float:
    """Return ‖after − before‖ / ‖before‖, the mean over images.

    Args:
        before: Shape (images, …).
        after: Shape (images, …).
    """
    change, size = ((x.flatten(1).norm(dim=1)) for x in (after - before, before))
    return float((change / size).mean())


def repeated(block: nn.Module, h: Tensor, times: int) -> list[float]:
    """Return the steps of h ← block(h), as parts of the first one.

    Args:
        block: Keeps the shape of its input.
        h: Its first input, shape (images, …).
        times: Number of steps.
    """
    sizes = []
    for _ in range(times):
        before, h = h, block(h)
        sizes.append((h - before).flatten(1).norm(dim=1))
    return [float((size / sizes[0]).mean()) for size in sizes]


def stages(model: nn.Module, x: Tensor) -> list[list[tuple[nn.Module, Tensor]]]:
    """Return by stage the blocks that keep the shape of their input, each with its input.

    Args:
        model: Its stages ``layer1``, ``layer2`` and ``layer3`` are sequences of blocks.
        x: Images.
    """
    inputs: dict[nn.Module, Tensor] = {}
    every = [list(getattr(model, name).children()) for name in ("layer1", "layer2", "layer3")]
    hooks = [
        block.register_forward_pre_hook(lambda block, args: inputs.update({block: args[0]}))
        for stage in every
        for block in stage
    ]
    model(x)
    for hook in hooks:
        hook.remove()
    return [
        [
            (block, inputs[block])
            for block in stage
            if block(inputs[block]).shape == inputs[block].shape
        ]
        for stage in every
    ]


@torch.no_grad()
def _measured(model: nn.Module, x: Tensor) -> tuple[list[float], list[list[float]]]:
    """Return the step of every block, and the steps of the last block of each stage, repeated."""
    found = stages(model, x)
    of_blocks = [step(h, block(h)) for stage in found for block, h in stage]
    return of_blocks, [repeated(*stage[-1], _REPEATS) for stage in found if stage]


def _state(lab: Lab, steps: Values, repeats: Values) -> None:
    plain = np.concatenate([each.ravel() for each in steps["plain"].values()])
    lab.state(
        "Plain: every block replaces its input, with a step of order one (0.5 to 2)",
        bool(plain.min() > 0.5 and plain.max() < 2),
        f"{spread(plain.tolist())} over blocks, depths and seeds",
    )
    for net in ("residual", "pre-activation"):
        _state_steps(lab, net.capitalize(), steps[net])
        last = np.concatenate([each[:, -1] for each in repeats[net].values()])
        lab.state(
            f"{net.capitalize()}: repeating the last block of a stage converges",
            bool(last.max() < 0.01),
            f"step {_REPEATS} is {np.median(last):.2g} ({last.min():.2g} to {last.max():.2g}) of "
            "the first",
        )
        if last.min() > 1:
            lab.remark = (
                "A trained block is no step to a fixed point: F grows with its input, also where "
                "BatchNorm has fixed statistics, so that a repeated block moves it ever further."
            )


def _state_steps(lab: Lab, net: str, steps: dict[int, NDArray[np.float64]]) -> None:
    first = np.concatenate([each[:, 0] for each in steps.values()])
    others = np.concatenate([each[:, 1:].ravel() for each in steps.values()])
    *_, (deepest, values) = steps.items()
    lab.state(
        f"{net}: every block modifies its input, with a step below 1",
        bool(max(first.max(), others.max()) < 1),
        f"first block {spread(first.tolist())}, others {spread(others.tolist())}",
    )
    means = {depth: each.mean(1).tolist() for depth, each in steps.items()}
    lab.state(
        f"{net}: the mean step shrinks with every further depth",
        bool((np.diff([np.mean(each) for each in means.values()]) < 0).all()),
        ", ".join(f"{spread(each)} with {depth} layers" for depth, each in means.items()),
    )
    blocks = (deepest - 2) // 6  # of a stage; the first of the later stages change the shape
    stages = np.split(values, (blocks, 2 * blocks - 1), axis=1)
    ratios = [ratio for stage in stages for ratio in stage[:, -1] / stage[:, 0]]
    lab.state(
        f"{net}: the last step of every stage is smaller than its first ({deepest} layers)",
        max(ratios) < 1,
        f"last / first: {spread(ratios)}",
    )


def _draw(lab: Lab, steps: Values, repeats: Values) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for color, net in enumerate(_NETS):
        *_, deepest = steps[net]
        _band(axes[0], steps[net][deepest], f"C{color}", net)
        means = np.array([each.mean(1) for each in steps[net].values()])
        blocks = [(depth - 2) // 6 for depth in steps[net]]
        axes[1].plot(blocks, means.mean(1), f"C{color}o-", label=net)
        _band(axes[2], repeats[net][deepest], f"C{color}", net)
    axes[0].set(
        title=f"{deepest} layers, median and range of seeds",
        xlabel="block (of those that keep the shape)",
    )
    axes[1].set(title="Mean over blocks and seeds", xlabel="blocks per stage", xscale="log")
    axes[1].set_xticks(blocks, [str(num) for num in blocks])
    axes[1].minorticks_off()
    for each in axes[:2]:
        each.set_ylim(0, None)
        each.set_ylabel(r"step $\|h_{l+1} - h_l\| / \|h_l\|$")
    axes[2].set(title="Last block of each stage, repeated", xlabel="repetition", yscale="log")
    axes[2].set_ylabel("step / first step")
    axes[0].legend()
    lab.save(figure, "dynamics")


def _band(axes: Axes, values: NDArray[np.float64], color: str, label: str) -> None:
    """Draw the median and the range over the first axis."""
    x = 1 + np.arange(values.shape[1])
    axes.plot(x, np.median(values, axis=0), color, label=label)
    axes.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.2, lw=0)
