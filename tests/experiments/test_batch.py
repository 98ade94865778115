"""The exact statements of the experiment ``batch``."""

import numpy as np
import torch
from torch import nn

import landscape
from landscape.experiments.batch import convolutions, losses, scaled


def net() -> nn.Sequential:
    """A small network with BatchNorm without ε, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4, eps=1e-30),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 3),
        )
    return model.double()


def objective(model: nn.Module) -> landscape.Objective:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 1, 8, 8, dtype=torch.float64, generator=generator)
    return landscape.Objective(
        model, data=(x, torch.arange(30) % 3), dtype=torch.float64, batchnorm="recomputed"
    )


def test_scaling_before_batchnorm_leaves_the_function_unchanged() -> None:
    x = torch.randn(30, 1, 8, 8, dtype=torch.float64, generator=torch.manual_seed(1))
    model, other = net().train(), scaled(net(), 10.0).train()
    torch.testing.assert_close(other(x), model(x), rtol=1e-12, atol=1e-12)
    for (name, mine), (_, theirs) in zip(
        model.named_parameters(), other.named_parameters(), strict=True
    ):
        torch.testing.assert_close(theirs, mine * (10 if name == "0.weight" else 1))
    model.get_parameter("4.weight").data *= 10  # not before BatchNorm
    assert not torch.allclose(other(x), model(x))


def test_scaled_weights_flatten_one_direction_but_not_filter_normalized_ones() -> None:
    here, there = objective(net()), objective(scaled(net(), 10.0))
    alphas = np.linspace(-1, 1, 5)
    direction = convolutions(here)
    flatter = losses(there, direction, alphas)
    np.testing.assert_allclose(flatter, losses(here, direction, alphas / 10), rtol=1e-11)
    theta = losses(here, direction, alphas)
    np.testing.assert_allclose(losses(there, convolutions(there), alphas), theta, rtol=1e-11)
    assert np.ptp(flatter) < np.ptp(theta) / 2  # a tenth of the line
    still = [name for name, tensor in direction.items() if not tensor.any()]
    assert still == ["1.weight", "1.bias", "4.weight", "4.bias"]
