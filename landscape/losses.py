"""A user's loss as values per example, checked to be a mean over examples."""

import copy
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape.brief import brief
from landscape.errors import DataError, first_line

Loss = Callable[[Tensor, Tensor], Tensor]
"""``loss(outputs, targets)``: one value per example, shape (examples, …), or their mean."""

LOSSES: Mapping[str, Loss] = {
    "cross_entropy": nn.functional.cross_entropy,
    "mse": nn.functional.mse_loss,
}
"""Losses that can be given by name."""

_NO_MEAN = (
    "the loss is not the plain mean of its values per example (a sum, class weights, ignored "
    "labels, values that depend on the batch?): give a function that returns one value per example"
)


@dataclass(frozen=True, eq=False)
class ExampleLoss:
    """A loss that is known to be a mean over examples.

    Attributes:
        call: Returns one value per example, or the mean over the examples it is given.
        per_example: Which of the two.
    """

    call: Loss
    per_example: bool

    __repr__ = brief

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return losses per example, float64, shape (examples,).

        If the loss only returns a batch mean, that mean is broadcast. Values per example with
        further dimensions are averaged over these.
        """
        values = self.call(outputs, targets).double()
        values = values.flatten(1).mean(1) if values.dim() > 1 else values
        return values.expand(len(targets))

    @classmethod
    def checked(
        cls, loss: Loss, outputs: Tensor, targets: Tensor, all_targets: Tensor
    ) -> "ExampleLoss":
        """Return a loss in its per-example form where it has one, and check it.

        Losses of torch that have a ``reduction`` are asked for one value per example.

        Args:
            loss: The user's.
            outputs: Outputs for some examples, the more diverse the better.
            targets: Of the same examples.
            all_targets: Of all examples.

        Raises:
            DataError: It does not take these outputs and targets, or fails.
            ValueError: It is no mean over examples, or returns another shape.
        """
        if is_cross_entropy(loss):
            _check_labels(outputs, all_targets)
        single = _per_example_form(loss)
        if single is not None and _weighs(loss, all_targets):
            raise ValueError(_NO_MEAN)
        try:
            values = (single or loss)(outputs, targets)
            _check_shape(values, outputs, targets)
            right = _is_mean(single or loss, values, outputs, targets)
            if single is not None:
                mean = loss(outputs, targets)
                right &= mean.dim() > 0 or _close(values.double().mean(), mean)
        except (DataError, ValueError):
            raise
        except Exception as error:
            raise DataError(
                f"the loss does not take outputs of shape {tuple(outputs.shape)} with targets of "
                f"shape {tuple(targets.shape)}: {type(error).__name__}: {first_line(error)}"
            ) from error
        if not right:
            raise ValueError(_NO_MEAN)
        return cls(single or loss, values.dim() > 0)


def named(loss: Loss | str) -> Loss:
    """Return a loss that may be given by its name.

    Raises:
        ValueError: It is neither a callable nor a name of :data:`LOSSES`.
    """
    if callable(loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    given = repr(loss) if isinstance(loss, str) else type(loss).__name__
    raise ValueError(f"loss must be {', '.join(LOSSES)} or a callable, not {given}")


def is_cross_entropy(loss: Loss) -> bool:
    """Return whether it is torch's cross entropy, whose classes are the second dimension."""
    return loss is nn.functional.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)


def name_of(loss: Loss) -> str:
    """Return what to call a loss, the same in every process (an address is not).

    Torch's own cross entropies are ``cross_entropy`` and ``CrossEntropyLoss()``, no other is.
    """
    name = str(getattr(loss, "__qualname__", None) or loss)
    if isinstance(loss, nn.CrossEntropyLoss) and loss.label_smoothing:
        name = f"CrossEntropyLoss(label_smoothing={loss.label_smoothing:g})"
    if name.startswith(("cross_entropy", "CrossEntropyLoss")) and not is_cross_entropy(loss):
        name = f"own {name}"
    return re.sub(r" at 0x[0-9a-f]+", "", name)


def _per_example_form(loss: Loss) -> Loss | None:
    """Return a torch loss with ``reduction="none"``, or None without such an option."""
    if is_cross_entropy(loss) and getattr(loss, "label_smoothing", 0.0) == 0.0:
        return _cross_entropy
    if isinstance(loss, nn.Module):
        if not hasattr(loss, "reduction"):
            return None
        single: Any = copy.deepcopy(loss)
        single.reduction = "none"
        return single  # type: ignore[no-any-return]
    try:
        has_reduction = "reduction" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return None
    if not has_reduction:
        return None
    function: Any = loss
    return functools.partial(function, reduction="none")


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return torch's cross entropy of every example, with the classes across in memory.

    torch's own takes twenty times as long for ten classes: its kernel works along them.
    """
    if outputs.dim() != 2 or targets.is_floating_point():
        return nn.functional.cross_entropy(outputs, targets, reduction="none")
    logarithms = nn.functional.log_softmax(outputs.T, 0)
    return -logarithms.gather(0, targets.unsqueeze(0)).squeeze(0)


def _weighs(loss: Loss, targets: Tensor) -> bool:
    """Return whether a torch loss weighs examples unequally or leaves some out."""
    ignored = _option(loss, "ignore_index")
    leaves_out = isinstance(ignored, int) and bool(torch.any(torch.eq(targets, ignored)))
    return leaves_out or isinstance(_option(loss, "weight"), Tensor)


def _option(loss: Loss, name: str) -> Any:
    """Return an option of a loss: of a module, of a function's default, or of a ``partial``."""
    if isinstance(loss, nn.Module):
        return getattr(loss, name, None)
    parameter = inspect.signature(loss).parameters.get(name)
    return parameter.default if parameter is not None else None


def _check_shape(values: Tensor, outputs: Tensor, targets: Tensor) -> None:
    if not isinstance(values, Tensor) or (values.dim() and len(values) != len(outputs)):
        came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"the loss must return one value per example, shape ({len(outputs)}, …), or their "
            f"mean; it returned {came}"
        )
    if values.numel() > max(outputs.numel(), targets.numel()):
        raise DataError(
            f"the loss compares every example with every other: outputs have shape "
            f"{tuple(outputs.shape)}, targets {tuple(targets.shape)}"
        )


def _is_mean(loss: Loss, whole: Tensor, outputs: Tensor, targets: Tensor) -> bool:
    """Return whether uneven parts of the examples have the values, or the mean, of the whole."""
    num, first = len(outputs), len(outputs) // 3
    if first == 0:
        return True
    a = loss(outputs[:first], targets[:first])
    b = loss(outputs[first:], targets[first:])
    if whole.dim() > 0:
        rounding = 1e-3 * _size(whole).mean() + 1e-6 * _size(outputs).max()
        parts = torch.cat([a, b])
        return torch.allclose(parts, whole, rtol=1e-3, atol=float(rounding), equal_nan=True)
    return _close((first * a + (num - first) * b) / num, whole)


def _size(values: Tensor) -> Tensor:
    return values.nan_to_num(0.0, 0.0, 0.0).abs()


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-7, equal_nan=True)


def _check_labels(outputs: Tensor, targets: Tensor) -> None:
    """Refuse labels without an output: on a GPU they would end the process.

    Raises:
        DataError: A label has no output.
    """
    if targets.is_floating_point() or outputs.dim() < 2:
        return
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= outputs.shape[1]:
        raise DataError(
            f"labels must be 0 … {outputs.shape[1] - 1} for a net with {outputs.shape[1]} "
            f"outputs; the data has {low} … {high} (to leave labels out, give a loss that "
            "returns one value per example)"
        )
