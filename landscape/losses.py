"""A user's loss as values per example, checked to be a weighted mean over examples."""

import copy
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.brief import brief
from landscape.errors import DataError, first_line
from landscape.trees import Tree

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

_NO_MEAN = (
    "the loss is not a mean over examples (values that depend on the rest of the batch?): give a "
    "function that returns one value per example, or (values, weights); or pass full_batch=True "
    "for the loss of one fixed batch"
)


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

    @classmethod
    def checked(
        cls,
        loss: Loss,
        outputs: Tree,
        targets: Tree,
        num: int,
        *,
        all_targets: Sequence[Tree],
        full_batch: bool = False,
    ) -> "ExampleLoss":
        """Return a loss in its per-example form where it has one, and check it.

        Losses of torch that have a ``reduction`` are asked for one value per example.

        Args:
            loss: The user's.
            outputs: Outputs for some examples, the more diverse the better.
            targets: Of the same examples.
            num: Number of these examples.
            all_targets: Of all examples, in batches.
            full_batch: Whether the examples are one batch that is never split.

        Raises:
            DataError: It does not take these outputs and targets, or fails.
            ValueError: It is no mean over examples, or returns another shape.
        """
        adapted, given = _adapted(loss, outputs, targets)
        every = [adapted.targets(each) for each in all_targets]
        if is_cross_entropy(loss):
            _check_labels(adapted.outputs(outputs), every, loss)
        try:
            for candidate, wanted in _forms(loss, adapted, every):
                result = candidate(outputs, targets)
                found = _recognized(candidate, result, outputs, targets, num, full_batch)
                if found is not None and (
                    wanted is None or _agrees(found, wanted, outputs, targets, num)
                ):
                    return found
        except (DataError, ValueError):
            raise
        except Exception as error:
            raise DataError(
                f"the loss does not take outputs of shape {trees.shapes(outputs)} with targets of "
                f"shape {trees.shapes(given)}: {type(error).__name__}: {first_line(error)}"
            ) from error
        raise ValueError(_NO_MEAN)


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


def is_cross_entropy(loss: Loss) -> bool:
    """Return whether it is torch's cross entropy, whose classes are the second dimension."""
    function = loss.func if isinstance(loss, functools.partial) else loss
    return function is nn.functional.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)


def name_of(loss: Loss) -> str:
    """Return what to call a loss, the same in every process (an address is not).

    Torch's own cross entropies are ``cross_entropy`` and ``CrossEntropyLoss()``, no other is.
    """
    name = str(getattr(loss, "__qualname__", None) or loss)
    if isinstance(loss, nn.CrossEntropyLoss):
        options = [f"label_smoothing={loss.label_smoothing:g}"] if loss.label_smoothing else []
        options += ["weight"] if loss.weight is not None else []
        name = f"CrossEntropyLoss({', '.join(options)})"
    if name.startswith(("cross_entropy", "CrossEntropyLoss")) and not is_cross_entropy(loss):
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


@dataclass(frozen=True)
class _Adapter:
    """Brings outputs and targets into the form that a loss of torch takes.

    Attributes:
        picks: Whether logits and labels are picked out of outputs and batch.
        classes_last: Whether the outputs have their classes in the last dimension.
    """

    picks: bool
    classes_last: bool

    def outputs(self, outputs: Tree) -> Tree:
        chosen = tensor_of(outputs) if self.picks else outputs
        return chosen.movedim(-1, 1) if self.classes_last else chosen

    def targets(self, targets: Tree) -> Tree:
        return labels_of(targets) if self.picks else targets


@dataclass(frozen=True, eq=False)
class _OfTorch:
    """A loss of torch, in float64, on adapted outputs and targets.

    Attributes:
        call: The loss.
        adapter: Adapts its arguments.
        sums: Whether values are summed over all but the first dimension.
        weights: Returns the weights of targets, or None.
    """

    call: Loss
    adapter: _Adapter
    sums: bool = False
    weights: "_Weights | None" = None

    def __call__(self, outputs: Tree, targets: Tree) -> Any:
        x, y = self.adapter.outputs(outputs), self.adapter.targets(targets)
        if not isinstance(x, Tensor) or not isinstance(y, Tensor):
            raise DataError(
                "a loss of torch takes a tensor of outputs and one of targets, got "
                f"{trees.shapes(outputs)} and {trees.shapes(targets)}: give a function "
                "loss(outputs, targets)"
            )
        values: Tensor = self.call(x.double(), y.double() if y.is_floating_point() else y)
        if self.weights is not None:
            return values, self.weights(y).expand_as(values)
        return values.flatten(1).sum(1) if self.sums and values.dim() > 1 else values


@dataclass(frozen=True, eq=False)
class _Weights:
    """The weights that torch's cross entropy gives to labels.

    Attributes:
        classes: Weights of the classes, or None.
        ignored: The label that has the weight 0.
    """

    classes: Tensor | None
    ignored: int

    def __call__(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():  # probabilities: torch divides by their number alone
            return torch.ones(labels.shape[:1] + labels.shape[2:], device=labels.device).double()
        counted = labels != self.ignored
        if self.classes is None:
            return counted.double()
        weights = self.classes.to(labels.device, torch.float64)
        return torch.where(counted, weights[labels.where(counted, 0)], 0.0)


def _adapted(loss: Loss, outputs: Tree, targets: Tree) -> tuple[_Adapter, Tree]:
    """Return what brings outputs and targets into the form of a loss, and the targets in it."""
    is_torchs = _single(loss) is not None
    x, y = tensor_of(outputs), labels_of(targets)
    picks = is_torchs and (x is not outputs or y is not targets)
    x, y = (x, y) if picks else (outputs, targets)
    classes_last = (
        is_cross_entropy(loss)
        and isinstance(x, Tensor)
        and isinstance(y, Tensor)
        and not y.is_floating_point()
        and x.dim() > 2
        and x.shape[:1] + x.shape[2:] != y.shape
        and x.shape[:-1] == y.shape
    )
    return _Adapter(picks, classes_last), y


def _forms(
    loss: Loss, adapter: _Adapter, all_targets: Sequence[Tree]
) -> Iterator[tuple[Loss, Loss | None]]:
    """Yield forms of a loss, the one per example first, and the reduced one that it must equal."""
    single = _single(loss)
    if single is None:
        yield loss, None
        return
    own = _OfTorch(_in_float64(loss), adapter)
    reduction = _option(loss, "reduction") or "mean"
    weights = _weights(loss, all_targets)
    if is_cross_entropy(loss) and weights is None and not _option(loss, "label_smoothing"):
        single = _cross_entropy
    yield (
        _OfTorch(single, adapter, reduction in ("sum", "batchmean"), weights),
        own if reduction in ("mean", "batchmean") else None,
    )
    yield own, None


def _single(loss: Loss) -> Loss | None:
    """Return a loss of torch with ``reduction="none"``, in float64; None of any other loss."""
    if isinstance(loss, nn.Module):
        if not hasattr(loss, "reduction"):
            return None
        single: Any = _in_float64(loss)
        single.reduction = "none"
        return single  # type: ignore[no-any-return]
    if _option(loss, "reduction") is None or not _is_torchs(loss):
        return None
    function: Any = _in_float64(loss)
    return functools.partial(function, reduction="none")


def _is_torchs(loss: Loss) -> bool:
    function = loss.func if isinstance(loss, functools.partial) else loss
    return getattr(function, "__module__", "").startswith("torch.")


def _in_float64(loss: Loss) -> Loss:
    if isinstance(loss, nn.Module):
        return copy.deepcopy(loss).double()
    if isinstance(loss, functools.partial):
        options = {
            key: value.double() if isinstance(value, Tensor) else value
            for key, value in loss.keywords.items()
        }
        return functools.partial(loss.func, *loss.args, **options)
    return loss


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return torch's cross entropy of every example, with the classes across in memory.

    torch's own takes twenty times as long for ten classes: its kernel works along them.
    """
    if outputs.dim() != 2 or targets.is_floating_point() or outputs.shape[1] > 1000:
        return nn.functional.cross_entropy(outputs, targets, reduction="none")
    logarithms = nn.functional.log_softmax(outputs.T, 0)
    return -logarithms.gather(0, targets.unsqueeze(0)).squeeze(0)


def _weights(loss: Loss, targets: Tree) -> _Weights | None:
    """Return the weights of the labels in torch's mean, or None where all are equal.

    Only cross entropies divide by them; other losses with a weight divide by the number.
    """
    function = loss.func if isinstance(loss, functools.partial) else loss
    is_nll = function is nn.functional.nll_loss or isinstance(loss, nn.NLLLoss)
    if not (is_cross_entropy(loss) or is_nll) or _option(loss, "reduction") not in (None, "mean"):
        return None
    ignored, weight = _option(loss, "ignore_index"), _option(loss, "weight")
    ignored = -100 if ignored is None else int(ignored)
    every = [t for t in trees.tensors(targets) if not t.is_floating_point()]
    leaves_out = any(bool((tensor == ignored).any()) for tensor in every)
    if not isinstance(weight, Tensor) and not leaves_out:
        return None
    return _Weights(weight if isinstance(weight, Tensor) else None, ignored)


def _option(loss: Loss, name: str) -> Any:
    """Return an option of a loss: of a module, of a function's default, or of a ``partial``."""
    if isinstance(loss, nn.Module):
        return getattr(loss, name, None)
    try:
        parameter = inspect.signature(loss).parameters.get(name)
    except (TypeError, ValueError):
        return None
    return parameter.default if parameter is not None else None


def _recognized(
    loss: Loss, result: Any, outputs: Tree, targets: Tree, num: int, full_batch: bool
) -> ExampleLoss | None:
    """Return a loss with the form of its result, or None if it is no mean over examples.

    Raises:
        ValueError: The result has another shape.
    """
    if isinstance(result, tuple) and len(result) == 2:
        pair = loss if isinstance(loss, _OfTorch) else _Pair(loss)
        values, _ = pair(outputs, targets)
        _check_shape(values, num, outputs, targets)
        found = ExampleLoss(pair, values.dim() > 0, "pair")
        return found if full_batch or _adds_up(found, outputs, targets, num) else None
    _check_shape(result, num, outputs, targets)
    forms: list[Form] = ["values"] if result.dim() or full_batch else ["values", "sum"]
    for form in forms:
        found = ExampleLoss(loss, result.dim() > 0 and not full_batch, form)
        if full_batch or _adds_up(found, outputs, targets, num):
            return found
    return None


@dataclass(frozen=True, eq=False)
class _Pair:
    """A loss that returns (values, weights), as one that returns (values times weights, weights).

    A value of weight 0 does not count even if it is not finite.
    """

    call: Loss

    def __call__(self, outputs: Tree, targets: Tree) -> tuple[Tensor, Tensor]:
        values, weights = self.call(outputs, targets)
        weights = torch.as_tensor(weights, dtype=torch.float64, device=values.device)
        while 0 < weights.dim() < values.dim():
            weights = weights.unsqueeze(-1)
        weights = weights.expand_as(values)
        return torch.where(weights == 0, 0.0, values.double() * weights), weights


def _check_shape(values: Any, num: int, outputs: Tree, targets: Tree) -> None:
    if not isinstance(values, Tensor) or (values.dim() and len(values) != num):
        came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"the loss must return one value per example, shape ({num}, …), their mean, or "
            f"(values, weights); it returned {came}"
        )
    most = max((t.numel() for t in trees.tensors((outputs, targets))), default=values.numel())
    if values.numel() > most:
        raise DataError(
            f"the loss compares every example with every other: outputs have shape "
            f"{trees.shapes(outputs)}, targets {trees.shapes(targets)}"
        )


def _agrees(found: ExampleLoss, reduced: Loss, outputs: Tree, targets: Tree, num: int) -> bool:
    """Return whether values per example have the mean that the loss itself returns."""
    parts = found(outputs, targets, num)
    mean = parts[0].sum() / (parts[1].sum() if len(parts) > 1 else num)
    return _close(mean, reduced(outputs, targets))


def _adds_up(loss: ExampleLoss, outputs: Tree, targets: Tree, num: int) -> bool:
    """Return whether uneven parts of the examples have the values, or the sum, of the whole.

    Also with the outputs of other examples, and with noise: near an untrained model all losses
    are equal, and every weighted mean is a plain one.
    """
    if num < 3 or trees.length(outputs) != num or trees.length(targets) != num:
        return True  # the examples cannot be regrouped
    first, rest = slice(0, num // 3), slice(num // 3, num)
    for number, each in enumerate(_variants(outputs, num)):
        try:
            whole = loss(each, targets, num)
            parts = [
                loss(trees.taken(each, some), trees.taken(targets, some), some.stop - some.start)
                for some in (first, rest)
            ]
        except Exception:
            if number == 0:
                raise
            continue  # outputs that the loss does not take, as noise for probabilities
        if not all(
            _same(torch.cat(halves), full, loss.per_example)
            for halves, full in zip(zip(*parts, strict=True), whole, strict=True)
        ):
            return False
    return True


def _variants(outputs: Tree, num: int) -> Iterator[Tree]:
    yield outputs
    yield trees.changed(lambda t: t.roll(num // 2, 0), outputs)
    generator = torch.Generator().manual_seed(0)

    def noisy(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        noise = torch.randn(tensor.shape, generator=generator).to(tensor)
        return tensor + (1 + tensor.nan_to_num(0.0, 0.0, 0.0).abs().mean()) * noise

    yield trees.changed(noisy, outputs)


def _same(parts: Tensor, whole: Tensor, per_example: bool) -> bool:
    if not per_example:
        return _close(parts.sum(), whole.sum())
    rounding = 1e-3 * float(whole.nan_to_num(0.0, 0.0, 0.0).abs().mean()) + 1e-6
    return torch.allclose(parts, whole, rtol=1e-3, atol=rounding, equal_nan=True)


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-7, equal_nan=True)


def _check_labels(outputs: Tree, targets: Tree, loss: Loss) -> None:
    """Refuse labels without an output: on a GPU they would end the process.

    Raises:
        DataError: A label has no output.
    """
    if not isinstance(outputs, Tensor) or outputs.dim() < 2:
        return
    ignored = _option(loss, "ignore_index")
    for labels in trees.tensors(targets):
        if labels.is_floating_point() or labels.numel() == 0:
            continue
        counted = labels[labels != (-100 if ignored is None else ignored)]
        if counted.numel() == 0:
            raise DataError("all labels are left out (ignore_index): there is nothing to average")
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= outputs.shape[1]:
            raise DataError(
                f"labels must be 0 … {outputs.shape[1] - 1} for a net with {outputs.shape[1]} "
                f"outputs; the data has {low} … {high} (give ignore_index for labels to leave out)"
            )
