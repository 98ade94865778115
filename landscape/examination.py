"""The first forward passes: what a model, its loss and its data turn out to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from landscape import trees
from landscape.behavior import (
    State,
    call,
    has_same_fast_path,
    is_same,
    moved,
    torch_settings,
    without_effect,
)
from landscape.brief import brief
from landscape.checks import MANY, probe
from landscape.data import Batch, Data
from landscape.loss_checks import CAUSAL, Examples, example_loss
from landscape.losses import IGNORED, ExampleLoss, Loss, labels_of, tensor_of
from landscape.metrics import example_metrics
from landscape.parameters import some_of
from landscape.torch_losses import OfTorch
from landscape.trees import Tree


@dataclass(frozen=True, eq=False)
class Examination:
    """What the first forward passes have shown.

    Attributes:
        data: All examples; in the user's batches if the model takes these alone.
        examples: Some of them.
        outputs: The outputs for these.
        loss: The loss per example, or its mean.
        metrics: The metrics of examples in the same form, by name.
        changing_buffers: Buffers that a forward pass changes, with their values before it.
        detached: Names of parameters that the loss depends on without having a derivative.
        remarks: What a user should know.
    """

    data: Data
    examples: Batch
    outputs: Tree
    loss: ExampleLoss
    metrics: Mapping[str, ExampleLoss]
    changing_buffers: Mapping[str, Tensor]
    detached: frozenset[str]
    remarks: Sequence[str]

    __repr__ = brief


@torch.no_grad()
def examine(
    model: nn.Module,
    loss: Loss,
    metrics: Mapping[str, Loss],
    data: Data,
    *,
    size: int,
    given: int | None,
    full_batch: bool,
) -> Examination:
    """Run a model and its loss on some examples, and check that its loss is well defined.

    The model is left as it was.

    Args:
        model: The model, in evaluation mode.
        loss: The user's loss.
        metrics: The user's metrics of examples, by name.
        data: All examples.
        size: Number of examples in one forward pass.
        given: The same, if the user gave it.
        full_batch: Whether the examples are one batch that is never split.

    Returns:
        What they have shown.

    Raises:
        DataError: The model, the loss or a metric rejects the data.
        ValueError: The loss or a metric is not well defined, or no mean over examples.
    """
    state = State(model)
    parameters = dict(model.named_parameters())
    with torch_settings("float32"):  # TF32 would depend on the size of the batch
        outputs, some, data = probe(model, data, min(size, MANY), state, size=given)
        has_same = has_same_fast_path(model, some.inputs, outputs)
        outputs = _single(outputs)

        def outputs_of(part: slice, moves: bool) -> Tree:
            state.restore()
            tensors = moved(parameters, parameters) if moves else {}
            return _single(call(model, trees.taken(some.inputs, part), tensors))

        examples = Examples(outputs, some.targets, some.num, outputs_of if data.can_split else None)
        checks: Any = {
            "all_targets": [batch.targets for batch in data.batches],
            "full_batch": full_batch,
        }
        found = example_loss(loss, examples, **checks)
        state.restore()
        _check_next_token(model, found, some, outputs)
        others = example_metrics(metrics, examples, **checks)

        def losses(tensors: Mapping[str, Tensor]) -> Tensor:
            state.restore()
            again = _single(call(model, trees.changed(Tensor.clone, some.inputs), tensors))
            return found(again, some.targets, some.num)[0]

        unreached, depends = without_effect(losses, parameters)
        state.restore()
    remarks = [*data.remarks]
    if not has_same:
        remarks.append(
            "torch's fast path of transformer layers has other outputs than the layers "
            "themselves (padded sequences?): it is not used"
        )
    if unreached:
        names = some_of(unreached)
        remarks.append(
            f"the loss has no derivative by {names}: no curvature along them"
            if depends
            else f"the loss does not depend on {names}"
        )
    if state.changed_buffers:
        remarks.append(
            f"the model changes its buffers in evaluation ({some_of(list(state.changed_buffers))})"
            ": every forward pass begins with their first values"
        )
    if _counts_ignored(found, outputs, some.targets):
        remarks.append(
            "labels of -100 count in the mean, with the loss 0: return (values, labels != -100)"
        )
    if _weights_classes(found, outputs, some.targets):
        remarks.append(
            "class weights multiply the losses, but the mean is over examples, not over weights as "
            "that of torch: give nn.CrossEntropyLoss(weight), or return (values, weights)"
        )
    if len(data.batches) > 1 and found.form == "values" and not found.per_example:
        remarks.append(
            "the loss of a batch is taken as the mean over its examples; where it is another mean, "
            "return (mean, weight of the batch)"
        )
    detached = frozenset(unreached if depends else ())
    return Examination(data, some, outputs, found, others, state.changed_buffers, detached, remarks)


def _check_next_token(model: nn.Module, loss: ExampleLoss, some: Batch, outputs: Tree) -> None:
    """Refuse a loss of torch of a causal language model whose labels are the tokens of its input.

    Raises:
        ValueError: They are.
    """
    inputs, labels = some.inputs, labels_of(some.targets)
    tokens = inputs.get("input_ids") if isinstance(inputs, Mapping) else inputs
    is_picked = isinstance(loss.call, OfTorch) and loss.call.adapter.picks
    if not is_picked or not isinstance(tokens, Tensor) or not isinstance(labels, Tensor):
        return
    if tokens.is_floating_point() or tokens.shape != labels.shape or tokens.dim() < 2:
        return
    counted = labels != IGNORED
    if not counted.any() or not torch.equal(tokens[counted], labels[counted]):
        return
    low, high = tokens.min(), tokens.max()
    others = torch.where(tokens == low, high, low)
    others[:, 0] = tokens[:, 0]
    changed = {**inputs, "input_ids": others} if isinstance(inputs, Mapping) else others
    again = tensor_of(_single(call(model, changed)))
    if low != high and is_same(again[:, 0], tensor_of(outputs)[:, 0]):
        raise ValueError(f"the labels are the tokens of the input: {CAUSAL}")


def _single(outputs: Tree) -> Tree:
    """Return outputs whose tensors of half precision are in float32."""
    half = (torch.float16, torch.bfloat16)
    return trees.changed(lambda t: t.float() if t.dtype in half else t, outputs)


def _counts_ignored(loss: ExampleLoss, outputs: Tree, targets: Tree) -> bool:
    """Return whether values of a loss are 0 where labels are ignored, and count in its mean."""
    if loss.form != "values" or not isinstance(targets, Tensor):
        return False
    ignored, values = targets == IGNORED, loss.call(outputs, targets)
    return bool(values.shape == ignored.shape and ignored.any() and not values[ignored].any())


def _weights_classes(loss: ExampleLoss, outputs: Tree, targets: Tree) -> bool:
    """Return whether a loss is torch's of labels, per example, with the weights of classes."""
    if loss.form != "values" or not loss.per_example:
        return False
    seen = _ClassWeights()
    with seen:
        loss.call(outputs, targets)
    return seen.found


class _ClassWeights(TorchFunctionMode):
    """Looks for losses of torch that divide their mean, but not their values, by class weights."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Return what a function of torch returns, having looked at its arguments."""
        given = {**dict(zip(("input", "target", "weight"), args, strict=False)), **(kwargs or {})}
        is_of_labels = func in (nn.functional.cross_entropy, nn.functional.nll_loss)
        if is_of_labels and given.get("weight") is not None:
            self.found = True
        return func(*args, **(kwargs or {}))
