"""What is averaged over which data: a deterministic function of the parameters."""

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape.errors import DataError, LandscapeError, first_line
from landscape.parameters import Parameters

Loss = Callable[[Tensor, Tensor], Tensor]
"""``loss(outputs, targets)``: one value per example, shape (examples, …), or their mean."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The mean loss of a net over fixed data, in evaluation mode.

    Holds a copy of the caller's model; the original is never touched.

    Attributes:
        model: The copy, in eval mode, on the device of the data.
        loss: Returns one value per example, or their mean (see ``per_example``).
        per_example: Whether ``loss`` returns one value per example. If it returns the mean,
            the standard error is not known, and is nan.
        inputs: All inputs, shape (examples, …).
        targets: All targets, shape (examples, …).
        images_per_batch: Examples in one forward pass; changes rounding only.
    """

    model: nn.Module
    loss: Loss
    per_example: bool
    inputs: Tensor
    targets: Tensor
    images_per_batch: int

    @classmethod
    def of(
        cls,
        model: nn.Module,
        loss: Loss,
        inputs: Tensor,
        targets: Tensor,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        images_per_batch: int | None = None,
    ) -> "Objective":
        """Copy the model and move everything to one device and floating-point type.

        Losses of torch that have a ``reduction`` are asked for one value per example.

        Args:
            model: Any module; called as ``model(inputs)``.
            loss: Called as ``loss(outputs, targets)``.
            inputs: Shape (examples, …).
            targets: Shape (examples, …).
            device: Where to compute.
            dtype: The type of parameters, and of inputs and targets that are not integers.
            images_per_batch: By default 256 on a CPU and 2,048 on a GPU.

        Raises:
            DataError: No examples, or not one target per input, or the model refuses the
                inputs, or the labels do not fit its outputs.
            ValueError: The loss sums over examples, or weighs them unequally.
        """
        if images_per_batch is not None and images_per_batch < 1:
            raise ValueError(f"images_per_batch must be 1 or more, not {images_per_batch}")
        if len(inputs) == 0 or len(inputs) != len(targets):
            raise DataError(
                f"expected one target per input and one example or more, "
                f"came {len(inputs)} inputs and {len(targets)} targets"
            )
        strange = [n for n, p in model.named_parameters() if not p.is_floating_point()]
        if strange:
            raise ValueError(f"only real parameters can be moved; {strange[0]} is not")
        own = copy.deepcopy(model).to(device, dtype).eval().requires_grad_(False)
        images_per_batch = images_per_batch or (256 if device.type == "cpu" else 2048)
        inputs, targets = _move(inputs, device, dtype), _move(targets, device, dtype)
        if isinstance(loss, nn.Module):
            loss = copy.deepcopy(loss).to(device, dtype).eval()
        loss, per_example = _ask_per_example(own, loss, inputs, targets)
        return cls(own, loss, per_example, inputs, targets, min(images_per_batch, len(inputs)))

    @property
    def center(self) -> Parameters:
        """θ*: the parameters as they were given."""
        return {name: parameter.detach() for name, parameter in self.model.named_parameters()}

    @property
    def num_images(self) -> int:
        """How many examples the loss is averaged over."""
        return len(self.inputs)

    @torch.no_grad()
    def examples(self, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return the losses and hits of every example at ``parameters``.

        Returns:
            Losses, float64, shape (examples,); where the loss returns only means, every
            example of a batch has the batch's mean. Hits, float64, shape (examples,): the
            fraction of an example's labels that is the largest output; nan where outputs
            and targets are not those of a classifier.
        """
        measured = [
            self.measure(torch.func.functional_call(self.model, dict(parameters), (x,)), y)
            for x, y in zip(
                torch.split(self.inputs, self.images_per_batch),
                torch.split(self.targets, self.images_per_batch),
                strict=True,
            )
        ]
        losses, hits = (torch.cat(parts) for parts in zip(*measured, strict=True))
        return losses, hits

    def measure(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses and hits of some examples, as :meth:`examples` does.

        Args:
            outputs: What the net returned, in any floating-point type.
            targets: Of the same examples.
        """
        outputs = outputs.to(self.dtype)
        values = self.loss(outputs, targets).double()
        values = values.flatten(1).mean(1) if values.dim() > 1 else values
        return values.expand(len(targets)), _hits(outputs, targets)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters, and of the loss."""
        return next(self.model.parameters()).dtype


def _move(data: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return data.to(device, dtype) if data.is_floating_point() else data.to(device)


def _hits(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of right labels of every example, float64, shape (examples,)."""
    classes = _class_dimension(outputs, targets)
    if classes is None:
        return torch.full((len(targets),), torch.nan, dtype=torch.float64, device=targets.device)
    hits = (outputs.argmax(classes) == targets).double()
    return hits.flatten(1).mean(1) if hits.dim() > 1 else hits


def _class_dimension(outputs: Tensor, targets: Tensor) -> int | None:
    """Return which dimension of ``outputs`` counts classes: torch's 1, or the last, or none."""
    if targets.is_floating_point() or outputs.dim() != targets.dim() + 1:
        return None
    if outputs.shape[:1] + outputs.shape[2:] == targets.shape:
        return 1
    return outputs.dim() - 1 if outputs.shape[:-1] == targets.shape else None


@torch.no_grad()
def _ask_per_example(
    model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor
) -> tuple[Loss, bool]:
    """Return the loss in its per-example form, and whether it has one; check it on a few."""
    few = slice(0, 3)
    try:
        outputs = model(inputs[few])
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"the model does not take inputs of shape {tuple(inputs.shape)} "
            f"and type {inputs.dtype}: {first_line(error)}"
        ) from error
    if not isinstance(outputs, Tensor):
        raise DataError(
            f"the model must return one tensor, not {type(outputs).__name__}: wrap it in a "
            f"module whose forward returns what the loss needs"
        )
    single = _per_example_form(loss)
    if _is_cross_entropy(loss):
        _check_labels(outputs, targets)
    try:
        value = single(outputs, targets[few]) if single else loss(outputs, targets[few])
        mean = loss(outputs, targets[few]) if single else value.mean()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"the loss does not take outputs of shape {tuple(outputs.shape)} with targets of "
            f"shape {tuple(targets[few].shape)}: {first_line(error)}"
        ) from error
    if value.dim() and len(value) != len(outputs):
        raise ValueError(
            f"the loss must return one value per example, shape ({len(outputs)}, …), or their "
            f"mean; it returned shape {tuple(value.shape)}"
        )
    if single and mean.dim() == 0 and not torch.allclose(value.mean(), mean, equal_nan=True):
        raise ValueError(
            "the loss is not the plain mean of its values per example (a sum, class weights "
            "or ignored labels?): give a function that returns one value per example"
        )
    return single or loss, value.dim() > 0


def _per_example_form(loss: Loss) -> Loss | None:
    """Return a torch loss with ``reduction="none"``, or None where there is no such option."""
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
    return lambda outputs, targets: function(outputs, targets, reduction="none")


def _is_cross_entropy(loss: Loss) -> bool:
    return loss is nn.functional.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)


def _check_labels(outputs: Tensor, targets: Tensor) -> None:
    """Refuse labels without an output: on a GPU they would end the process."""
    if targets.is_floating_point() or outputs.dim() < 2:
        return
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= outputs.shape[1]:
        raise DataError(
            f"labels must be 0 … {outputs.shape[1] - 1} for a net with {outputs.shape[1]} "
            f"outputs; the data has {low} … {high}"
        )


def check_deterministic(first: float, again: float, what: str) -> None:
    """Check that the same point has the same loss twice, up to rounding.

    Raises:
        LandscapeError: It has not: a layer is random or keeps state in evaluation mode.
    """
    both_nan = math.isnan(first) and math.isnan(again)
    if not both_nan and not math.isclose(first, again, rel_tol=1e-4):
        raise LandscapeError(
            f"{what} has loss {first:.6g} and, computed again, {again:.6g}: the net or the loss "
            "is random, or keeps state, in evaluation mode, so it has no surface"
        )
