"""Products by oneDNN: which ones, and that they are those of the model."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape import models
from landscape.evaluation import autotune
from landscape.evaluation.rewrites import onednn
from landscape.evaluation.rewrites.network import unmodified
from landscape.evaluation.rewrites.onednn import with_onednn
from landscape.objective import Objective
from landscape.plane import Plane

needs_onednn = pytest.mark.skipif(
    not onednn.available("_linear_pointwise"), reason="torch without oneDNN"
)
POINTS = [(0.0, 0.0), (0.3, -0.2)]


class Products(nn.Module):
    """One product, written in one of many forms."""

    def __init__(self, form: Callable[["Products", Tensor], Tensor]) -> None:
        super().__init__()
        self.form = form
        self.weight = nn.Parameter(torch.randn(5, 7))
        self.bias = nn.Parameter(torch.randn(5))
        self.head = nn.Parameter(torch.randn(3, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.form(self, x).reshape(len(x), -1, 5).mean(1).mul(0.5).matmul(self.head.t())


FORMS: dict[str, Callable[[Products, Tensor], Tensor]] = {
    "linear": lambda m, x: F.linear(x, m.weight, m.bias),
    "linear without bias": lambda m, x: F.linear(x, m.weight),
    "linear by name": lambda m, x: F.linear(x, weight=m.weight, bias=m.bias),
    "Conv1D of transformers": lambda m, x: torch.addmm(m.bias, x.view(-1, 7), m.weight.t()),
    "operator": lambda m, x: x @ m.weight.t(),
    "matmul": lambda m, x: torch.matmul(x, m.weight.t()),
    "mm": lambda m, x: x.flatten(0, 1).mm(m.weight.t()),
    "strided": lambda m, x: F.linear(x.transpose(0, 1), m.weight).transpose(0, 1),
}
LEFT: dict[str, Callable[[Products, Tensor], Tensor]] = {
    "scaled": lambda m, x: torch.addmm(m.bias, x.view(-1, 7), m.weight.t(), beta=2.0, alpha=0.5),
    "one added to all": lambda m, x: torch.addmm(m.bias[:1], x.view(-1, 7), m.weight.t()),
    "batched": lambda m, x: x @ m.weight.t().expand(len(x), 7, 5),
    "in float64": lambda m, x: F.linear(x.double(), m.weight.double()).to(x.dtype),
    "vectors": lambda m, x: torch.vmap(torch.vmap(lambda v: F.linear(v, m.weight)))(x),
    "differentiated": lambda m, x: _derivative(m, x),
    "into a tensor": lambda m, x: torch.mm(
        x.flatten(0, 1), m.weight.t(), out=x.new_empty(x.shape[0] * x.shape[1], 5)
    ),
}


def _derivative(model: Products, x: Tensor) -> Tensor:
    moved: Tensor = torch.func.jvp(lambda v: F.linear(v, model.weight) ** 2, (x,), (x,))[1]
    return moved


def objective_of(model: nn.Module, x: Tensor, y: Tensor) -> Objective:
    return Objective(model, F.cross_entropy, (x, y), device=torch.device("cpu"), images_per_batch=4)


class Counted(TorchDispatchMode):
    """Counts operators."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.calls.append(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


def compared(model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
    """Return the operators of the net at one point, having compared its outputs in float64."""
    objective = objective_of(model, x, y)
    plane = Plane.random(objective.center, 0)
    network = with_onednn(objective, plane)
    assert network is not None
    exact = unmodified(objective, plane, torch.float64)
    counted = Counted()
    for point in POINTS:
        at = plane.at(*point)
        inputs = objective.inputs
        wide = inputs.double() if inputs.is_floating_point() else inputs
        with torch.no_grad():
            expected = exact.forward({k: t.double() for k, t in at.items()}, wide)
            outputs = network.forward(at, inputs)
        torch.testing.assert_close(outputs.double(), expected, rtol=1e-4, atol=1e-5)
    with torch.no_grad(), counted:
        network.forward(at, inputs)
    return counted.calls


@needs_onednn
@pytest.mark.parametrize("name", FORMS)
def test_products_of_all_forms_are_computed_by_onednn(name: str) -> None:
    calls = compared(Products(FORMS[name]), torch.randn(6, 4, 7), torch.randint(3, (6,)))
    assert calls.count("mkldnn._linear_pointwise") == 2


@needs_onednn
@pytest.mark.parametrize("name", LEFT)
def test_other_products_are_left_to_torch(name: str) -> None:
    calls = compared(Products(LEFT[name]), torch.randn(6, 4, 7), torch.randint(3, (6,)))
    assert calls.count("mkldnn._linear_pointwise") == 1  # the head


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Linear(7, 5), nn.GELU(), nn.Linear(5, 3))
    model[1].register_forward_hook(lambda *_: None)
    return model


@needs_onednn
@pytest.mark.parametrize(
    ("make", "gelus"),
    [
        (lambda: nn.Sequential(nn.Linear(7, 5), nn.GELU(), nn.Linear(5, 3)), 0),
        (lambda: nn.Sequential(nn.Linear(7, 5), nn.GELU("tanh"), nn.Linear(5, 3)), 0),
        (lambda: nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3), nn.GELU()), 0),
        (lambda: nn.Sequential(nn.Linear(7, 3), nn.Dropout(), nn.GELU()), 1),
        (lambda: nn.Sequential(nn.GELU(), nn.Linear(7, 3)), 1),
        (hooked, 1),
    ],
)
def test_activations_are_computed_with_the_layer_before(
    make: Callable[[], nn.Module], gelus: int
) -> None:
    calls = compared(make(), torch.randn(6, 7), torch.randint(3, (6,)))
    assert calls.count("aten.gelu") == gelus
    assert calls.count("aten.relu") == 0


@needs_onednn
@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU(), nn.GELU("tanh")])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_stays_so(activation: nn.Module, value: float) -> None:
    model = nn.Sequential(nn.Linear(7, 5), activation, nn.Linear(5, 3))
    x = torch.randn(6, 7)
    objective = objective_of(model, x, torch.randint(3, (6,)))
    network = with_onednn(objective, Plane.random(objective.center, 0))
    assert network is not None
    x[2, 3] = value
    with torch.no_grad():
        found = network.forward(objective.center, x)
        expected = model(x)
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert not found[2].isfinite().all()


@needs_onednn
def test_a_language_model_runs_on_onednn_alone() -> None:
    model = models.create("gpt2", vocabulary=30, context=6, width=16, heads=2)
    calls = compared(model, *torch.randint(30, (2, 5, 6)))
    assert calls.count("mkldnn._linear_pointwise") == 2 * 4 + 1  # the tied head as well
    assert calls.count("aten._scaled_dot_product_flash_attention_for_cpu") == 2
    for left_over in ("addmm", "mm", "bmm", "gelu", "linear"):
        assert f"aten.{left_over}" not in calls


def test_without_onednn_plans_are_chosen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "available", lambda _: False)
    model = nn.Sequential(nn.Linear(7, 5), nn.GELU(), nn.Linear(5, 3))
    objective = objective_of(model, torch.randn(6, 7), torch.randint(3, (6,)))
    plane = Plane.random(objective.center, 0)
    assert with_onednn(objective, plane) is None
    tuned = autotune(objective, plane, POINTS, 100, precision="float32", note=pytest.fail)
    assert "oneDNN" not in str(tuned.plan)


@needs_onednn
def test_a_net_that_raises_in_its_place_is_left_alone() -> None:
    class Strict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(7, 3), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            if type(self.body) is not nn.Sequential:
                raise TypeError(type(self.body))
            y: Tensor = self.body(x)
            return y

    objective = objective_of(Strict(), torch.randn(6, 7), torch.randint(3, (6,)))
    assert with_onednn(objective, Plane.random(objective.center, 0)) is None
