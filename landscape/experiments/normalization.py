"""Batch, layer or no normalization at equal depth."""

import torch
from torch import Tensor

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher
from landscape.models import norm

_TRAINED = 0.95
"""A network is trained if it has this training accuracy."""

_VARIANTS = {
    "batch": {"norm": "batch"},
    "batch after ReLU": {"norm": "batch", "norm_position": "after"},
    "layer": {"norm": "layer"},
    "none": {"norm": "none"},
}


@experiment(
    claim="Batch normalization has one mean and variance for each channel, over images and pixels; "
    "layer normalization one for each image, over all its units. Deep networks train with either, "
    "before or after the activation, and not without; batch normalization makes the loss surface "
    "less smooth than layer normalization.",
    source="Ioffe & Szegedy 2015; Ba et al. 2016",
)
def normalization(lab: Lab) -> None:
    """Compare the layers with their formulas, and networks of equal depth with each."""
    x = torch.randn(32, 24, 5, 7, dtype=torch.float64, generator=torch.manual_seed(0))
    x = 3 * x + torch.arange(24, dtype=torch.float64)[:, None, None]
    for layer, name, dimensions, over in (
        (norm("batch", 24), "Batch", (0, 2, 3), "images and pixels for each channel"),
        (norm("layer", 24), "Layer", (1, 2, 3), "all units of an image"),
    ):
        outputs = layer.double().train()(x).detach()
        difference = float((outputs - normalized(x, dimensions)).abs().max())
        lab.state(
            f"{name} normalization has its statistics over {over} (float64)",
            difference < 1e-12,
            f"largest difference from the formula {difference:.1e}",
        )
    plain, residual = lab.choose(("plain20", "resnet20"), ("plain56", "resnet56"))
    _training(lab, plain)
    _smoothness(lab, residual)


def normalized(x: Tensor, dimensions: tuple[int, ...], epsilon: float = 1e-5) -> Tensor:
    """Return x, less its mean and divided by its standard deviation over some dimensions.

    Args:
        x: Shape (images, channels, height, width).
        dimensions: (0, 2, 3) for batch, (1, 2, 3) for layer normalization.
        epsilon: Added to the variance.
    """
    mean = x.mean(dimensions, keepdim=True)
    variance = ((x - mean) ** 2).mean(dimensions, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


def _training(lab: Lab, net: str) -> None:
    """State which networks without skip connections train."""
    reached = {
        variant: [
            lab.train(net, seed, options=options).history["train_accuracy"][-1]
            for seed in lab.seeds
        ]
        for variant, options in _VARIANTS.items()
    }
    for variant, accuracies in reached.items():
        trains = variant != "none"
        lab.state(
            f"{net} with normalization {variant!r} "
            f"{'trains' if trains else 'does not train'} (training accuracy of {_TRAINED:.0%})",
            min(accuracies) >= _TRAINED if trains else max(accuracies) < _TRAINED,
            percent(accuracies),
        )


def _smoothness(lab: Lab, net: str) -> None:
    """State which normalization has the rougher surface, in networks that all train."""
    surfaces = {}
    for variant, options in _VARIANTS.items():
        nets = [lab.train(net, seed, options=options) for seed in lab.seeds]
        accuracies = percent([each.history["test_accuracy"][-1] for each in nets])
        lab.progress.note(f"{net}, {variant}: test accuracy {accuracies}")
        surfaces[variant] = lab.scan_all(f"{net}, {variant}", nets)
    more, less, text = rougher(surfaces["batch"], surfaces["layer"])
    lab.state(
        f"The surface of {net} is rougher with batch than with layer normalization",
        bool(more) and not less,
        f"{text}: {', '.join(more) or 'none'}",
    )
    lab.save(landscape.plot(*(each[0] for each in surfaces.values())), "normalization")
