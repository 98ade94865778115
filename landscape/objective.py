"""The objective: mean loss of a model over a fixed data set, as a function of its parameters."""

import copy
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.arrays import as_tensors
from landscape.checks import MANY, check_model, class_dimension, has_batchnorm, probe
from landscape.devices import choose_device
from landscape.directions import normalization_parameters
from landscape.errors import DataError
from landscape.facts import Facts
from landscape.losses import ExampleLoss, Loss, is_cross_entropy, name_of, named
from landscape.modules import cast, copied, move_tensor, unwrapped
from landscape.parameters import Center, Parameters, fingerprint

BatchNorm = Literal["frozen", "interpolated", "recomputed"]
"""BatchNorm running statistics away from the center.

``frozen`` at their values in the model, ``interpolated`` between checkpoints as parameters are,
or ``recomputed`` from the data at every point.
"""

BATCHNORM: tuple[str, ...] = get_args(BatchNorm)


class Objective:
    """Mean loss of a model over a fixed data set, in evaluation mode.

    Holds a copy of the model; the caller's is never modified.

    Args:
        model: Trained module; called as ``model(x)``.
        loss: ``cross_entropy``, ``mse``, or a callable ``loss(outputs, targets)`` that returns
            one value per example or their mean (then without a standard error). Losses of
            torch with a ``reduction`` are evaluated per example.
        data: ``(x, y)``, arrays or tensors with one entry per example.
        device: Device as torch names it; ``auto`` is a GPU if available.
        dtype: Floating-point type of parameters, inputs and loss.
        batchnorm: Running statistics away from the center, see :data:`BatchNorm`.
        images_per_batch: Examples in one forward pass; by default 256 on a CPU and 2,048 on a
            GPU. Affects only rounding, except where BatchNorm is recomputed.
        name: Name in figures; by default the model's class.

    Attributes:
        model: The copy, in evaluation mode, on the device.
        loss: The loss per example, or its mean.
        inputs: All inputs, shape (examples, …).
        targets: All targets, shape (examples, …).
        class_dimension: Dimension of the outputs that counts classes; None without classes, and
            so without accuracy.
        num_classes: Size of that dimension, or None.
        images_per_batch: Examples in one forward pass.
        dtype: Floating-point type.
        batchnorm: BatchNorm policy.
        name: Name in figures.
        provenance: Further facts stored with a scan.

    Raises:
        DataError: The data are empty, x and y have different lengths, the model or the loss
            rejects them, or the labels do not fit the model's outputs.
        TypeError: ``data`` is not given.
        ValueError: The loss is not a mean over examples, the output for one example depends on
            the others, a model without BatchNorm is to recompute it, or an option is invalid.

    Example:
        >>> import torch, landscape
        >>> model = torch.nn.Linear(4, 3)
        >>> x, y = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(model, "cross_entropy", (x, y), device="cpu")
        >>> objective.num_images, objective.num_classes
        (20, 3)
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | str = "cross_entropy",
        data: tuple[Any, Any] | None = None,
        *,
        device: str | torch.device = "auto",
        dtype: torch.dtype = torch.float32,
        batchnorm: BatchNorm = "frozen",
        images_per_batch: int | None = None,
        name: str | None = None,
    ) -> None:
        if data is None:
            raise TypeError("Objective needs data: Objective(model, loss, (x, y))")
        place = choose_device(device)
        loss = named(loss)
        _check_options(dtype, batchnorm, images_per_batch)
        x, y = _pair(data)
        own = cast(copied(unwrapped(model)), place, dtype).eval().requires_grad_(False)
        check_model(own)
        if batchnorm != "frozen" and not has_batchnorm(own):
            raise ValueError(f"batchnorm={batchnorm!r}: the model has no BatchNorm statistics")
        size = min(images_per_batch or (256 if place.type == "cpu" else 2048), len(x))
        inputs, targets = move_tensor(x, place, dtype), move_tensor(y, place, dtype)
        if isinstance(loss, nn.Module):
            loss = cast(copy.deepcopy(loss), place, dtype).eval()
        with torch.no_grad():
            outputs, some = probe(own, inputs, min(size, MANY))
            example_loss = ExampleLoss.checked(loss, outputs, targets[some], targets)
        dimension = class_dimension(outputs, targets[some], is_cross_entropy(loss))
        self.model = own
        self.loss = example_loss
        self.inputs, self.targets = inputs, targets
        self.class_dimension = dimension
        self.num_classes = None if dimension is None else outputs.shape[dimension]
        self.images_per_batch, self.dtype, self.batchnorm = size, dtype, batchnorm
        self.name = name or type(model).__name__
        self.provenance: Facts = {}
        self._given, self._loss_name = (x, y), name_of(loss)
        self._further_settings: Facts = {}

    def described(
        self,
        *,
        name: str | None = None,
        settings: Facts | None = None,
        provenance: Facts | None = None,
    ) -> "Objective":
        """Return the same objective with a name, and further facts for the files of scans.

        Args:
            name: Name in figures.
            settings: Facts that the values depend on; compared when a scan is resumed.
            provenance: Facts that are only stored.

        Returns:
            A shallow copy.
        """
        other = self.replaced()
        other.name = name or self.name
        other._further_settings = {**self._further_settings, **(settings or {})}
        other.provenance = {**self.provenance, **(provenance or {})}
        return other

    def replaced(self, **changes: Any) -> "Objective":
        """Return a shallow copy with other attributes; nothing is checked again.

        Args:
            **changes: Attributes by name.
        """
        other = object.__new__(Objective)
        other.__dict__.update({**self.__dict__, **changes})
        other.__dict__.pop("settings", None)  # computed again from the attributes
        return other

    @property
    def device(self) -> torch.device:
        """Device of the model and the data."""
        return self.inputs.device

    @property
    def parameters(self) -> Parameters:
        """The trained parameters."""
        return {name: parameter.detach() for name, parameter in self.model.named_parameters()}

    @property
    def center(self) -> Center:
        """θ*: the trained parameters; with BatchNorm's statistics where they are interpolated."""
        statistics = self.statistics if self.batchnorm == "interpolated" else {}
        return Center({**self.parameters, **statistics}, normalization_parameters(self.model))

    @property
    def statistics(self) -> Parameters:
        """Running means and variances of BatchNorm."""
        return {
            f"{path}.{name}": tensor.detach()
            for path, module in self.model.named_modules()
            if isinstance(module, _BatchNorm)
            for name, tensor in module.named_buffers()
            if tensor.is_floating_point()
        }

    @property
    def num_images(self) -> int:
        """Number of examples that the loss is averaged over."""
        return len(self.inputs)

    @property
    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """Inputs and targets of each batch, in order."""
        inputs = torch.split(self.inputs, self.images_per_batch)
        targets = torch.split(self.targets, self.images_per_batch)
        return list(zip(inputs, targets, strict=True))

    @cached_property
    def settings(self) -> Facts:
        """Facts that the values of a scan depend on, with SHA-256 of data and weights."""
        x, y = self._given
        named_tensors = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        recomputed = self.batchnorm == "recomputed"  # means over batches
        return {
            **self._further_settings,
            "images": self.num_images,
            "loss": self._loss_name,
            **({"batchnorm": self.batchnorm} if self.batchnorm != "frozen" else {}),
            **({"images_per_batch": self.images_per_batch} if recomputed else {}),
            "data_sha256": fingerprint({"x": x, "y": y}),
            "weights_sha256": fingerprint(named_tensors),
        }

    @property
    def guess(self) -> Mapping[str, int | float]:
        """The best constant answer; empty without classes.

        ``classes`` is the number of outputs, ``guess_accuracy`` the frequency of the most
        frequent label.
        """
        if self.num_classes is None:
            return {}
        _, counts = torch.unique(self.targets, return_counts=True)
        return {
            "classes": self.num_classes,
            "guess_accuracy": int(counts.max()) / self.targets.numel(),
        }

    def to(self, device: torch.device) -> "Objective":
        """Return a copy on another device.

        Args:
            device: The device.
        """
        loss = self.loss
        if isinstance(loss.call, nn.Module):
            loss = ExampleLoss(copy.deepcopy(loss.call).to(device), loss.per_example)
        return self.replaced(
            model=copy.deepcopy(self.model).to(device),
            loss=loss,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
        )

    def part(self, first: int, last: int) -> "Objective":
        """Return the objective over the examples from ``first`` up to, not including, ``last``.

        Args:
            first: Index of the first example.
            last: Index after the last example.
        """
        return self.replaced(inputs=self.inputs[first:last], targets=self.targets[first:last])

    def measure(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of some examples, and whether they are classified correctly.

        Args:
            outputs: The model's outputs, of any floating-point type.
            targets: The targets of the same examples.

        Returns:
            Losses, float64, shape (examples,); if the loss returns only means, each is the mean
            of all. Correct predictions, shape (examples,): the fraction of an example's labels
            that is the largest output; nan without classes.
        """
        outputs = outputs.to(self.dtype)
        losses = self.loss(outputs, targets)
        if self.class_dimension is None:
            return losses, torch.full_like(losses, math.nan)
        largest, label = outputs.max(self.class_dimension)
        correct = (label == targets) & ~largest.isnan()
        return losses, correct.flatten(1).double().mean(1) if correct.dim() > 1 else correct

    def __getstate__(self) -> dict[str, Any]:
        """Return what other processes need: not the data as they were given."""
        return {**self.__dict__, "_given": None}

    def __repr__(self) -> str:
        """Return one line: model, loss, number of examples, device and type."""
        dtype = str(self.dtype).removeprefix("torch.")
        return (
            f"Objective({self.name!r}, {self._loss_name}, {self.num_images} images, "
            f"{self.device}, {dtype})"
        )


def _check_options(dtype: torch.dtype, batchnorm: str, images_per_batch: int | None) -> None:
    if batchnorm not in BATCHNORM:
        raise ValueError(f"batchnorm must be one of {', '.join(BATCHNORM)}, not {batchnorm!r}")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, not {dtype}")
    if images_per_batch is not None and images_per_batch < 1:
        raise ValueError(f"images_per_batch must be 1 or more, not {images_per_batch}")


def _pair(data: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError(f"data must be a pair (x, y) of arrays, not {type(data).__name__}")
    return as_tensors(*data, "the data")
