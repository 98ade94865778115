"""Check that a model with its data has a well-defined, deterministic loss."""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape import trees
from landscape.behavior import State, call, is_close
from landscape.data import Batch, Data
from landscape.errors import DataError, first_line
from landscape.memory import is_out_of_memory
from landscape.trees import Tree

# Examples of the first forward pass, and those of them that are also run in other batches.
MANY, _FEW = 256, 16


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


def probe(model: nn.Module, data: Data, num: int) -> tuple[Tree, Batch]:
    """Run the model on evenly spaced examples, halving their number on out-of-memory errors.

    Evenly spaced, since data are often ordered by class.

    Args:
        model: The model, in evaluation mode.
        data: All examples.
        num: Number of examples to run it on.

    Returns:
        The outputs, and the examples.

    Raises:
        DataError: The model rejects the inputs, or does not return one output per example.
        ValueError: The model changes its inputs, or an output depends on the other examples.
        MemoryError: One example does not fit the memory.
        RuntimeError: The model fails for another reason.
    """
    while True:
        # In float64, which represents the index of every example.
        places = torch.linspace(0, data.num - 1, num, dtype=torch.float64)
        some = data.at(places.long().to(data.device))
        try:
            return _outputs(model, some, data), some
        except (RuntimeError, MemoryError) as error:
            if num == 1 or not data.can_split or not is_out_of_memory(error):
                raise
            num //= 2


def _outputs(model: nn.Module, batch: Batch, data: Data) -> Tree:
    copied = trees.changed(Tensor.clone, batch.inputs)
    state = State(model)
    try:
        outputs = call(model, copied)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise DataError(_rejected(data, error)) from error
    pairs = zip(trees.tensors(copied), trees.tensors(batch.inputs), strict=True)
    if not all(((a == b) | b.isnan()).all() for a, b in pairs):
        raise ValueError("the model changes its inputs (a first layer with inplace=True?)")
    if not trees.tensors(outputs) and not hasattr(outputs, "__dict__"):
        raise DataError(f"the model must return tensors, not {type(outputs).__name__}")
    if names := state.changed_attributes():
        again = trees.tensors(call(model, trees.changed(Tensor.clone, batch.inputs)))
        pairs = zip(again, trees.tensors(outputs), strict=True)
        if not all(a.shape == b.shape and is_close(a, b) for a, b in pairs):
            raise ValueError(
                f"the model keeps state in {', '.join(names[:3])}, so that its output depends on "
                "earlier calls: reset it in forward, or register it as a buffer"
            )
    if not data.can_split:
        return outputs
    if isinstance(outputs, Tensor) and (outputs.dim() == 0 or len(outputs) != batch.num):
        raise DataError(
            f"the model must return one output per example, shape ({batch.num}, …), not "
            f"{tuple(outputs.shape)}; if the examples belong together, as the nodes of a graph, "
            "pass full_batch=True",
            expected=(batch.num, ...),
            got=tuple(outputs.shape),
        )
    if trees.length(outputs) == batch.num:
        few = slice(0, min(batch.num, _FEW))
        _check_independent(model, trees.taken(batch.inputs, few), trees.taken(outputs, few))
    return outputs


def _rejected(data: Data, error: Exception) -> str:
    """Return what to say of a model that fails on its inputs."""
    whole = data.batches[0].inputs
    kind = f" and type {whole.dtype}" if isinstance(whole, Tensor) else ""
    text = (
        f"the model does not take inputs of shape {trees.shapes(whole)}{kind}: "
        f"{type(error).__name__}: {first_line(error)}"
    )
    if "does not require grad" in str(error):
        text += " (a model or loss that differentiates calls torch.enable_grad() itself)"
    return text


def _check_independent(model: nn.Module, inputs: Tree, outputs: Tree) -> None:
    """Check that the output for an example does not depend on the other examples in its batch.

    Raises:
        ValueError: It does.
    """
    num = trees.length(outputs) or 0

    def is_same(again: Tree) -> bool:
        pairs = zip(trees.tensors(again), trees.tensors(outputs), strict=True)
        return all(is_close(a, b) for a, b in pairs)

    first = num // 3
    try:
        apart = [
            call(model, trees.taken(inputs, part))
            for part in (slice(0, first), slice(first, num))
            if part.stop > part.start
        ]
    except Exception:
        return  # it takes batches of one size only
    together = trees.concatenated(apart)
    # A stochastic model is reported when its loss is evaluated.
    if together is not None and not is_same(together) and is_same(call(model, inputs)):
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
