"""Check that a model with its data has a well-defined, deterministic loss."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape import trees
from landscape.behavior import State, call, is_same, moved
from landscape.data import Batch, Data
from landscape.errors import DataError, first_line
from landscape.memory import is_out_of_memory
from landscape.trees import Tree

# Examples of the first forward pass, and those of them that are also run in other batches.
MANY, _FEW = 256, 16

# All inputs together are tried on a model that rejects a part of them, up to this size.
_MANY_BYTES = 100_000_000


def check_model(model: nn.Module) -> None:
    """Check that the parameters of a model can be moved independently of data and hooks.

    Args:
        model: The model.

    Raises:
        ValueError: A parameter is not dense, or a BatchNorm has no running statistics.
    """
    for name, parameter in model.named_parameters():
        if not parameter.is_floating_point() or parameter.layout != torch.strided:
            raise ValueError(f"only dense parameters can be moved; {name} is not")
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{name} is a BatchNorm without running statistics: the output for an example "
                "depends on the rest of the batch, so the loss is not well defined"
            )


def has_batchnorm(model: nn.Module) -> bool:
    """Return whether a model has running statistics of BatchNorm.

    Args:
        model: The model.
    """
    return any(
        isinstance(module, _BatchNorm) and module.running_mean is not None
        for module in model.modules()
    )


def probe(
    model: nn.Module, data: Data, num: int, state: State, *, size: int | None = None
) -> tuple[Tree, Batch, Data]:
    """Run the model on evenly spaced examples, halving their number on out-of-memory errors.

    Evenly spaced, since data are often ordered by class.

    Args:
        model: The model, in evaluation mode.
        data: All examples.
        num: Number of examples to run it on.
        state: The model's state, which every call begins with.
        size: Number of examples that the user puts in a batch, if given.

    Returns:
        The outputs; the examples; and all examples, which keep the user's batches where the model
        does not take others.

    Raises:
        DataError: The model rejects the inputs, or does not return one output per example.
        ValueError: The model changes its inputs, keeps state, or an output depends on the other
            examples.
        MemoryError: One example does not fit the memory.
        RuntimeError: The model fails for another reason.
    """
    try:
        return _probe(model, data, num, state, size)
    except _RejectedError as error:
        raise DataError(str(error)) from error.__cause__


def _probe(
    model: nn.Module, data: Data, num: int, state: State, size: int | None
) -> tuple[Tree, Batch, Data]:
    while data.can_split:
        # In float64, which represents the index of every example.
        places = torch.linspace(0, data.num - 1, num, dtype=torch.float64)
        some = data.at(places.long().to(data.device))
        try:
            outputs = _outputs(model, some, state)
            _check_one_per_example(outputs, some.num)
            _check_independent(model, some, outputs, state)
        except _RejectedError as error:
            data = _as_given(model, data, size, state, error)
        except (RuntimeError, MemoryError) as error:
            if num == 1 or not is_out_of_memory(error):
                raise
            num //= 2
        else:
            return outputs, some, data
    return _outputs(model, data.batches[0], state), data.batches[0], data


class _RejectedError(DataError):
    """The model fails on its inputs."""


def _as_given(
    model: nn.Module, data: Data, size: int | None, state: State, error: DataError
) -> Data:
    """Return the data in the batches that the user gave, where the model takes these alone.

    Raises:
        DataError: It does not take them either, or no batches were given.
    """
    given = data.as_given(size)
    whole = data.batches[0]
    if given is None and trees.num_bytes(whole.inputs) > _MANY_BYTES:
        raise error
    batches = [whole] if given is None else given.batches
    for batch in {each.num: each for each in batches}.values():
        _outputs(model, batch, state)
    if given is None:
        raise DataError(
            f"the model takes all {data.num} examples together, but not fewer: if they belong "
            "together, as the nodes of a graph, pass full_batch=True; for batches of one size give "
            f"images_per_batch or a list of batches ({first_line(error)})"
        ) from error
    return given


def _outputs(model: nn.Module, batch: Batch, state: State) -> Tree:
    """Return the outputs for a batch, having checked that they depend on no earlier call.

    Raises:
        DataError: The model rejects the inputs, or returns no tensors.
        ValueError: It changes its inputs, or keeps state.
    """
    inputs = trees.changed(Tensor.clone, batch.inputs)
    outputs = _call(model, inputs, state)
    pairs = zip(trees.tensors(inputs), trees.tensors(batch.inputs), strict=True)
    if not all(((a == b) | (b != b)).all() for a, b in pairs):  # noqa: PLR0124  # nan
        raise ValueError("the model changes its inputs (a first layer with inplace=True?)")
    if not trees.tensors(outputs) and not hasattr(outputs, "__dict__"):
        raise DataError(f"the model must return tensors, not {type(outputs).__name__}")
    names = state.changed_attributes()
    if names and not _is_independent_of_attributes(model, batch.inputs, outputs, state):
        raise ValueError(
            f"the model keeps state in {', '.join(names[:3])}, so that its output depends on "
            "earlier calls: reset it in forward, or register it as a buffer"
        )
    return outputs


def _is_independent_of_attributes(
    model: nn.Module, inputs: Tree, outputs: Tree, state: State
) -> bool:
    """Return whether outputs do not depend on what a call has left, also with other weights."""
    parameters = dict(model.named_parameters())
    other = moved(parameters, parameters)
    state.restore_buffers()
    again = call(model, trees.changed(Tensor.clone, inputs))
    state.restore_buffers()
    after = call(model, trees.changed(Tensor.clone, inputs), other)
    state.restore()
    first = call(model, trees.changed(Tensor.clone, inputs), other)
    return is_same(again, outputs) and is_same(after, first)


def _call(model: nn.Module, inputs: Tree, state: State) -> Tree:
    state.restore()
    try:
        return call(model, inputs)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        form = trees.shapes(inputs)
        if isinstance(inputs, Tensor):
            form += f" and type {inputs.dtype}"
        text = (
            f"the model does not take inputs of shape {form}: {type(error).__name__}: "
            f"{first_line(error)}"
        )
        if "does not require grad" in str(error):
            text += " (a model or loss that differentiates calls torch.enable_grad() itself)"
        raise _RejectedError(text) from error


def _check_one_per_example(outputs: Tree, num: int) -> None:
    if isinstance(outputs, Tensor) and (outputs.dim() == 0 or len(outputs) != num):
        raise DataError(
            f"the model must return one output per example, shape ({num}, …), not "
            f"{tuple(outputs.shape)}; if the examples belong together, as the nodes of a graph, "
            "pass full_batch=True",
            expected=(num, ...),
            got=tuple(outputs.shape),
        )


def _check_independent(model: nn.Module, batch: Batch, outputs: Tree, state: State) -> None:
    """Check that the output for an example does not depend on the other examples in its batch.

    Raises:
        ValueError: It does.
    """
    num = min(batch.num, _FEW)
    ends = [0, num // 3, num]
    parts = [
        _call(model, trees.taken(batch.inputs, slice(first, last)), state)
        for first, last in pairwise(ends)
        if last > first
    ]
    if trees.length(outputs) != batch.num:
        return
    few = trees.taken(outputs, slice(0, num))
    together = trees.concatenated(parts)
    # A stochastic model is reported when its loss is evaluated.
    if (
        together is not None
        and not is_same(together, few)
        and is_same(_call(model, trees.taken(batch.inputs, slice(0, num)), state), few)
    ):
        raise ValueError(
            "The model's output for an example depends on the rest of the batch (for example "
            "BatchNorm in training mode), so the loss is not well defined; if the examples belong "
            "together, pass full_batch=True."
        )


def class_dimension(outputs: Tree, targets: Tree, torchs_order: bool) -> int | None:
    """Return which dimension of the outputs counts classes: 1, or the last, or None.

    Args:
        outputs: Outputs for some examples.
        targets: Their targets.
        torchs_order: Whether the loss is torch's cross entropy, whose classes are dimension 1;
            decides where both dimensions fit.
    """
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    if targets.is_floating_point() or outputs.dim() != targets.dim() + 1:
        return None
    second = outputs.shape[:1] + outputs.shape[2:] == targets.shape
    last = outputs.shape[:-1] == targets.shape
    if second and last and outputs.dim() > 2 and not torchs_order:
        return None
    dimension = 1 if second else outputs.dim() - 1 if last else None
    return dimension if dimension is not None and outputs.shape[dimension] > 1 else None


def is_same_loss(first: float, again: float, tolerance: float = 1e-3) -> bool:
    """Return whether two evaluations of the same point agree.

    Args:
        first: One loss; may be inf or nan.
        again: The other.
        tolerance: Relative tolerance.
    """
    both_nan = math.isnan(first) and math.isnan(again)
    return both_nan or math.isclose(first, again, rel_tol=tolerance, abs_tol=1e-6)
