"""GELU: the expected value of a random gate, and networks with it."""

import math
from statistics import fmean, variance

import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher

_SAMPLES = 1_000_000


@experiment(
    claim="GELU is x Φ(x), the expected value of x where it exceeds a Gaussian and 0 elsewhere; "
    "its derivative is not monotonic; networks with it train at least as well as with ReLU.",
    source="Hendrycks & Gimpel 2016; the roughness of their loss surfaces is measured here",
)
def gelu(lab: Lab) -> None:
    """Compare the formula with random gates, and residual networks with both activations."""
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    error = float((F.gelu(x) - x * normal(x)).abs().max())
    lab.state("GELU is x Φ(x) (float64)", error < 1e-14, f"largest difference {error:.1e}")

    gates = torch.randn(_SAMPLES, dtype=torch.float64, generator=torch.manual_seed(0))
    shares = torch.searchsorted(gates.sort()[0], x) / _SAMPLES  # of the gates that x exceeds
    deviations = (shares - normal(x)) / (normal(x) * normal(-x) / _SAMPLES).sqrt()
    largest = float(deviations.abs().max())
    lab.state(
        f"The mean of x behind {_SAMPLES:,} random gates agrees within 4 standard errors",
        largest < 4,
        f"largest deviation at {len(x)} points: {largest:.1f} standard errors",
    )

    slope = derivative(x)
    found = torch.func.vmap(torch.func.grad(F.gelu))(x)
    error, steps = float((found - slope).abs().max()), slope.diff()
    low, high = float(x[slope.argmin()]), float(x[slope.argmax()])
    lab.state(
        "The derivative Φ(x) + x φ(x) falls, rises and falls again, with its extremes at ∓√2",
        error < 1e-14
        and torch.unique_consecutive(steps.sign()).tolist() == [-1, 1, -1]
        and max(abs(low + math.sqrt(2)), abs(high - math.sqrt(2))) < 0.06,
        f"lowest {slope.min():.4f} at {low:.1f}, highest {slope.max():.4f} at {high:.1f}; "
        f"automatic differentiation differs by {error:.1e}",
    )
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    axes[0].plot(x, F.relu(x), "C0", label="ReLU")
    axes[0].plot(x, F.gelu(x), "C1", label="GELU")
    axes[0].plot(x, x * shares, "k:", label=f"mean of {_SAMPLES:,} gates")
    axes[1].plot(x, (x > 0).double(), "C0", label="ReLU")
    axes[1].plot(x, slope, "C1", label="GELU")
    for each, title in zip(axes, ("activation", "derivative"), strict=True):
        each.set(xlabel="x", title=title)
        each.legend()
    lab.save(figure, "gelu")
    _networks(lab)


def normal(x: Tensor) -> Tensor:
    """Return Φ(x), the probability of a standard Gaussian below x.

    Args:
        x: Any shape.

    Example:
        >>> normal(torch.zeros(1))
        tensor([0.5000])
    """
    return torch.erfc(-x / math.sqrt(2)) / 2


def derivative(x: Tensor) -> Tensor:
    """Return that of GELU, Φ(x) + x φ(x).

    Args:
        x: Any shape.
    """
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return normal(x) + x * density


def _networks(lab: Lab) -> None:
    """Compare test accuracies and surfaces of residual networks with both activations."""
    accuracies, surfaces = {}, {}
    for activation in ("relu", "gelu"):
        options = {"activation": activation}
        nets = [lab.train("resnet20", seed, options=options) for seed in lab.seeds]
        accuracies[activation] = [net.history["test_accuracy"][-1] for net in nets]
        surfaces[activation] = lab.scan_all(f"resnet20, {activation}", nets)
    relu, gelu = accuracies.values()
    difference = fmean(gelu) - fmean(relu)
    error = math.sqrt((variance(relu) + variance(gelu)) / len(relu)) if len(relu) > 1 else 0.0
    lab.state(
        "The test accuracy of resnet20 with GELU is not lower by two standard errors or more",
        difference > -2 * error,
        f"GELU {percent(gelu)}, ReLU {percent(relu)}: difference {100 * difference:.2f} ± "
        f"{100 * error:.2f} points",
    )
    more, _, text = rougher(surfaces["gelu"], surfaces["relu"])
    lab.state(
        "Its surface is not rougher with GELU than with ReLU",
        not more,
        f"{text}: {', '.join(more) or 'none larger'}",
    )
    lab.save(landscape.plot(*surfaces["relu"], *surfaces["gelu"]), "surfaces")
