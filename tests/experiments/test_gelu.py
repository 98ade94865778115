"""The exact statements of the experiment ``gelu``."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from landscape.experiments.gelu import derivative


@pytest.mark.parametrize("x", [-2.0, -0.3, 0.0, 1.4, 3.0])
def test_gelu_is_the_mean_over_gates(x: float) -> None:
    mean = x * quad(norm.pdf, -np.inf, x)[0]
    ours = float(torch.nn.functional.gelu(torch.tensor(x, dtype=torch.float64)))
    assert ours == pytest.approx(mean, abs=1e-8)


def test_the_derivative_agrees_with_differences_and_turns_at_the_root_of_two() -> None:
    x, step = np.linspace(-4, 4, 41), 1e-5
    differences = ((x + step) * norm.cdf(x + step) - (x - step) * norm.cdf(x - step)) / (2 * step)
    np.testing.assert_allclose(derivative(torch.from_numpy(x)).numpy(), differences, atol=1e-9)
    around = torch.tensor([-1e-3, 0.0, 1e-3], dtype=torch.float64)
    assert derivative(around - 2**0.5).argmin() == 1
    assert derivative(around + 2**0.5).argmax() == 1
