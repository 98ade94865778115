"""The exact statements of the experiment ``optimizers``."""

import pytest
import torch
from torch import Tensor

from landscape.experiments.optimizers import adam

START = torch.tensor([2.0, -3.0], dtype=torch.float64)
SLOPE = torch.tensor([0.1, 40.0], dtype=torch.float64)


def constant(_: Tensor) -> Tensor:
    return SLOPE


def test_the_first_step_has_the_length_of_the_rate() -> None:
    """With bias correction the first mean is the gradient, the first square its square."""
    rate, decay = 0.1, 0.5
    decoupled = adam(START, constant, 1, rate=rate, decay=decay, decoupled=True)
    torch.testing.assert_close(
        decoupled, START * (1 - rate * decay) - rate * SLOPE.sign(), rtol=1e-7, atol=0
    )
    added = adam(START, constant, 1, rate=rate, decay=decay, decoupled=False)
    expected = START - rate * (SLOPE + decay * START).sign()
    torch.testing.assert_close(added, expected, rtol=1e-7, atol=0)
    assert not torch.allclose(added, decoupled)


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_many_steps_equal_those_of_torch(decoupled: bool, decay: float) -> None:
    matrix = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    weights = START.clone().requires_grad_()
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizer = kind([weights], 0.05, weight_decay=decay)
    for _ in range(30):
        weights.grad = matrix @ weights.detach()
        optimizer.step()
    ours = adam(START, lambda w: matrix @ w, 30, rate=0.05, decay=decay, decoupled=decoupled)
    torch.testing.assert_close(ours, weights.detach(), rtol=1e-13, atol=0)
    other = adam(START, lambda w: matrix @ w, 30, rate=0.05, decay=decay, decoupled=not decoupled)
    assert torch.allclose(other, ours) == (decay == 0)
