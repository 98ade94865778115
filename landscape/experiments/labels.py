"""Label smoothing: a target that a softmax can reach."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor, nn

from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, spread

_CLASSES = 10
_EPSILON = 0.1
_STEPS = (1, 3, 10, 30, 100, 300, 1000, 3000)


@experiment(
    claim="No softmax reaches a one-hot target, so that the logits of a network trained to "
    "convergence grow without bound; a smoothed target is reached at finite logits.",
    source="Szegedy et al. 2016, section 7",
)
def labels(lab: Lab) -> None:
    """Compare both forms of smoothing, and train a small network to convergence with each."""
    _forms(lab)
    _optima(lab)
    gaps = {
        name: [
            lab.once(f"gaps, {name}, seed {seed}", partial(_trained, lab, name, seed))
            for seed in lab.seeds
        ]
        for name in _TARGETS
    }
    growth = [low[-1] - low[-3] for low, _, _ in gaps["one-hot"]]
    lab.state(
        "Target one-hot: the smallest gap still grows, by 1 or more from 300 to 3,000 steps",
        min(growth) >= 1,
        f"by {spread(growth)} to {spread([low[-1] for low, _, _ in gaps['one-hot']])}; "
        f"a loss that falls as 1/steps has ln 10 = {math.log(10):.3f}",
    )
    for name, gap in _GAPS.items():
        wanted = gap(_EPSILON, _CLASSES)
        errors = [abs(each[-1] - wanted) for low, _, high in gaps[name] for each in (low, high)]
        lab.state(
            f"Target {name}: every gap converges to that of the formula",
            max(errors) < 1e-10,
            f"{wanted:.6f}; largest difference of {len(lab.seeds)} networks {max(errors):.0e}",
        )
    _draw(lab, gaps)


def smoothed(y: Tensor, epsilon: float, classes: int) -> Tensor:
    """Return 1 - ε + ε/K for the true class and ε/K for the others (Szegedy et al. 2016).

    Args:
        y: Labels, shape (examples,).
        epsilon: ε.
        classes: K.

    Returns:
        Probabilities, shape (examples, classes).

    Example:
        >>> smoothed(torch.tensor([1]), 0.5, 4).tolist()
        [[0.125, 0.625, 0.125, 0.125]]
    """
    return (1 - epsilon) * F.one_hot(y, classes).double() + epsilon / classes


def smoothed_exactly(y: Tensor, epsilon: float, classes: int) -> Tensor:
    """Return 1 - ε for the true class and ε/(K - 1) for the others, as in many lectures.

    Args:
        y: Labels, shape (examples,).
        epsilon: ε.
        classes: K.

    Returns:
        Probabilities, shape (examples, classes).

    Example:
        >>> smoothed_exactly(torch.tensor([1]), 0.75, 4).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    onehot = F.one_hot(y, classes).double()
    return (1 - epsilon) * onehot + epsilon / (classes - 1) * (1 - onehot)


_TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "one-hot": lambda y: smoothed(y, 0.0, _CLASSES),
    "1 - ε + ε/K": lambda y: smoothed(y, _EPSILON, _CLASSES),
    "1 - ε": lambda y: smoothed_exactly(y, _EPSILON, _CLASSES),
}

_GAPS: dict[str, Callable[[float, int], float]] = {
    "1 - ε + ε/K": lambda e, k: math.log((1 - e + e / k) / (e / k)),
    "1 - ε": lambda e, k: math.log((1 - e) / (e / (k - 1))),
}
"""How far the true class's logit exceeds the others where the softmax equals the target."""


def _forms(lab: Lab) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(1000, _CLASSES, dtype=torch.float64, generator=generator)
    y = torch.randint(_CLASSES, (1000,), generator=generator)
    for text, target, epsilon in (
        ("1 - ε + ε/K (others ε/K) is torch's label_smoothing = ε", smoothed, _EPSILON),
        (
            "1 - ε (others ε/(K - 1)) is torch's label_smoothing = ε K/(K - 1)",
            smoothed_exactly,
            _EPSILON * _CLASSES / (_CLASSES - 1),
        ),
    ):
        ours = -(target(y, _EPSILON, _CLASSES) * logits.log_softmax(1)).sum(1)
        torchs = F.cross_entropy(logits, y, label_smoothing=epsilon, reduction="none")
        error = float((ours / torchs - 1).abs().max())
        lab.state(f"Target {text}", error < 1e-12, f"largest relative difference {error:.0e}")


def _optima(lab: Lab) -> None:
    y = torch.arange(_CLASSES)

    def slope(name: str, gap: float) -> float:
        """Return the largest derivative of the cross entropy with respect to a logit."""
        logits = gap * F.one_hot(y).double()
        return float((logits.softmax(1) - _TARGETS[name](y)).abs().max())

    smooth = [slope(name, gap(_EPSILON, _CLASSES)) for name, gap in _GAPS.items()]
    onehot = [slope("one-hot", gap) for gap in (0, 10, 20, 30)]
    lab.state(
        "The gradient is zero at the gaps of the formulas, and at no gap for one-hot targets",
        max(smooth) < 1e-15 < min(onehot),
        f"{max(smooth):.0e}; one-hot at gaps 0, 10, 20, 30: "
        + ", ".join(f"{each:.0e}" for each in onehot),
    )


def _trained(lab: Lab, name: str, seed: int) -> list[list[float]]:
    """Return the lowest, mean and highest gap of a small network after some steps.

    Gradient descent with momentum on one image of each class, in float64.
    """
    x, y = lab.examples()
    some = [int((y == label).nonzero()[0]) for label in range(_CLASSES)]
    x, y = x[some].double(), y[some]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(x[0].numel(), 128), nn.Tanh(), nn.Linear(128, _CLASSES)
    net = nn.Sequential(nn.Flatten(), *layers).double()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True)
    q, is_true = _TARGETS[name](y), F.one_hot(y).bool()
    rows = []
    for step in range(1, max(_STEPS) + 1):
        optimizer.zero_grad()
        F.cross_entropy(net(x), q).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step in _STEPS:
            logits = net(x).detach()
            gap = (logits[is_true][:, None] - logits)[~is_true]
            rows.append([float(gap.min()), float(gap.mean()), float(gap.max())])
    return [list(column) for column in zip(*rows, strict=True)]


def _draw(lab: Lab, gaps: dict[str, list[list[list[float]]]]) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    for color, (name, seeds) in zip(("k", "C0", "C1"), gaps.items(), strict=True):
        for low, mean, high in seeds:
            axes.fill_between(_STEPS, low, high, color=color, alpha=0.08, linewidth=0)
            axes.plot(_STEPS, mean, color=color, label=name if seeds[0][1] is mean else None)
        if name in _GAPS:
            axes.axhline(_GAPS[name](_EPSILON, _CLASSES), color=color, ls=":", label="formula")
    axes.set(xscale="log", xlabel="steps of gradient descent", ylabel="true logit - other logit")
    axes.set_title(f"Gaps of the logits (ε = {_EPSILON}, K = {_CLASSES}; mean and range)")
    axes.legend(title="target of the true class")
    lab.save(figure, "labels")
