"""The exact statements of the experiments, against oracles that do not use their code."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import norm
from torch import nn

from landscape import models
from landscape.experiments.batch import scaled
from landscape.experiments.convnext import parameters
from landscape.experiments.gelu import normal
from landscape.experiments.labels import smoothed, smoothed_exactly
from landscape.experiments.motif import block_of_zeros
from landscape.experiments.normalization import normalized
from landscape.experiments.optimizers import adam
from landscape.experiments.regularization import evaluated, mean_over_masks


def test_the_gate_of_gelu_is_the_normal_distribution() -> None:
    x = np.linspace(-6, 6, 101)
    np.testing.assert_allclose(normal(torch.from_numpy(x)).numpy(), norm.cdf(x), rtol=1e-12)


@pytest.mark.parametrize("target", [smoothed, smoothed_exactly])
def test_smoothed_targets_are_probabilities(target) -> None:  # type: ignore[no-untyped-def]
    y = torch.tensor([0, 2, 3])
    rows = target(y, 0.1, 4).numpy()
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-15)
    true = 0.925 if target is smoothed else 0.9
    np.testing.assert_allclose(rows[np.arange(3), y], true, rtol=1e-15)


def test_a_smoothed_target_is_reached_at_a_finite_gap() -> None:
    gap = math.log(0.9 / (0.1 / 3))
    reached = np.exp(log_softmax([gap, 0, 0, 0]))
    expected = smoothed_exactly(torch.tensor([0]), 0.1, 4)[0].numpy()
    np.testing.assert_allclose(reached, expected, rtol=1e-14)


def test_adam_by_hand() -> None:
    """Two steps with a constant gradient g: each moves by the rate, whatever g is."""
    start = torch.tensor([1.0], dtype=torch.float64)
    for g in (1e-3, 5.0):
        constant = torch.tensor([g], dtype=torch.float64)
        end = adam(start, lambda _, c=constant: c, 2, rate=0.1, decay=0.0, decoupled=True)  # type: ignore[misc]
        assert float(end) == pytest.approx(0.8, abs=2e-6)
    decayed = adam(start, torch.zeros_like, 2, rate=0.1, decay=0.5, decoupled=True)
    assert float(decayed) == pytest.approx(0.95**2, abs=1e-15)


def test_normalization_by_numpy() -> None:
    x = np.random.default_rng(0).normal(3, 2, (4, 3, 5, 6))
    for axes in ((0, 2, 3), (1, 2, 3)):
        expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
        ours = normalized(torch.from_numpy(x), axes).numpy()
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_blocks_of_zeros() -> None:
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(block_of_zeros(True)(x), x)
        assert torch.equal(block_of_zeros(False)(x), x.relu())


@pytest.mark.parametrize("p", [0.0, 0.1, 0.7])
def test_dropout_has_the_mean_of_evaluation(p: float) -> None:
    torch.testing.assert_close(mean_over_masks(p), evaluated(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("channels", "size", "groups"), [(8, 3, 1), (8, 7, 8), (12, 5, 3)])
def test_weights_of_a_convolution_are_counted(channels: int, size: int, groups: int) -> None:
    layer = nn.Conv2d(channels, channels, size, groups=groups, bias=False)
    assert parameters(channels, size, groups) == layer.weight.numel()


def test_scaling_before_batchnorm_changes_weights_but_not_the_function() -> None:
    torch.manual_seed(0)
    net = models.create("plain8").double().train()
    x = torch.randn(8, 3, 8, 8, dtype=torch.float64)
    other = scaled(net, 10.0)
    assert not torch.equal(next(net.parameters()), next(other.parameters()))
    torch.testing.assert_close(other(x), net(x), rtol=1e-3, atol=1e-3)
