"""The objective: mean loss of a model over a fixed data set, as a function of its parameters."""

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape import trees
from landscape.behavior import call
from landscape.checks import check_model, has_batchnorm
from landscape.data import Batch, Data, read
from landscape.datasets import Dataset
from landscape.devices import choose_device, usable_gpus
from landscape.directions import normalization_parameters
from landscape.errors import DataError
from landscape.examination import examine
from landscape.facts import Facts
from landscape.labels import Labels
from landscape.losses import ExampleLoss, Loss, name_of, named, on_device
from landscape.memory import is_out_of_memory
from landscape.metrics import (
    Metric,
    ModelMetric,
    checked_names,
    is_of_model,
    provenance_of,
    settings_of,
)
from landscape.modules import cast, copied, shared_type, unwrapped
from landscape.parameters import Center, Parameters, fingerprint, is_large, single_type, some_of
from landscape.parametrizations import Parametrized, fixed_originals, is_changed_by, movable
from landscape.selection import unselected
from landscape.trees import Tree
from landscape.units import Unit, unit_of

BatchNorm = Literal["frozen", "interpolated", "recomputed"]
"""BatchNorm running statistics away from the center.

``frozen`` at their values in the model, ``interpolated`` between checkpoints as parameters are,
or ``recomputed`` from the data at every point.
"""

BATCHNORM: tuple[str, ...] = get_args(BatchNorm)

_FEW = 4  # examples in a batch of a large network, until a scan measures how many fit


class Objective:
    """Mean loss of a model over a fixed data set, in evaluation mode.

    Holds a copy of the model; the caller's is never modified.

    Args:
        model: Trained module. Called as ``model(x)``; of inputs that are a tuple as
            ``model(*x)``; of a dictionary as ``model(**x)`` with the entries that it has
            parameters for.
        loss: ``cross_entropy``, ``mse``, or a callable ``loss(outputs, targets)``. It returns one
            value per example; or a pair (values, weights), for a mean weighted by these, as over
            the tokens of padded sequences; or the mean or sum of a batch (then without a standard
            error); or a dictionary of losses, which are added. Losses of torch with a
            ``reduction`` are evaluated per example, with their class weights and ignored labels;
            of a model that returns ``logits`` and a batch with ``labels`` they take these.
        data: ``(x, y)``, arrays with one entry per example, or nestings of such arrays; a
            dictionary of arrays, which model and loss both receive; a ``Dataset``, a
            ``DataLoader``, or an iterable of batches. Read once, in a fixed order.
        metrics: Further heights by name. ``metric(outputs, targets)`` returns what a loss does:
            values per example, shape (examples,), or (values, weights), of which the (weighted)
            mean is taken. ``metric(model)``, a function whose only positional parameter is the
            model, returns one number for the whole data set, as a success rate of generations;
            it is called once at every point, with the weights of the point in the model.
        full_batch: The examples belong together, as the nodes of a graph or the collocation
            points of a physics loss: they are never split, and the loss may be any number.
        only: Patterns of the names of parameters that random directions and eigenvectors move, as
            ``layer3.*``; with ``!`` before it, a pattern of names that they do not. ``trainable``
            moves what requires gradients, as the weights of an adapter.
        parametrized: What is moved of weights that are computed from others, see
            :data:`~landscape.parametrizations.Parametrized`. Complex parameters are moved as real
            and imaginary parts.
        device: Device as torch names it; ``auto`` is a GPU if available.
        share: Whether the weights are those of the caller's model, which must not change
            meanwhile, instead of a copy; weights of half precision then keep their type, and points
            are rounded to it. By default that of networks with more than 67 million parameters.
        dtype: Floating-point type of parameters, inputs and loss.
        batchnorm: Running statistics away from the center, see
            :data:`~landscape.objective.BatchNorm`.
        images_per_batch: Examples in one forward pass; by default 256 on a CPU and 2,048 on a
            GPU. Affects only rounding, except where BatchNorm is recomputed; a model that takes
            batches of one size only gets batches of this size.
        name: Name in figures; by default the model's class.

    Attributes:
        model: The copy, in evaluation mode, on the device.
        loss: The loss per example, or its mean.
        metrics: The metrics of examples by name, in the form of the loss.
        model_metrics: The metrics of the model by name.
        data: All examples.
        changing_buffers: Buffers that a forward pass changes, with their values before it.
        detached: Names of parameters that the loss depends on without having a derivative.
        remarks: What a user should know of how data and model are taken.
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
        data: Any = None,
        *,
        metrics: Mapping[str, Metric | str] | None = None,
        full_batch: bool = False,
        only: str | Sequence[str] | None = None,
        parametrized: Parametrized = "effective",
        share: bool | None = None,
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
        wanted = checked_names(metrics or {})
        _check_options(dtype, batchnorm, images_per_batch)
        given = _read(data, full_batch)
        _check_parametrized(parametrized)
        model = unwrapped(model)
        large = is_large(dict(model.named_parameters()))
        share = large if share is None else share
        own = copied(model, share=share)
        if share:
            dtype = shared_type(own, dtype)
        self._as_given = copied(own) if is_changed_by(own, parametrized) else None
        own = movable(cast(own, place, dtype).eval(), parametrized)
        check_model(own)
        trained = frozenset(name for name, p in own.named_parameters() if p.requires_grad)
        own.requires_grad_(False)
        names = [name for name, _ in own.named_parameters()]
        fixed = unselected(names, trained, only)
        if batchnorm != "frozen" and not has_batchnorm(own):
            raise ValueError(f"batchnorm={batchnorm!r}: the model has no BatchNorm statistics")
        examples = _on(place, _accepted(own, given), dtype)
        usual = _FEW if large else 256 if place.type == "cpu" else 2048
        size = min(images_per_batch or usual, examples.num)
        loss, *others = (
            cast(copy.deepcopy(each), place, single_type(dtype)).eval()
            if isinstance(each, nn.Module)
            else on_device(each, place)
            for each in (loss, *wanted.values())
        )
        wanted = dict(zip(wanted, others, strict=True))
        found = examine(
            own,
            loss,
            {name: each for name, each in wanted.items() if not is_of_model(each)},
            examples,
            size=size,
            given=images_per_batch,
            full_batch=full_batch,
        )
        if not found.data.can_split:
            size = max(batch.num for batch in found.data.batches)
        remarks = [*found.remarks, *(usable_gpus()[1] if device == "auto" else ())]
        if not fixed and 0 < len(trained) < len(names):
            frozen = some_of([name for name in names if name not in trained])
            remarks.append(
                f"parameters that do not require gradients are moved as well: {frozen} "
                "(only='trainable' leaves them where they are)"
            )
        self.model = own
        self.loss, self.metrics = found.loss, found.metrics
        self.model_metrics: Mapping[str, ModelMetric] = {
            name: ModelMetric(name, each) for name, each in wanted.items() if is_of_model(each)
        }
        self.data = found.data
        self.changing_buffers, self.detached = found.changing_buffers, found.detached
        self.remarks = tuple(remarks)
        self._labels = Labels.of(loss, found.outputs, found.examples.targets, found.data)
        self.images_per_batch, self.dtype, self.batchnorm = size, dtype, batchnorm
        self.name = name or type(model).__name__
        self.provenance: Facts = provenance_of(wanted)
        self._given, self._loss_name = given, name_of(loss)
        self._unselected = fixed
        patterns = [only] if isinstance(only, str) else list(only or ())
        moved: Facts = {"moved": ", ".join(patterns)} if patterns else {}
        self._further_settings = {**moved, **settings_of(wanted)}

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
        for cached in ("settings", "total_weight"):  # computed again from the attributes
            other.__dict__.pop(cached, None)
        return other

    @property
    def device(self) -> torch.device:
        """Device of the model and the data."""
        return self.data.device

    @property
    def parameters(self) -> Parameters:
        """The trained parameters."""
        return {name: parameter.detach() for name, parameter in self.model.named_parameters()}

    @property
    def center(self) -> Center:
        """The trained parameters θ*, with BatchNorm's statistics where they are interpolated."""
        statistics = self.statistics if self.batchnorm == "interpolated" else {}
        return Center({**self.parameters, **statistics}, self.unmoved)

    @property
    def unmoved(self) -> frozenset[str]:
        """Names of parameters that random directions leave unchanged.

        Those of normalization layers, and those that ``only`` leaves out.
        """
        return normalization_parameters(self.model) | fixed_originals(self.model) | self._unselected

    @property
    def selects(self) -> bool:
        """Whether only some of the parameters are moved."""
        return bool(self._unselected)

    def moves(self, name: str) -> bool:
        """Return whether the eigenvectors of the Hessian move a parameter.

        Args:
            name: Name of the parameter.
        """
        return name not in self._unselected

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
    def inputs(self) -> Tree:
        """Inputs of all examples; of the first batch where they cannot be regrouped."""
        return self.data.batches[0].inputs

    @property
    def targets(self) -> Tree:
        """Targets of all examples; of the first batch where they cannot be regrouped."""
        return self.data.batches[0].targets

    @property
    def num_images(self) -> int:
        """Number of examples that the loss is averaged over."""
        return self.data.num

    @property
    def unit(self) -> Unit:
        """What its examples are called."""
        settings = {**self._further_settings, "loss": self._loss_name}
        return unit_of(settings, {} if self._labels is None else {"classes": self.num_classes or 0})

    @property
    def batches(self) -> list[Batch]:
        """The examples of each batch, in order."""
        return self.data.split(self.images_per_batch)

    @cached_property
    def total_weight(self) -> float:
        """Number or total weight of the examples, which the sum of all losses is divided by."""
        if not self.loss.is_weighted:
            return float(self.num_images)
        with torch.no_grad():
            return sum(
                float(self.loss(self.outputs(each.inputs), each.targets, each.num)[1].sum())
                for each in self.batches
            )

    def outputs(self, inputs: Tree, parameters: Parameters | None = None) -> Tree:
        """Return the model's outputs.

        Args:
            inputs: Inputs of some examples.
            parameters: Parameters and buffers in place of the model's own.
        """
        return call(self.model, inputs, {**self._first_buffers(), **(parameters or {})})

    def _first_buffers(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.changing_buffers.items()}

    @property
    def num_classes(self) -> int | None:
        """Number of classes, or None without classes, and so without accuracy."""
        return None if self._labels is None else self._labels.num_classes

    @property
    def has_standard_error(self) -> bool:
        """Whether the loss has values per example, from which a standard error follows."""
        return self.loss.per_example

    @property
    def can_subsample(self) -> bool:
        """Whether loss and metrics may be estimated on a part of the examples."""
        every = (self.loss, *self.metrics.values())
        is_plain = all(each.per_example and not each.is_weighted for each in every)
        return is_plain and self.data.can_split

    @property
    def metric_names(self) -> list[str]:
        """Names of all metrics, in alphabetical order."""
        return sorted((*self.metrics, *self.model_metrics))

    def metrics_of_model(self, parameters: Parameters) -> dict[str, float]:
        """Return the metrics of the model at a point, by name.

        Args:
            parameters: Parameters and buffers in place of the model's own.

        Raises:
            UserCodeError: One fails, or returns no number.
        """
        buffers = dict(self.model.named_buffers())  # copied: a metric may run in training mode
        return {
            name: metric(
                self.model,
                {
                    **{key: tensor.clone() for key, tensor in buffers.items()},
                    **self._first_buffers(),
                    **parameters,
                },
                self.device,
            )
            for name, metric in self.model_metrics.items()
        }

    @cached_property
    def settings(self) -> Facts:
        """Facts that the values of a scan depend on, with SHA-256 of data and weights."""
        named_tensors = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        recomputed = self.batchnorm == "recomputed"  # means over batches
        return {
            **self._further_settings,
            "images": self.num_images,
            "loss": self._loss_name,
            **({"batchnorm": self.batchnorm} if self.batchnorm != "frozen" else {}),
            **({"images_per_batch": self.images_per_batch} if recomputed else {}),
            "data_sha256": fingerprint(self._given.named),
            "weights_sha256": fingerprint(named_tensors),
        }

    @property
    def guess(self) -> Mapping[str, int | float]:
        """The best constant answer; empty without classes.

        ``classes`` is the number of outputs, ``guess_accuracy`` the frequency of the most
        frequent label.
        """
        if self._labels is None:
            return {}
        labels = self._labels.counted(self.data)
        _, counts = torch.unique(labels, return_counts=True)
        return {
            "classes": self._labels.num_classes,
            "guess_accuracy": int(counts.max()) / labels.numel(),
        }

    def loadable(self) -> nn.Module:
        """Return a copy of the model on the CPU, in the form in which its checkpoints are."""
        return copied(self._as_given or self.model).cpu()

    def moved_form(self, loaded: nn.Module) -> nn.Module:
        """Return what :meth:`loadable` returned, with weights loaded, in the form that is moved.

        Args:
            loaded: Changed in place.
        """
        return loaded if self._as_given is None else movable(loaded, "effective")

    def to(self, device: torch.device) -> "Objective":
        """Return a copy on another device.

        Args:
            device: The device.
        """

        def moved(loss: ExampleLoss) -> ExampleLoss:
            return replace(loss, call=on_device(loss.call, device))

        return self.replaced(
            model=copied(self.model).to(device),
            loss=moved(self.loss),
            metrics={name: moved(each) for name, each in self.metrics.items()},
            data=self.data.to(device),
            changing_buffers={n: t.to(device) for n, t in self.changing_buffers.items()},
        )

    def part(self, first: int, last: int) -> "Objective":
        """Return the objective over the examples from ``first`` up to, not including, ``last``.

        Args:
            first: Index of the first example.
            last: Index after the last example.
        """
        return self.replaced(data=self.data.part(first, last))

    def measure(self, outputs: Tree, targets: Tree, num: int) -> tuple[Tensor, ...]:
        """Return the losses and metrics of examples, and whether they are classified correctly.

        Args:
            outputs: The model's outputs, of any floating-point type.
            targets: The targets of the same examples.
            num: Number of examples.

        Returns:
            Tensors of shape (num,), the losses in float64, and the fraction of an example's labels
            that is the largest output; nan without classes. If examples have weights: the losses
            times weights, the weights, the number of labels that are the largest output, and
            the number of labels. Then for each metric its values times weights, and the weights.
        """
        dtype = single_type(self.dtype)
        outputs = trees.changed(lambda t: t.to(dtype) if t.is_floating_point() else t, outputs)
        losses = self.loss(outputs, targets, num)
        if self._labels is None:
            unknown = torch.full_like(losses[0], math.nan)
            correct: tuple[Tensor, ...] = (unknown, torch.ones_like(unknown))
        else:
            correct = self._labels.correct(outputs, targets)
        metrics = [
            part.to(losses[0].device)
            for metric in self.metrics.values()
            for part in _with_weights(metric(outputs, targets, num))
        ]
        if not self.is_weighted:
            return losses[0], correct[0], *metrics
        return *_with_weights(losses), *correct, *metrics

    @property
    def is_weighted(self) -> bool:
        """Whether examples, or their labels, have unequal weights."""
        return self.loss.is_weighted or (self._labels is not None and self._labels.ignores)

    def __getstate__(self) -> dict[str, Any]:
        """Return what other processes need: not the data as they were given."""
        return {**self.__dict__, "_given": None}

    def __repr__(self) -> str:
        """Return one line: model, loss, number of examples, device and type."""
        dtype = str(self.dtype).removeprefix("torch.")
        return (
            f"Objective({self.name!r}, {self._loss_name}, {self.unit.counted(self.num_images)}, "
            f"{self.device}, {dtype})"
        )


def _with_weights(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return what an :class:`ExampleLoss` returns as values times weights, and weights."""
    return parts if len(parts) > 1 else (*parts, torch.ones_like(parts[0]))


def _on(device: torch.device, examples: Data, dtype: torch.dtype) -> Data:
    """Return the data on a device.

    Raises:
        DataError: They do not fit into its memory.
        RuntimeError: The device fails for another reason.
    """
    try:
        return examples.to(device, dtype)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        size = sum(t.numel() * t.element_size() for t in examples.named.values())
        raise DataError(
            f"the data ({size / 1e9:.3g} GB) do not fit into the memory of {device}: take fewer "
            "examples, or device cpu"
        ) from error


def _check_options(dtype: torch.dtype, batchnorm: str, images_per_batch: int | None) -> None:
    if batchnorm not in BATCHNORM:
        raise ValueError(f"batchnorm must be one of {', '.join(BATCHNORM)}, not {batchnorm!r}")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, not {dtype}")
    if images_per_batch is not None and images_per_batch < 1:
        raise ValueError(f"images_per_batch must be 1 or more, not {images_per_batch}")


def _check_parametrized(parametrized: str) -> None:
    if parametrized not in get_args(Parametrized):
        raise ValueError(
            f"parametrized must be {' or '.join(get_args(Parametrized))}, not {parametrized!r}"
        )


def _read(data: Any, full_batch: bool) -> Data:
    if isinstance(data, Dataset):
        prepared = data.x if data.preprocessing is None else data.preprocessing(data.x)
        data = (prepared, data.y)
    return read(data, full_batch=full_batch)


def _accepted(model: nn.Module, data: Data) -> Data:
    """Return the data with only the entries of dictionaries that the model has parameters for.

    A model without any of these, but with another parameter, takes the dictionary itself.
    """
    parameters = list(inspect.signature(model.forward).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return data
    names = {p.name for p in parameters}

    def accepted(batch: Batch) -> Batch:
        if not isinstance(batch.inputs, dict):
            return batch
        inputs = {key: value for key, value in batch.inputs.items() if key in names}
        return replace(batch, inputs=inputs or (batch.inputs,))

    return replace(data, batches=tuple(map(accepted, data.batches)))
