"""The loss of single examples, and of all of them."""

import copy
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from landscape.brief import brief
from landscape.trees import Tree
from landscape.units import TOKEN_LOSSES

Loss = Callable[[Any, Any], Any]
"""``loss(outputs, targets)``, see :class:`landscape.Objective`."""

LOSSES: Mapping[str, Loss] = {
    "cross_entropy": nn.functional.cross_entropy,
    "mse": nn.functional.mse_loss,
}
"""Losses that can be given by name."""

Form = Literal["values", "sum", "pair"]
"""What a loss returns: values per example, or their mean; the sum of a batch; or a pair: values
times weights, and the weights, per example or of the batch."""

_LABELS = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True, eq=False)
class ExampleLoss:
    """A loss that is known to be a mean over examples, plain or weighted.

    Attributes:
        call: Returns what ``form`` says.
        per_example: Whether its values are those of single examples, not of batches.
        form: What it returns.
    """

    call: Loss
    per_example: bool
    form: Form = "values"

    __repr__ = brief

    @property
    def is_weighted(self) -> bool:
        """Whether examples have weights."""
        return self.form == "pair"

    def __call__(self, outputs: Tree, targets: Tree, num: int) -> tuple[Tensor, ...]:
        """Return the losses of some examples; of a weighted loss, those times weights, and weights.

        All are float64, of shape (num,). A value of the whole batch is divided equally. Further
        dimensions are averaged over; of a weighted loss they are summed.

        Args:
            outputs: The model's outputs.
            targets: Their targets.
            num: Number of examples.
        """
        result = self.call(outputs, targets)
        if self.form == "pair":
            return tuple(
                each.double().flatten(1).sum(1)
                if each.dim() > 1
                else (each.double() if each.dim() else (each.double() / num).expand(num))
                for each in result
            )
        values = result.double() / (num if self.form == "sum" else 1)
        values = values.flatten(1).mean(1) if values.dim() > 1 else values
        return (values.expand(num),)


def mean(parts: tuple[Tensor, ...]) -> Tensor:
    """Return the mean of the losses of some examples, weighted if they have weights.

    Args:
        parts: What an :class:`ExampleLoss` returns.
    """
    return parts[0].mean() if len(parts) == 1 else parts[0].sum() / parts[1].sum()


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


def on_device(loss: Any, device: torch.device) -> Any:
    """Return a loss whose own tensors, as the weights of classes, are on a device.

    Args:
        loss: A module, a ``partial``, a dataclass around one of these, or any other callable, which
            is returned itself.
        device: The device.
    """
    if isinstance(loss, nn.Module):
        return copy.deepcopy(loss).to(device)
    if isinstance(loss, Tensor):
        return loss.to(device)
    if isinstance(loss, functools.partial):
        args = [on_device(each, device) for each in loss.args]
        options = {key: on_device(each, device) for key, each in loss.keywords.items()}
        return functools.partial(loss.func, *args, **options)
    if is_dataclass(loss) and not isinstance(loss, type) and hasattr(loss, "call"):
        return replace(loss, call=on_device(loss.call, device))
    return loss


def is_cross_entropy(loss: Loss) -> bool:
    """Return whether it is torch's cross entropy, whose classes are the second dimension."""
    function = loss.func if isinstance(loss, functools.partial) else loss
    return function is nn.functional.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)


def name_of(loss: Loss) -> str:
    """Return what to call a loss, the same in every process (an address is not).

    Torch's own cross entropies are ``cross_entropy`` and ``CrossEntropyLoss()``, and the losses of
    :mod:`landscape.hf` have their names; no other has one of these.
    """
    name = str(getattr(loss, "__qualname__", None) or loss)
    if isinstance(loss, nn.CrossEntropyLoss):
        options = [f"label_smoothing={loss.label_smoothing:g}"] if loss.label_smoothing else []
        options += ["weight"] if loss.weight is not None else []
        name = f"CrossEntropyLoss({', '.join(options)})"
    is_named = name.startswith(("cross_entropy", "CrossEntropyLoss")) and not is_cross_entropy(loss)
    if is_named or (name in TOKEN_LOSSES and getattr(loss, "__module__", "") != "landscape.hf"):
        name = f"own {name}"
    return re.sub(r" at 0x[0-9a-f]+", "", name)


def tensor_of(outputs: Tree) -> Tree:
    """Return the tensor in a model's outputs that a loss of torch takes: itself, or the logits.

    Args:
        outputs: A tensor, or a dictionary or object with ``logits``.
    """
    if isinstance(outputs, Tensor):
        return outputs
    if isinstance(outputs, Mapping):
        return outputs.get("logits", outputs)
    return getattr(outputs, "logits", outputs)


def labels_of(targets: Tree) -> Tree:
    """Return the tensor in a batch that a loss of torch takes: itself, or the entry of labels.

    Args:
        targets: A tensor, or a dictionary with ``labels``, ``label``, ``targets``, ``target`` or
            ``y``.
    """
    if isinstance(targets, Mapping):
        return next((targets[key] for key in _LABELS if key in targets), targets)
    return targets
