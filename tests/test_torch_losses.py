"""Losses of torch as values per example."""

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape import torch_losses
from landscape.evaluation import values_at
from landscape.objective import Objective
from landscape.torch_losses import adapter_of, forms

WEIGHT = torch.tensor([1.0, 5.0, 0.1])


class Softmax(TorchDispatchMode):
    """Keeps the sizes and types of all softmaxes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[tuple[int, torch.dtype]] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if "softmax" in str(func):
            self.seen.add((args[0].numel(), args[0].dtype))
        return func(*args, **(kwargs or {}))


def in_memory(form: str) -> Tensor:
    """Return outputs for 5 examples of 6 tokens, 3 classes."""
    if form == "classes second":
        return torch.randn(5, 3, 6)
    last = torch.randn(5, 6, 3)
    return last if form == "classes last" else last.transpose(1, 2)


@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.1}, {"ignore_index": 1}, {"weight": WEIGHT}],
    ids=["plain", "smoothed", "ignored", "weighted"],
)
@pytest.mark.parametrize("form", ["classes last", "view", "classes second"])
def test_the_cross_entropy_of_tokens_is_computed_in_parts(
    options: dict[str, Any], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(torch_losses._NUMBERS, "cpu", 12)  # the logits of four labels
    outputs, y = in_memory(form), torch.randint(3, (5, 6))
    loss = partial(F.cross_entropy, **options)
    wide: dict[str, Any] = {
        k: v.double() if isinstance(v, Tensor) else v for k, v in options.items()
    }
    adapter = adapter_of(loss, outputs, y)
    x: Any = adapter.outputs(outputs)
    expected = F.cross_entropy(x.double(), y, **wide, reduction="none")
    single, whole = next(forms(loss, adapter, [y], full_batch=False))
    with Softmax() as softmax:
        result = single(outputs, y)
    values, weights = result if isinstance(result, tuple) else (result, torch.ones(5, 6).double())
    torch.testing.assert_close(values, expected, rtol=1e-12, atol=1e-12)
    assert whole is not None
    torch.testing.assert_close(values.sum() / weights.sum(), whole(outputs, y))
    sizes = {90} if form == "classes second" else {12, 6}
    assert softmax.seen == {(size, torch.float64) for size in sizes}


def test_many_classes_and_probabilities() -> None:
    x, y = torch.randn(4, 300), torch.randint(300, (4,))
    for targets in (y, torch.softmax(torch.randn(4, 300), 1)):
        single, _ = next(forms(F.cross_entropy, adapter_of(F.cross_entropy, x, y), [y], False))
        wide = targets.double() if targets.is_floating_point() else targets
        expected = F.cross_entropy(x.double(), wide, reduction="none")
        torch.testing.assert_close(single(x, targets), expected)


def test_parts_of_several_points_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(torch_losses._NUMBERS, "cpu", 12)
    outputs, y = torch.randn(2, 5, 6, 3), torch.randint(3, (5, 6))
    adapter = adapter_of(F.cross_entropy, outputs[0], y)
    single, _ = next(forms(F.cross_entropy, adapter, [y], full_batch=False))
    together = torch.vmap(single, in_dims=(0, None))(outputs, y)
    torch.testing.assert_close(together, torch.stack([single(x, y) for x in outputs]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 9.0, 0.3])])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_cross_entropy_with_every_option_is_torchs(
    reduction: str, weight: Tensor | None, ignored: bool, smoothing: float
) -> None:
    options: Any = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    model, x, y = nn.Linear(5, 3), torch.randn(30, 5), torch.arange(30) % 3
    if ignored:
        y[::4] = -100
    with torch.no_grad():
        expected = F.cross_entropy(model(x), y, **options)
    expected = expected.mean() if reduction == "none" else expected
    expected = expected / 30 if reduction == "sum" else expected
    for loss in (nn.CrossEntropyLoss(**options), partial(F.cross_entropy, **options)):
        objective = Objective(model, loss, (x, y), device="cpu", images_per_batch=8)
        found = values_at(objective, objective.center).loss
        assert found == pytest.approx(float(expected), rel=1e-6)
