"""Check that a model with its data has a well-defined, deterministic loss."""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from landscape.errors import DataError, first_line
from landscape.memory import is_out_of_memory

# Examples of the first forward pass, and those of them that are also run in other batches.
MANY, _FEW = 256, 16


def check_model(model: nn.Module) -> None:
    """Check that the parameters of a model can be moved independently of data and hooks.

    Args:
        model: The model.

    Raises:
        ValueError: A parameter is not dense and real, or computed from others, or a BatchNorm
            has no running statistics.
    """
    for name, parameter in model.named_parameters():
        if not parameter.is_floating_point() or parameter.layout != torch.strided:
            raise ValueError(f"only dense, real parameters can be moved; {name} is not")
    for name, module in model.named_modules():
        if is_parametrized(module):
            raise ValueError(
                f"{name} computes its weights from others (weight_norm or the like), which are "
                "not filters: torch.nn.utils.parametrize.remove_parametrizations makes them plain"
            )
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


def probe(model: nn.Module, inputs: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Run the model on evenly spaced examples, halving their number on out-of-memory errors.

    Evenly spaced, since data are often ordered by class.

    Args:
        model: The model, in evaluation mode.
        inputs: All inputs, shape (examples, …).
        num: Number of examples.

    Returns:
        The outputs, and the indices of the examples.

    Raises:
        DataError: The model rejects the inputs, or does not return one output per example.
        ValueError: The model changes its inputs, or an output depends on the other examples.
        MemoryError: One example does not fit the memory.
        RuntimeError: The model fails for another reason.
    """
    while True:
        # In float64, which represents the index of every example.
        places = torch.linspace(0, len(inputs) - 1, num, dtype=torch.float64)
        some = places.long().to(inputs.device)
        try:
            return _outputs(model, inputs[some], tuple(inputs.shape)), some
        except (RuntimeError, MemoryError) as error:
            if num == 1 or not is_out_of_memory(error):
                raise
            num //= 2


def _outputs(model: nn.Module, inputs: Tensor, shape: tuple[int, ...]) -> Tensor:
    probe = inputs.clone()
    try:
        outputs = model(probe)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise DataError(
            f"the model does not take inputs of shape {shape} and type {inputs.dtype}: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    if not ((probe == inputs) | inputs.isnan()).all():
        raise ValueError("the model changes its inputs (a first layer with inplace=True?)")
    if not isinstance(outputs, Tensor):
        raise DataError(
            f"the model must return one tensor, not {type(outputs).__name__}: wrap it in a "
            f"module whose forward returns what the loss needs"
        )
    if outputs.dim() == 0 or len(outputs) != len(inputs):
        raise DataError(
            f"the model must return one output per example, shape ({len(inputs)}, …), not "
            f"{tuple(outputs.shape)}",
            expected=(len(inputs), ...),
            got=tuple(outputs.shape),
        )
    _check_independent(model, inputs[:_FEW], outputs[:_FEW])
    return outputs


def _check_independent(model: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
    """Check that the output for an example does not depend on the other examples in its batch.

    Raises:
        ValueError: It does.
    """

    def is_same(again: Tensor) -> bool:
        tolerance = 1e-3 * float(outputs.nan_to_num(0.0, 0.0, 0.0).abs().max())
        return torch.allclose(again, outputs, rtol=1e-3, atol=tolerance, equal_nan=True)

    first = len(inputs) // 3
    try:
        apart = [model(part) for part in (inputs[:first], inputs[first:]) if len(part)]
    except Exception:
        return  # it takes batches of one size only
    # A stochastic model is reported when its loss is evaluated.
    if not is_same(torch.cat(apart)) and is_same(model(inputs)):
        raise ValueError(
            "The model's output for an example depends on the rest of the batch (for example "
            "BatchNorm in training mode), so the loss is not well defined."
        )


def class_dimension(outputs: Tensor, targets: Tensor, torchs_order: bool) -> int | None:
    """Return which dimension of the outputs counts classes: 1, or the last, or None.

    Args:
        outputs: Outputs for some examples.
        targets: Their targets.
        torchs_order: Whether the loss is torch's cross entropy, whose classes are dimension 1;
            decides where both dimensions fit.
    """
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
