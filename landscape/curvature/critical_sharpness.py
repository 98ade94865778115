"""Critical sharpness: the curvature along an update, from a few forward passes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.curvature.operator import ShareOfLoss
from landscape.data import Batch
from landscape.data_reading import read
from landscape.devices import gpus
from landscape.evaluation import values_at
from landscape.losses import Loss, named
from landscape.modules import unwrapped
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.trees import Tree

_STRIDE = 8.0  # largest factor between two rates of the search
_MOST = 30  # evaluations
_ROUNDING = 1e-6  # relative, of a loss in float32


@dataclass(frozen=True)
class Sharpness:
    """Critical sharpness along an update.

    Attributes:
        value: 2 / ``learning_rate``; for a quadratic loss the curvature along the update.
        learning_rate: The smallest rate found at which the loss is no longer below its start.
        passes: Number of evaluations of the loss.
    """

    value: float
    learning_rate: float
    passes: int


def sharpness(
    model: nn.Module | Objective,
    loss: Loss | str | None = None,
    batch: Any = None,
    *,
    update: Parameters | None = None,
    learning_rate: float = 0.01,
    tolerance: float = 0.01,
) -> Sharpness:
    r"""Return the critical sharpness of a loss along an update of the parameters.

    The critical learning rate :math:`\eta_c` is the rate at which the loss after the update,
    :math:`L(\theta + \eta u)`, exceeds :math:`L(\theta)`; the sharpness is :math:`2 / \eta_c`.
    Along the gradient of a quadratic loss it is the curvature in that direction, at most the
    largest eigenvalue of the Hessian. The line search interpolates
    :math:`(L(\theta + \eta u) - L(\theta)) / \eta`, which is linear in :math:`\eta` for a
    quadratic loss: four to six evaluations.

    Neither the model nor the state of random numbers is changed; dropout has the same mask in
    every evaluation.

    Args:
        model: The model during training, in its present mode; or an objective.
        loss: ``loss(outputs, targets)``, or its name, for a model; None if its outputs have
            ``loss``. An objective has its own.
        batch: Inputs and targets, or a dictionary, for a model.
        update: Change of the parameters at rate 1, as ``(after - before) / rate`` of an optimizer's
            step; parameters that it lacks do not move. By default minus the gradient.
        learning_rate: Where the search begins: the rate in use, or that of the last result.
        tolerance: Relative accuracy of the critical rate.

    Returns:
        The sharpness; infinite with rate 0 if the update does not lower the loss, 0 with an
        infinite rate if the loss does not rise again.

    Raises:
        TypeError: A model is given no batch, or an objective a loss or batch.
        ValueError: ``learning_rate`` is not above 0.

    References:
        Kalra et al., A Scalable Measure of Loss Landscape Curvature for Analyzing the Training
        Dynamics of LLMs, arXiv 2601.16979.

    Example:
        >>> import torch, landscape
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> _ = torch.nn.init.constant_(model.weight, 1.0)
        >>> x = torch.diag(torch.tensor([1.0, 3.0]))  # the Hessian is diagonal: 1 and 9
        >>> found = landscape.sharpness(model, "mse", (x, torch.zeros(2, 1)))
        >>> round(found.value, 2), found.passes
        (8.9, 4)
    """
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
    if isinstance(model, Objective):
        if loss is not None or batch is not None:
            raise TypeError("an objective has its own loss and data: leave out loss and batch")
        center: Parameters = model.parameters
        loss_at, gradient = _of_objective(model)
    else:
        if batch is None:
            raise TypeError("sharpness of a model needs a batch: sharpness(model, loss, batch)")
        center = {n: p.detach() for n, p in unwrapped(model).named_parameters()}
        loss_at, gradient = _of_batch(unwrapped(model), loss, batch)
    along = {n: -g for n, g in gradient().items()} if update is None else update

    def loss_after(rate: float) -> float:
        moved = {name: center[name] + rate * step.to(center[name]) for name, step in along.items()}
        with torch.no_grad():
            return loss_at({**center, **moved})

    rate, passes = critical_rate(loss_after, learning_rate, tolerance)
    return Sharpness(2 / rate if rate else math.inf, rate, passes)


def critical_rate(
    loss_after: Callable[[float], float], first: float, tolerance: float
) -> tuple[float, int]:
    """Return the rate at which a loss exceeds its start, and the number of evaluations.

    Args:
        loss_after: The loss after an update at a rate.
        first: Where the search begins.
        tolerance: Relative accuracy.
    """
    start = loss_after(0.0)
    low, high = 0.0, math.inf  # the loss is below its start at one, above at the other
    known: list[tuple[float, float]] = []  # rates, and the mean slopes up to them
    rate, is_interpolated = first, False
    for passes in range(2, _MOST + 1):
        change = loss_after(rate) - start
        if not (low or is_interpolated) and abs(change) <= _ROUNDING * abs(start):
            if high < math.inf:
                return 0.0, passes
            rate *= _STRIDE
            continue
        if math.isfinite(change):
            known.append((rate, change / rate))
        if change <= 0:
            low = max(low, rate)
        else:
            high = min(high, rate)
        following, is_interpolated = _next(known[-2:], low, high)
        if is_interpolated and abs(following - rate) <= tolerance * rate:
            return following, passes
        rate = following
    return (rate if low and high < math.inf else math.inf if low else 0.0), _MOST


def _next(known: list[tuple[float, float]], low: float, high: float) -> tuple[float, bool]:
    """Return the next rate, and whether it is where the line through the last slopes is zero."""
    least, most = low or high / _STRIDE, high if high < math.inf else low * _STRIDE
    if len(known) == 2:
        (a, slope_a), (b, slope_b) = known
        if slope_a != slope_b:
            zero = b - slope_b * (b - a) / (slope_b - slope_a)
            if least <= zero <= most:
                return zero, True
    if low and high < math.inf:
        return math.sqrt(low * high), False
    return (most if low else least), False


def _of_objective(
    objective: Objective,
) -> tuple[Callable[[Parameters], float], Callable[[], Parameters]]:
    def loss_at(parameters: Parameters) -> float:
        return values_at(objective, parameters).loss

    def gradient() -> Parameters:
        share = ShareOfLoss(objective)
        moved = {n: p for n, p in objective.parameters.items() if objective.moves(n)}
        total = {name: torch.zeros_like(tensor) for name, tensor in moved.items()}
        for batch in objective.batches:
            loss = partial(_share, objective.model, share, batch)
            total = {name: total[name] + g for name, g in _gradient(loss, moved).items()}
        return total

    return loss_at, gradient


def _share(model: nn.Module, share: ShareOfLoss, batch: Batch, parameters: Parameters) -> Tensor:
    loss: Tensor = share(_outputs(model, parameters, batch.inputs), batch)
    return loss


def _of_batch(
    model: nn.Module, loss: Loss | str | None, batch: Any
) -> tuple[Callable[[Parameters], float], Callable[[], Parameters]]:
    only = read(batch, full_batch=True).batches[0]
    device = next(model.parameters()).device
    inputs, targets = (
        trees.changed(lambda t: t.to(device), t) for t in (only.inputs, only.targets)
    )
    function = None if loss is None else named(loss)

    def mean(parameters: Parameters) -> Tensor:
        outputs = _outputs(model, parameters, inputs)
        if function is None:
            own: Tensor = outputs["loss"] if isinstance(outputs, Mapping) else outputs.loss
            return own
        result = function(outputs, targets)
        if isinstance(result, tuple):
            values, weights = result
            ratio: Tensor = (values * weights).sum() / weights.sum()
            return ratio
        return torch.as_tensor(result).mean()

    def loss_at(parameters: Parameters) -> float:
        return float(mean(parameters).detach())

    def gradient() -> Parameters:
        trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
        return _gradient(mean, trained)

    return loss_at, gradient


def _outputs(model: nn.Module, parameters: Parameters, inputs: Tree) -> Tree:
    """Return a model's outputs; neither its buffers nor the random numbers change."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    args, options = trees.arguments(inputs)
    device = next(model.parameters()).device
    with torch.random.fork_rng(gpus([device])):
        tensors = {**buffers, **parameters}
        outputs: Tree = torch.func.functional_call(model, tensors, args, options)
        return outputs


def _gradient(loss: Callable[[Parameters], Tensor], parameters: Parameters) -> Parameters:
    with torch.enable_grad():
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
        gradients = torch.autograd.grad(
            loss(leaves), list(leaves.values()), allow_unused=True, materialize_grads=True
        )
    return dict(zip(leaves, gradients, strict=True))
