"""Critical sharpness against the formula for quadratics, and on a net."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import landscape
from landscape.curvature.critical_sharpness import critical_rate

Pair = tuple[Tensor, Tensor]


@pytest.fixture
def quadratic() -> tuple[nn.Linear, Pair]:
    """Linear regression, whose loss is quadratic."""
    model = nn.Linear(6, 1, bias=False)
    x = torch.randn(40, 6) * torch.tensor([0.2, 0.5, 1, 2, 3, 5])
    return model, (x, x.sum(1, keepdim=True) + torch.randn(40, 1))


def by_formula(model: nn.Linear, data: Pair, update: Tensor | None = None) -> float:
    """Return 2 / η where g·u η + uᵀHu η² / 2 = 0."""
    x, y = (t.double().numpy() for t in data)
    w = model.weight.detach().double().numpy().ravel()
    hessian = 2 * x.T @ x / len(x)
    gradient = 2 * x.T @ (x @ w - y.ravel()) / len(x)
    u = -gradient if update is None else update.double().numpy().ravel()
    return float(-(u @ hessian @ u) / (gradient @ u))


@pytest.mark.parametrize("learning_rate", [1e-4, 1e-2, 0.1, 10.0])
@pytest.mark.parametrize("kind", ["model", "objective"])
def test_of_a_quadratic_it_is_the_curvature_along_the_gradient(
    quadratic: tuple[nn.Linear, Pair], learning_rate: float, kind: str
) -> None:
    model, data = quadratic
    if kind == "objective":
        objective = landscape.Objective(model, "mse", data, device="cpu", images_per_batch=7)
        found = landscape.sharpness(objective, learning_rate=learning_rate)
    else:
        found = landscape.sharpness(model, "mse", data, learning_rate=learning_rate)
    assert found.value == pytest.approx(by_formula(model, data), rel=2e-3)
    assert found.value == pytest.approx(2 / found.learning_rate)
    assert found.passes <= 5
    largest = np.linalg.eigvalsh((2 * data[0].T @ data[0] / 40).double().numpy())[-1]
    assert 0 < found.value < largest


def test_along_the_update_of_an_optimizer(quadratic: tuple[nn.Linear, Pair]) -> None:
    model, data = quadratic
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = model.weight.detach().clone()
    nn.functional.mse_loss(model(data[0]), data[1]).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    update = (model.weight.detach() - before) / 1e-3
    with torch.no_grad():
        model.weight.copy_(before)
    found = landscape.sharpness(model, "mse", data, update={"weight": update}, learning_rate=1e-3)
    assert found.value == pytest.approx(by_formula(model, data, update), rel=2e-3)


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(7, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.net(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_a_model_in_training_is_not_changed(vectors: Pair) -> None:
    model, batch = Dropping().train(), {"x": vectors[0], "labels": vectors[1]}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    found = landscape.sharpness(model, None, batch)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert found.passes <= 8
    # At the critical rate a step of gradient descent has the loss of its start.
    start = model(**batch)["loss"]
    gradients = torch.autograd.grad(start, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.sub_(found.learning_rate * gradient)
    model.load_state_dict({n: t for n, t in before.items() if "running" in n}, strict=False)
    torch.set_rng_state(state)
    with torch.no_grad():
        assert float(model(**batch)["loss"]) == pytest.approx(float(start.detach()), rel=0.02)


def test_updates_that_do_not_lower_the_loss_or_always_do() -> None:
    model, batch = nn.Linear(2, 1, bias=False), (torch.eye(2), torch.zeros(2, 1))
    nn.init.ones_(model.weight)
    upwards = landscape.sharpness(model, "mse", batch, update={"weight": torch.ones(1, 2)})
    assert (upwards.value, upwards.learning_rate) == (math.inf, 0)

    def linear(outputs: Tensor, _: Tensor) -> Tensor:
        return outputs.mean()

    downwards = landscape.sharpness(model, linear, batch)
    assert (downwards.value, downwards.learning_rate) == (0, math.inf)


def test_a_loss_that_overflows_counts_as_higher() -> None:
    rate, passes = critical_rate(
        lambda rate: -rate + 3 * rate**4 if rate < 5 else math.nan, 10, 0.01
    )
    assert rate == pytest.approx((1 / 3) ** (1 / 3), rel=0.02)
    assert passes < 10


def test_wrong_calls(quadratic: tuple[nn.Linear, Pair]) -> None:
    model, data = quadratic
    with pytest.raises(TypeError, match="needs a batch"):
        landscape.sharpness(model, "mse")
    with pytest.raises(TypeError, match="has its own loss and data"):
        landscape.sharpness(landscape.Objective(model, "mse", data), "mse")
    with pytest.raises(ValueError, match="above 0"):
        landscape.sharpness(model, "mse", data, learning_rate=0)
