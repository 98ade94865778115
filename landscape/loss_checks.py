"""A user's loss in the form that is evaluated, checked to be a weighted mean over examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape import trees
from landscape.errors import DataError, first_line
from landscape.losses import ExampleLoss, Form, Loss, is_cross_entropy
from landscape.torch_losses import OfTorch, adapter_of, check_labels, forms
from landscape.trees import Tree

OutputsOf = Callable[[slice, bool], Tree] | None
"""Returns the model's outputs for some examples, with its own parameters or with moved ones.

None if the examples cannot be regrouped.
"""

_NO_MEAN = (
    "is not a mean over examples (values that depend on the rest of the batch?): give a "
    "function that returns one value per example, or (values, weights); or pass full_batch=True "
    "for one fixed batch"
)

CAUSAL = (
    "a causal language model predicts the next token: give loss=landscape.hf.causal_lm_loss (of a "
    "masked model landscape.hf.masked_lm_loss), or a function loss(outputs, batch)"
)


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples that a loss is checked on.

    Attributes:
        outputs: Outputs of the model.
        targets: Targets.
        num: Number of examples.
        outputs_of: Runs the model on a part of them, see :data:`OutputsOf`.
        subject: What is checked, for messages.
    """

    outputs: Tree
    targets: Tree
    num: int
    outputs_of: OutputsOf
    subject: str = "the loss"


def example_loss(
    loss: Loss, some: Examples, *, all_targets: Sequence[Tree], full_batch: bool = False
) -> ExampleLoss:
    """Return a loss in its per-example form where it has one, having checked it.

    Losses of torch that have a ``reduction`` are asked for one value per example.

    Args:
        loss: The user's.
        some: Some examples, the more diverse the better.
        all_targets: Of all examples, in batches.
        full_batch: Whether the examples are one batch that is never split.

    Raises:
        DataError: It does not take these outputs and targets, or fails.
        ValueError: It is no mean over examples, or returns another shape.
    """
    adapter = adapter_of(loss, some.outputs, some.targets)
    every = [adapter.targets(each) for each in all_targets]
    if is_cross_entropy(loss):
        check_labels(adapter.outputs(some.outputs), every, loss)
    try:
        for candidate, wanted in forms(loss, adapter, every, full_batch):
            found = _recognized(candidate, some, full_batch)
            if found is not None and (wanted is None or _agrees(found, wanted, some)):
                _check_own_loss(found, some)
                return found
    except (DataError, ValueError):
        raise
    except Exception as error:
        raise DataError(
            f"{some.subject} does not take outputs of shape {trees.shapes(some.outputs)} with "
            f"targets of shape {trees.shapes(adapter.targets(some.targets))}: "
            f"{type(error).__name__}: {first_line(error)}{_hint(error, some)}"
        ) from error
    raise ValueError(f"{some.subject} {_NO_MEAN}")


def _recognized(loss: Loss, some: Examples, full_batch: bool) -> ExampleLoss | None:
    """Return a loss with the form of its result, or None if it is no mean over examples.

    Raises:
        ValueError: The result has another shape.
    """
    result = loss(some.outputs, some.targets)
    if isinstance(result, Mapping):
        loss = _Total(loss)
        result = loss(some.outputs, some.targets)
    if isinstance(result, tuple) and len(result) == 2:
        pair = loss if isinstance(loss, OfTorch) else _Pair(loss)
        values, _ = pair(some.outputs, some.targets)
        _check_shape(values, some)
        found = ExampleLoss(pair, values.dim() > 0, "pair")
        return found if full_batch or _adds_up(found, some) else None
    _check_shape(result, some)
    forms: list[Form] = ["values"] if result.dim() or full_batch else ["values", "sum"]
    for form in forms:
        found = ExampleLoss(loss, result.dim() > 0 and not full_batch, form)
        if full_batch or _adds_up(found, some):
            return found
    return None


@dataclass(frozen=True, eq=False)
class _Total:
    """A loss that returns several by name, as the sum of these."""

    call: Loss

    def __call__(self, outputs: Tree, targets: Tree) -> Tensor:
        losses: Mapping[str, Tensor] = self.call(outputs, targets)
        return torch.stack(list(losses.values())).sum(0)


@dataclass(frozen=True, eq=False)
class _Pair:
    """A loss that returns (values, weights), as one that returns (values times weights, weights).

    A value of weight 0 does not count even if it is not finite.
    """

    call: Loss

    def __call__(self, outputs: Tree, targets: Tree) -> tuple[Tensor, Tensor]:
        values, weights = self.call(outputs, targets)
        weights = torch.as_tensor(weights, dtype=torch.float64, device=values.device)
        while 0 < weights.dim() < values.dim():
            weights = weights.unsqueeze(-1)
        weights = weights.expand_as(values)
        return torch.where(weights == 0, 0.0, values.double() * weights), weights


def _check_shape(values: Any, some: Examples) -> None:
    if not isinstance(values, Tensor) or (values.dim() and len(values) != some.num):
        came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"{some.subject} must return one value per example, shape ({some.num}, …), their mean, "
            f"or (values, weights); it returned {came}"
        )
    if values.is_complex():
        raise ValueError(f"{some.subject} must be real, got complex values")
    tensors = trees.tensors((some.outputs, some.targets))
    most = max((t.numel() for t in tensors), default=values.numel())
    if values.numel() > most:
        raise DataError(
            f"{some.subject} compares every example with every other: outputs have shape "
            f"{trees.shapes(some.outputs)}, targets {trees.shapes(some.targets)}"
        )


def _agrees(found: ExampleLoss, reduced: Loss, some: Examples) -> bool:
    """Return whether values per example have the mean that the loss itself returns."""
    return _close(_mean(found, some), reduced(some.outputs, some.targets))


def _mean(found: ExampleLoss, some: Examples) -> Tensor:
    parts = found(some.outputs, some.targets, some.num)
    return parts[0].sum() / (parts[1].sum() if len(parts) > 1 else some.num)


def _check_own_loss(found: ExampleLoss, some: Examples) -> None:
    """Refuse a loss of torch on logits and labels that is not what the model computes of them.

    Raises:
        ValueError: The model returns another loss, as a causal language model, whose labels are
            those of the following tokens.
    """
    own = getattr(some.outputs, "loss", None)
    is_picked = isinstance(found.call, OfTorch) and found.call.adapter.picks
    if not is_picked or not isinstance(own, Tensor) or own.dim():
        return
    value = _mean(found, some)
    if not torch.allclose(own.double(), value, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ValueError(
            f"the model itself has the loss {float(own):.6g}, but that of its logits and labels "
            f"is {float(value):.6g}: {CAUSAL}"
        )


def _hint(error: Exception, some: Examples) -> str:
    text = str(error)
    types = {str(t.dtype).removeprefix("torch.") for t in trees.tensors(some.outputs)}
    if isinstance(error, TypeError):
        return f": give {some.subject} as a function of (outputs, targets)"
    if "scalar type" in text or "same dtype" in text:
        return (
            f" (outputs are {', '.join(sorted(types))}: convert other tensors, weight.to(outputs))"
        )
    return ""


def _adds_up(loss: ExampleLoss, some: Examples) -> bool:
    """Return whether uneven parts of the examples have the values, or the sum, of the whole.

    Also with the outputs of other examples, and with noise, or with moved parameters: near an
    untrained model all losses are equal, and every weighted mean is a plain one.
    """
    num = some.num
    if num < 3:
        return True
    parts = [slice(0, num // 3), slice(num // 3, num)]
    for number, outputs in enumerate(_variants(some, [slice(0, num), *parts])):
        try:
            whole, *halves = (
                loss(each, trees.taken(some.targets, part), part.stop - part.start)
                for each, part in zip(outputs, [slice(0, num), *parts], strict=True)
            )
        except Exception:
            if number == 0:
                raise
            continue  # outputs that the loss does not take, as noise for probabilities
        if not all(
            _same(torch.cat(pair), full, loss.per_example)
            for pair, full in zip(zip(*halves, strict=True), whole, strict=True)
        ):
            return False
    return True


def _variants(some: Examples, parts: Sequence[slice]) -> Iterator[list[Tree]]:
    """Yield outputs for each part of the examples, of the model and of models like it.

    None, if the examples cannot be regrouped.
    """
    if trees.length(some.targets) != some.num:
        return
    if trees.length(some.outputs) == some.num:
        for outputs in (some.outputs, *_other_outputs(some.outputs, some.num)):
            yield [trees.taken(outputs, part) for part in parts]
    elif some.outputs_of is not None:  # outputs that belong to all examples, as a loss
        for moves in (False, True):
            yield [some.outputs_of(part, moves) for part in parts]


def _other_outputs(outputs: Tree, num: int) -> Iterator[Tree]:
    yield trees.changed(lambda t: t.roll(num // 2, 0), outputs)
    generator = torch.Generator().manual_seed(0)

    def noisy(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        noise = torch.randn(tensor.shape, generator=generator).to(tensor)
        return tensor + (1 + tensor.nan_to_num(0.0, 0.0, 0.0).abs().mean()) * noise

    yield trees.changed(noisy, outputs)


def _same(parts: Tensor, whole: Tensor, per_example: bool) -> bool:
    if not per_example:
        return _close(parts.sum(), whole.sum())
    rounding = 1e-3 * float(whole.nan_to_num(0.0, 0.0, 0.0).abs().mean()) + 1e-6
    return torch.allclose(parts, whole, rtol=1e-3, atol=rounding, equal_nan=True)


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-7, equal_nan=True)
