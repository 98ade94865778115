"""What is averaged over which data: a deterministic function of the parameters."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from landscape.brief import brief
from landscape.errors import DataError, LandscapeError, first_line
from landscape.losses import ExampleLoss, Loss, is_cross_entropy, named
from landscape.memory import is_out_of_memory
from landscape.parameters import Parameters

# Examples of the first look at a net, and those of them that are also put into other batches.
_MANY, _FEW = 256, 16


@dataclass(frozen=True, eq=False)
class Objective:
    """The mean loss of a net over fixed data, in evaluation mode.

    Holds a copy of the caller's model; the original is never touched.

    Attributes:
        model: The copy, in eval mode, on the device of the data.
        loss: Returns one value per example, or their mean, in which case the standard error
            is not known.
        inputs: All inputs, shape (examples, …).
        targets: All targets, shape (examples, …).
        class_dimension: Which dimension of the outputs counts classes, or None where there
            are none: then there is no accuracy.
        images_per_batch: Examples in one forward pass; changes rounding only.
        dtype: Floating-point type of the parameters, and of the loss.
        re_estimates: Whether BatchNorm has the statistics of the data at every point, not
            those it was trained with.
        num_classes: The size of that dimension of the outputs, or None where there is none.
    """

    model: nn.Module
    loss: ExampleLoss
    inputs: Tensor
    targets: Tensor
    class_dimension: int | None
    images_per_batch: int
    dtype: torch.dtype
    re_estimates: bool = False
    num_classes: int | None = None

    __repr__ = brief

    @classmethod
    def of(
        cls,
        model: nn.Module,
        loss: Loss | str,
        inputs: Tensor,
        targets: Tensor,
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        images_per_batch: int | None = None,
        re_estimates: bool = False,
    ) -> "Objective":
        """Copy the model and move everything to one device and floating-point type.

        Args:
            model: Any module; called as ``model(inputs)``.
            loss: As of :func:`landscape.scan`.
            inputs: Shape (examples, …).
            targets: Shape (examples, …).
            device: Where to compute.
            dtype: The type of parameters, and of inputs and targets that are not integers.
            images_per_batch: By default 256 on a CPU and 2,048 on a GPU.
            re_estimates: See the attribute.

        Raises:
            DataError: No examples, or not one target per input, or the model or the loss
                refuses them, or the labels do not fit the model's outputs.
            ValueError: There is no BatchNorm to re-estimate, or the loss is not a mean over
                examples, or the model's output depends on which examples are together.
        """
        loss = named(loss)
        if images_per_batch is not None and images_per_batch < 1:
            raise ValueError(f"images_per_batch must be 1 or more, not {images_per_batch}")
        if len(inputs) == 0 or len(inputs) != len(targets):
            raise DataError(
                f"expected one target per input and one example or more, "
                f"came {len(inputs)} inputs and {len(targets)} targets"
            )
        own = _cast(_copied(unwrapped(model)), device, dtype).eval().requires_grad_(False)
        _check_model(own)
        if re_estimates and not has_batchnorm(own):
            raise ValueError("the net has no BatchNorm whose statistics could be re-estimated")
        size = min(images_per_batch or (256 if device.type == "cpu" else 2048), len(inputs))
        inputs, targets = _move(inputs, device, dtype), _move(targets, device, dtype)
        if isinstance(loss, nn.Module):
            loss = _cast(copy.deepcopy(loss), device, dtype).eval()
        with torch.no_grad():
            outputs, some = _probe(own, inputs, min(size, _MANY))
            example_loss = ExampleLoss.of(loss, outputs, targets[some], targets)
        dimension = _class_dimension(outputs, targets[some], is_cross_entropy(loss))
        classes = None if dimension is None else outputs.shape[dimension]
        return cls(
            own, example_loss, inputs, targets, dimension, size, dtype, re_estimates, classes
        )

    @property
    def center(self) -> Parameters:
        """θ*: the parameters as they were given."""
        return {name: parameter.detach() for name, parameter in self.model.named_parameters()}

    @property
    def buffers(self) -> Parameters:
        """Buffers of floating-point type, as BatchNorm's running statistics."""
        return {
            name: buffer.detach()
            for name, buffer in self.model.named_buffers()
            if buffer.is_floating_point()
        }

    @property
    def num_images(self) -> int:
        """How many examples the loss is averaged over."""
        return len(self.inputs)

    @property
    def guess(self) -> Mapping[str, int | float]:
        """What is known of answers that do not depend on the input; empty without classes.

        ``classes`` is the number of outputs, ``guess_accuracy`` the fraction of the most
        frequent label, the highest accuracy of one answer for all examples.
        """
        if self.num_classes is None:
            return {}
        _, counts = torch.unique(self.targets, return_counts=True)
        return {
            "classes": self.num_classes,
            "guess_accuracy": int(counts.max()) / self.targets.numel(),
        }

    def to(self, device: torch.device) -> "Objective":
        """Return the same on another device."""
        loss = self.loss
        if isinstance(loss.call, nn.Module):
            loss = replace(loss, call=copy.deepcopy(loss.call).to(device))
        return replace(
            self,
            model=copy.deepcopy(self.model).to(device),
            loss=loss,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
        )

    def part(self, first: int, last: int) -> "Objective":
        """Return the same over the examples from ``first`` to before ``last``."""
        return replace(self, inputs=self.inputs[first:last], targets=self.targets[first:last])

    def measure(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses and hits of some examples.

        Args:
            outputs: What the net returned, in any floating-point type.
            targets: Of the same examples.

        Returns:
            Losses, float64, shape (examples,); where the loss returns only means, every
            example has the mean of all. Hits, shape (examples,): the fraction of an example's
            labels that is the largest output (true or false where it has one); nan where
            there are no classes.
        """
        outputs = outputs.to(self.dtype)
        losses = self.loss(outputs, targets)
        if self.class_dimension is None:
            return losses, torch.full_like(losses, math.nan)
        largest, label = outputs.max(self.class_dimension)
        hits = (label == targets) & ~largest.isnan()
        return losses, hits.flatten(1).double().mean(1) if hits.dim() > 1 else hits


def has_batchnorm(model: nn.Module) -> bool:
    """Return whether a net has running statistics of BatchNorm."""
    return any(
        isinstance(module, _BatchNorm) and module.running_mean is not None
        for module in model.modules()
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside ``torch.compile`` or ``DataParallel``, whose names differ."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def _copied(model: nn.Module) -> nn.Module:
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise ValueError(f"the model must be a plain nn.Module, not a {type(model).__name__}")
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise ValueError(f"the model cannot be copied: {first_line(error)}") from error


def _cast(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Move a module in place; ``Module.to`` would make complex buffers real."""
    complex_type = torch.complex128 if dtype == torch.float64 else torch.complex64

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(device, complex_type)
        return _move(tensor, device, dtype)

    moved: nn.Module = module._apply(move)  # type: ignore[no-untyped-call]
    return moved


def _move(data: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return data.to(device, dtype) if data.is_floating_point() else data.to(device)


def _check_model(model: nn.Module) -> None:
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
                f"{name} is a BatchNorm without running statistics: its output depends on "
                "which examples are together, so the net has no loss surface"
            )


def _probe(model: nn.Module, inputs: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the outputs and indices of examples from everywhere, fewer where memory is short.

    Data are often in the order of their classes.
    """
    while True:
        # In float64, which knows the index of every example.
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
            f"{tuple(outputs.shape)}"
        )
    _check_apart(model, inputs[:_FEW], outputs[:_FEW])
    return outputs


def _check_apart(model: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
    """Check that an example has the same output in another company, up to rounding."""

    def is_same(again: Tensor) -> bool:
        tolerance = 1e-3 * float(outputs.nan_to_num(0.0, 0.0, 0.0).abs().max())
        return torch.allclose(again, outputs, rtol=1e-3, atol=tolerance, equal_nan=True)

    first = len(inputs) // 3
    try:
        apart = [model(part) for part in (inputs[:first], inputs[first:]) if len(part)]
    except Exception:
        return  # it takes batches of one size alone
    # A random one is told of where it is computed.
    if not is_same(torch.cat(apart)) and is_same(model(inputs)):
        raise ValueError(
            "the model's output for an example depends on which examples are together with it (a "
            "normalization over the batch?), so the net has no loss surface"
        )


def _class_dimension(outputs: Tensor, targets: Tensor, torchs_order: bool) -> int | None:
    """Return which dimension of ``outputs`` counts classes: torch's 1, or the last, or none.

    Where both fit, torch's cross entropy decides; without it nobody knows.
    """
    if targets.is_floating_point() or outputs.dim() != targets.dim() + 1:
        return None
    second = outputs.shape[:1] + outputs.shape[2:] == targets.shape
    last = outputs.shape[:-1] == targets.shape
    if second and last and outputs.dim() > 2 and not torchs_order:
        return None
    dimension = 1 if second else outputs.dim() - 1 if last else None
    return dimension if dimension is not None and outputs.shape[dimension] > 1 else None


def check_same_loss(first: float, again: float, text: str, tolerance: float = 1e-3) -> None:
    """Check that a point has the same loss twice, up to rounding.

    Args:
        first: One loss; may be inf or nan.
        again: The other.
        text: What it means that they differ; gets both appended.
        tolerance: Relative difference that is rounding.

    Raises:
        LandscapeError: They differ.
    """
    both_nan = math.isnan(first) and math.isnan(again)
    if not both_nan and not math.isclose(first, again, rel_tol=tolerance, abs_tol=1e-6):
        raise LandscapeError(f"{text} ({first:.6g} and {again:.6g})")
