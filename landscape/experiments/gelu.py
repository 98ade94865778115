"""GELU: the expected value of a random gate, and networks with it."""

import math

import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor

from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent

_SAMPLES = 1_000_000


@experiment(
    claim="GELU is x Φ(x), the expected value of x where it exceeds a Gaussian and 0 elsewhere; "
    "its derivative is not monotonic; networks with it train at least as well as with ReLU.",
    source="Hendrycks & Gimpel 2016",
)
def gelu(lab: Lab) -> None:
    """Compare the formula with random gates, and residual networks with both activations."""
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    error = float((F.gelu(x) - x * normal(x)).abs().max())
    lab.state("GELU is x Φ(x) (float64)", error < 1e-14, f"largest difference {error:.1e}")

    open_gates = torch.randn(_SAMPLES, dtype=torch.float64, generator=torch.manual_seed(0)).sort()[
        0
    ]
    shares = torch.searchsorted(open_gates, x) / _SAMPLES  # of the gates that x exceeds
    errors = (x * shares - F.gelu(x)) / (x.abs() * (normal(x) * normal(-x) / _SAMPLES).sqrt())
    largest = float(errors[x.abs() > 1e-9].abs().max())
    lab.state(
        f"The mean of {_SAMPLES:,} random gates agrees within 4 standard errors",
        largest < 4,
        f"largest deviation at {len(x)} points: {largest:.1f} standard errors",
    )

    slope = normal(x) + x * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    steps = slope.diff()
    lab.state(
        "The derivative falls, rises and falls again, with its extremes at ∓√2",
        bool((steps < 0).any() and (steps > 0).any())
        and abs(abs(float(x[slope.argmin()])) - math.sqrt(2)) < 0.06,
        f"lowest {slope.min():.4f} at {x[slope.argmin()]:.1f}, "
        f"highest {slope.max():.4f} at {x[slope.argmax()]:.1f}",
    )
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    axes[0].plot(x, F.relu(x), label="ReLU")
    axes[0].plot(x, F.gelu(x), label="GELU")
    axes[0].plot(x, x * shares, "k:", label=f"mean of {_SAMPLES:,} gates")
    axes[1].plot(x, (x > 0).double(), label="ReLU")
    axes[1].plot(x, slope, label="GELU")
    for each, title in zip(axes, ("activation", "derivative"), strict=True):
        each.set(xlabel="x", title=title)
        each.legend()
    lab.save(figure, "gelu")
    _networks(lab)


def normal(x: Tensor) -> Tensor:
    """Return Φ(x), the share of a standard Gaussian below x.

    Args:
        x: Any shape.
    """
    return torch.erfc(-x / math.sqrt(2)) / 2


def _networks(lab: Lab) -> None:
    accuracies: dict[str, list[float]] = {"relu": [], "gelu": []}
    for activation, reached in accuracies.items():
        for seed in lab.seeds:
            net = lab.train("resnet20", seed, options={"activation": activation})
            reached.append(net.history["test_accuracy"][-1])
    lab.state(
        "Test accuracy with GELU is not lower than with ReLU by more than the spread",
        max(accuracies["gelu"]) >= min(accuracies["relu"]),
        f"GELU {percent(accuracies['gelu'])}, ReLU {percent(accuracies['relu'])}",
    )
