"""What an objective finds out about a model: state, its fast path, parameters without effect."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import Objective
from landscape.behavior import fast_path
from landscape.errors import DataError
from tests.test_any_model import check


def test_frozen_parameters_that_are_moved_are_named(mlp: nn.Module) -> None:
    data = torch.randn(9, 7), torch.randint(3, (9,))
    mlp[0].requires_grad_(False)  # type: ignore[index]
    remarks = Objective(mlp, data=data, device="cpu").remarks
    assert any("0.weight" in each and "only='trainable'" in each for each in remarks)
    assert Objective(mlp, data=data, device="cpu", only="trainable").remarks == ()
    assert Objective(mlp.requires_grad_(False), data=data, device="cpu").remarks == ()


class InPlace(nn.Linear):
    """A running mean that evaluation changes as well."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__(7, 3)
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        self.mean.mul_(0.9).add_(0.1 * out.detach().mean(0))
        return out - self.mean


class Reassigned(InPlace):
    def forward(self, x: Tensor) -> Tensor:
        out = nn.Linear.forward(self, x)
        self.mean = 0.9 * self.mean + 0.1 * out.detach().mean(0)
        return out - self.mean


@pytest.mark.parametrize("kind", [InPlace, Reassigned])
def test_buffers_that_change_in_evaluation(kind: type[InPlace]) -> None:
    """Every point is that of a fresh copy; the model is left as it was."""
    model, x, y = kind(), torch.randn(20, 7), torch.randint(3, (20,))
    check(
        model,
        "cross_entropy",
        (x, y),
        lambda net: F.cross_entropy(net(x.double()), y),
        full_batch=True,
    )
    assert not model.mean.any()


def test_curvature_where_buffers_change() -> None:
    model, x, y = InPlace(), torch.randn(20, 7), torch.randint(3, (20,))
    objective = Objective(
        model, "cross_entropy", (x, y), full_batch=True, dtype=torch.float64, device="cpu"
    )
    found = landscape.Hessian(objective).matrix()
    weights = torch.cat([model.weight.flatten(), model.bias]).detach().double()

    def loss(weights: Tensor) -> Tensor:
        out = x.double() @ weights[:21].view(3, 7).T + weights[21:]
        return F.cross_entropy(out - 0.1 * out.detach().mean(0), y)

    hessian: Any = torch.autograd.functional.hessian
    np.testing.assert_allclose(found, hessian(loss, weights).numpy(), atol=1e-12)


def test_a_table_that_the_first_call_makes(mlp: nn.Module) -> None:
    class Cached(nn.Linear):
        table: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            if self.table is None or self.table.dtype != x.dtype:
                self.table = torch.cos(torch.arange(7, dtype=x.dtype))
            return super().forward(x * self.table)

    model, x, y = Cached(7, 3), torch.randn(20, 7), torch.randint(3, (20,))
    check(model, "cross_entropy", (x, y), lambda net: F.cross_entropy(net(x.double()), y))
    assert model.table is None


def test_a_table_that_is_made_of_weights_is_refused(mlp: nn.Module) -> None:
    class Cached(nn.Linear):
        def __init__(self) -> None:
            super().__init__(7, 3)
            self.cache: dict[str, Tensor] = {}

        def forward(self, x: Tensor) -> Tensor:
            self.cache.setdefault("norm", self.weight.norm())
            return super().forward(x) / self.cache["norm"]

    with pytest.raises(ValueError, match="keeps state in cache"):
        Objective(Cached(), data=(torch.randn(20, 7), torch.randint(3, (20,))), device="cpu")


def test_a_hidden_state_that_is_carried_on_is_refused() -> None:
    class Carried(nn.Linear):
        state: Tensor | float = 0.0

        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x) + self.state
            self.state = out.mean()
            return out

    with pytest.raises(ValueError, match="keeps state in state"):
        Objective(Carried(7, 3), data=(torch.randn(20, 7), torch.randint(3, (20,))), device="cpu")


class Encoder(nn.Module):
    """The mean over all places of padded sequences, where torch's fast path has zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8, padding_idx=0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.layers(self.embedding(tokens), src_key_padding_mask=tokens == 0)
        out: Tensor = self.head(states.mean(1))
        return out


def test_the_fast_path_of_transformer_layers_is_not_used() -> None:
    tokens = torch.randint(1, 20, (24, 10))
    tokens[torch.arange(10) >= torch.randint(3, 9, (24, 1))] = 0
    y = torch.randint(3, (24,))
    model = Encoder()

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(tokens), y)

    check(model, "cross_entropy", (tokens, y), oracle)
    objective = Objective(model, data=(tokens, y), dtype=torch.float64, device="cpu")
    assert any("fast path" in remark for remark in objective.remarks)
    with fast_path(False):
        p = model.double().eval()(tokens).softmax(1).detach()
    block = (torch.diag_embed(p) - p[:, :, None] * p[:, None]).mean(0)
    found = landscape.Hessian(objective, ["head.bias"]).matrix()
    np.testing.assert_allclose(found, block.numpy(), atol=1e-12)


def replaced(net: Any, how: str) -> None:
    """Replace the forward of a net, or of one of its layers, on the instance."""
    before, layer = net.forward, net[3]

    def closure(x: Tensor) -> Any:
        return before(x)

    def of_layer(x: Tensor) -> Tensor:
        return F.linear(x, layer.weight, layer.bias)

    def own(x: Tensor, net: nn.Sequential = net) -> Tensor:
        out: Tensor = net[3](net[1](net[0](x)))
        return out

    if how == "layer":
        layer.forward = of_layer
    elif how == "hook":
        layer.register_forward_hook(lambda module, args, out: of_layer(args[0]) + layer.bias)
    else:
        net.forward = closure if how == "closure" else own


@pytest.mark.parametrize("how", ["closure", "default", "layer", "hook"])
def test_a_forward_that_was_replaced_on_the_instance(how: str, mlp: nn.Sequential) -> None:
    """``copy.deepcopy`` keeps the function, which calls the original net."""
    x, y = torch.randn(20, 7), torch.randint(3, (20,))
    plain = copy.deepcopy(mlp)
    replaced(mlp, how)

    def oracle(net: nn.Module) -> Tensor:
        out = plain.forward.__func__(net, x.double())  # type: ignore[attr-defined]
        return F.cross_entropy(out + (net[3].bias if how == "hook" else 0), y)  # type: ignore[index]

    check(mlp, "cross_entropy", (x, y), oracle, prepare=lambda _: copy.deepcopy(plain))


def test_a_model_that_does_not_depend_on_its_parameters_is_refused(mlp: nn.Module) -> None:
    class Other(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = nets[0](x)
            return out

    nets = [mlp.eval()]
    with pytest.raises(ValueError, match="does not depend on the model's parameters"):
        Objective(Other(7, 3), data=(torch.randn(9, 7), torch.randint(3, (9,))), device="cpu")


def test_parameters_without_an_effect_are_named() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(7, 3), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.enable_grad() if x.requires_grad else nullcontext():
                out: Tensor = self.used(x)
                return out

    data = torch.randn(9, 7), torch.randint(3, (9,))
    objective = Objective(Spare(), data=data, device="cpu", dtype=torch.float64)
    assert objective.remarks == ("the loss does not depend on spare.weight, spare.bias",)
    assert not landscape.Hessian(objective, ["spare"]).matrix().any()


def test_parameters_without_a_derivative_are_named() -> None:
    class Rounded(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * float(self.weight.detach().norm())

    class Constant(nn.Linear):
        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    data = torch.randn(9, 7), torch.randint(3, (9,))
    assert Objective(Rounded(7, 3), data=data, device="cpu").remarks == ()
    objective = Objective(Constant(7, 3), data=data, device="cpu")
    assert objective.remarks == (
        "the loss has no derivative by weight, bias: no curvature along them",
    )
    with pytest.raises(landscape.LandscapeError, match="no derivative by weight, bias"):
        landscape.Hessian(objective)


def test_a_weight_of_another_type_in_a_loss_is_named(mlp: nn.Module) -> None:
    weight = torch.ones(3)
    data = torch.randn(9, 7), torch.randint(3, (9,))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, weight=weight, reduction="none")

    with pytest.raises(DataError, match=r"outputs are float64.*weight.to\(outputs\)"):
        Objective(mlp, loss, data, device="cpu", dtype=torch.float64)


def test_ignored_labels_that_count_in_the_mean_are_named() -> None:
    labels = torch.tensor([[1, 2, -100, 0]]).expand(6, 4)
    data = torch.randn(6, 4, 7), labels

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")

    (remark,) = Objective(nn.Linear(7, 3), loss, data, device="cpu").remarks
    assert "labels of -100 count in the mean" in remark
    assert Objective(nn.Linear(7, 3), "cross_entropy", data, device="cpu").remarks == ()


def test_a_batch_that_a_model_does_not_take_is_named() -> None:
    class OfFour(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.view(4, 7))

    x, y = torch.randn(22, 7), torch.arange(22) % 3
    with pytest.raises(DataError, match=r"does not take inputs of shape \(2, 7\)"):
        Objective(OfFour(7, 3), data=(x, y), device="cpu", images_per_batch=4)
    assert Objective(OfFour(7, 3), data=(x[:20], y[:20]), device="cpu", images_per_batch=4)


def test_examples_without_batches_are_named(mlp: nn.Module) -> None:
    examples = [{"input": torch.randn(7), "labels": torch.tensor(1)} for _ in range(3)]
    with pytest.raises(DataError, match="not single examples"):
        Objective(mlp, data=examples, device="cpu")


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_labels_of_every_integer_type(mlp: nn.Module, dtype: torch.dtype) -> None:
    x, y = torch.randn(9, 7), torch.randint(3, (9,))
    data = {"input": x, "labels": y.to(dtype)}
    check(mlp, "cross_entropy", data, lambda net: F.cross_entropy(net(x.double()), y))


@pytest.mark.parametrize(
    ("make", "is_said"),
    [
        (lambda w: lambda o, y: F.cross_entropy(o, y, weight=w, reduction="none"), True),
        (lambda w: lambda o, y: nn.CrossEntropyLoss(w, reduction="none")(o, y), True),
        (lambda w: lambda o, y: F.nll_loss(o.log_softmax(1), y, w, reduction="none"), True),
        (lambda w: lambda o, y: (F.cross_entropy(o, y, reduction="none"), w[y]), False),
        (lambda w: lambda o, y: F.cross_entropy(o, y, reduction="none"), False),
        (lambda w: nn.CrossEntropyLoss(weight=w), False),
    ],
)
def test_weights_of_classes_that_do_not_divide_the_mean_are_said(
    make: Callable[[Tensor], Any], is_said: bool
) -> None:
    loss = make(torch.tensor([1.0, 9.0, 2.0]))
    data = (torch.randn(30, 5), torch.randint(3, (30,)))
    remarks = Objective(nn.Linear(5, 3), loss, data, device="cpu").remarks
    assert any("class weights multiply" in remark for remark in remarks) == is_said
