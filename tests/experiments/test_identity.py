"""Deep linear networks against plain formulas, and where the answer is known."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.experiments import identity as module


def product(weights: Tensor) -> NDArray[np.float64]:
    """Return W_L ⋯ W_1."""
    result = np.eye(weights.shape[-1])
    for each in weights.numpy():
        result = each @ result
    return result


def random_weights(depth: int, size: int) -> Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.normal(size=(depth, size, size)) / size**0.5)


def test_loss_is_the_squared_frobenius_norm() -> None:
    x, y = module.problem(0)
    weights = random_weights(5, 6)
    expected = np.linalg.norm(product(weights) @ x.numpy().T - y.numpy().T) ** 2
    assert float(module.loss(weights, x, y)) == pytest.approx(expected, rel=1e-12)


def test_loss_with_relu_between_the_layers() -> None:
    x, y = module.problem(0)
    weights = random_weights(3, 6)
    h = x.numpy()
    h = np.maximum(h @ weights[0].numpy().T, 0)
    h = np.maximum(h @ weights[1].numpy().T, 0) @ weights[2].numpy().T
    expected = ((h - y.numpy()) ** 2).sum()
    assert float(module.loss(weights, x, y, relu=True)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_solution_reaches_least_squares(depth: int) -> None:
    x, y = module.problem(3)
    found = module.solution(x, y, depth)
    best, residuals, *_ = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)
    np.testing.assert_allclose(product(found), best.T, rtol=1e-10)
    assert float(module.loss(found, x, y)) == pytest.approx(residuals.sum(), rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 16, 1024])
def test_solution_of_a_rotation_is_a_smaller_rotation(depth: int) -> None:
    angle = 2.0
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
        dtype=torch.float64,
    )
    found = module.solution(torch.eye(2).double(), turn.T, depth)
    assert module.distance(found) == pytest.approx(2 * math.sin(angle / depth / 2), rel=1e-10)


def test_steepness_against_the_written_out_gradient() -> None:
    x, y = module.problem(1)
    weights = random_weights(4, 6)
    residual = product(weights) @ x.numpy().T - y.numpy().T
    squares = 0.0
    for layer in range(4):
        before, after = product(weights[:layer]), product(weights[layer + 1 :])
        squares += np.linalg.norm(2 * after.T @ residual @ x.numpy() @ before.T) ** 2
    optimum = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[1].sum()
    expected = squares / (np.linalg.norm(residual) ** 2 - optimum)
    assert module.steepness(weights, x, y) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("depth", "tau"), [(1, 0.3), (2, 0.0), (3, 0.5), (8, 0.2)])
def test_lower_bound_is_attained(depth: int, tau: float) -> None:
    """Layers (1 − τ) I, and an error along the least singular vector of X alone."""
    x = torch.diag(torch.tensor([0.7, 1.0, 3.0], dtype=torch.float64))
    weights = (1 - tau) * torch.eye(3).double().expand(depth, 3, 3)
    target = (1 - tau) ** depth * torch.eye(3).double()
    target[0, 0] += 0.1
    steepness = module.steepness(weights, x, x @ target.T)
    assert steepness == pytest.approx(module.lower_bound(weights, x), rel=1e-10)


def test_hessian_of_two_layers_at_zero_does_not_vanish() -> None:
    """The order of the saddle is the depth: the statement is for three layers and more."""
    x, y = module.problem(0)
    zero = torch.zeros(2, 6, 6, dtype=torch.float64)
    assert float(torch.func.hessian(module.loss)(zero, x, y).abs().max()) > 1
