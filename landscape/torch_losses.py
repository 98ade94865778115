"""Losses of torch as values per example and weights, in float64."""

import copy
import functools
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.brief import brief
from landscape.errors import DataError
from landscape.losses import Loss, is_cross_entropy, labels_of, tensor_of
from landscape.trees import Tree

# Logits that are in float64 at a time: on a CPU they stay in the cache.
_NUMBERS, _MOST = {"cpu": 2**18}, 2**26

_FEW = 100  # classes


@dataclass(frozen=True)
class Adapter:
    """Brings outputs and targets into the form that a loss of torch takes.

    Attributes:
        picks: Whether logits and labels are picked out of outputs and batch.
        classes_last: Whether the outputs have their classes in the last dimension.
    """

    picks: bool
    classes_last: bool

    def outputs(self, outputs: Tree) -> Tree:
        """Return outputs in the form that the loss takes.

        Args:
            outputs: The model's outputs.
        """
        chosen = tensor_of(outputs) if self.picks else outputs
        return chosen.movedim(-1, 1) if self.classes_last else chosen

    def targets(self, targets: Tree) -> Tree:
        """Return targets in the form that the loss takes.

        Args:
            targets: Targets, or a batch that holds them.
        """
        return labels_of(targets) if self.picks else targets


@dataclass(frozen=True, eq=False)
class OfTorch:
    """A loss of torch, in float64, on adapted outputs and targets.

    Attributes:
        call: The loss.
        adapter: Adapts its arguments.
        sums: Whether values are summed over all but the first dimension.
        weights: Returns the weights of targets, or None.
        by_label: Whether it is a cross entropy of every label, to be computed in parts.
    """

    call: Loss
    adapter: Adapter
    sums: bool = False
    weights: "Weights | None" = None
    by_label: bool = False

    def __call__(self, outputs: Tree, targets: Tree) -> Any:  # noqa: D102
        x, y = self.adapter.outputs(outputs), self.adapter.targets(targets)
        if not isinstance(x, Tensor) or not isinstance(y, Tensor):
            raise DataError(
                "a loss of torch takes a tensor of outputs and one of targets, got "
                f"{trees.shapes(outputs)} and {trees.shapes(targets)}: give a function "
                "loss(outputs, targets)"
            )
        if y.dim() == 0:
            raise DataError(
                "targets have no dimension of examples: data are batches, not single examples "
                "(a DataLoader makes batches of these)"
            )
        values: Tensor = (
            _by_label(self.call, x, y) if self.by_label else self.call(_widest(x), _widest(y))
        )
        if self.weights is not None:
            return values, self.weights(y).expand_as(values)
        return values.flatten(1).sum(1) if self.sums and values.dim() > 1 else values


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights that torch's cross entropy gives to labels.

    Attributes:
        classes: Weights of the classes, or None.
        ignored: The label that has the weight 0.
    """

    classes: Tensor | None
    ignored: int

    __repr__ = brief

    def __call__(self, labels: Tensor) -> Tensor:  # noqa: D102
        if labels.is_floating_point():  # probabilities: torch divides by their number alone
            return torch.ones(labels.shape[:1] + labels.shape[2:], device=labels.device).double()
        counted = labels != self.ignored
        if self.classes is None:
            return counted.double()
        weights = self.classes.to(labels.device, torch.float64)
        return torch.where(counted, weights[labels.where(counted, 0)], 0.0)


def adapter_of(loss: Loss, outputs: Tree, targets: Tree) -> Adapter:
    """Return what brings outputs and targets into the form that a loss takes.

    Args:
        loss: The loss; only of a loss of torch anything is changed.
        outputs: Outputs of some examples.
        targets: Their targets.
    """
    x, y = tensor_of(outputs), labels_of(targets)
    picks = _single(loss) is not None and (x is not outputs or y is not targets)
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
    return Adapter(picks, classes_last)


def forms(
    loss: Loss, adapter: Adapter, all_targets: Sequence[Tree], full_batch: bool
) -> Iterator[tuple[Loss, Loss | None]]:
    """Yield forms of a loss, the one per example first, and the reduced one that it must equal.

    Args:
        loss: The loss.
        adapter: Adapts its arguments, if it is one of torch.
        all_targets: Of all examples, in the form that the loss takes.
        full_batch: Whether its own value is wanted, also of a sum.

    Yields:
        Forms of a loss of torch, in float64; any other loss itself.
    """
    single = _single(loss)
    if single is None:
        yield loss, None
        return
    own = OfTorch(_in_float64(loss), adapter)
    if full_batch:
        yield own, None
        return
    reduction = _option(loss, "reduction") or "mean"
    weights = _weights(loss, all_targets)
    if is_cross_entropy(loss) and weights is None and not _option(loss, "label_smoothing"):
        single = _cross_entropy  # of the labels alone
    if reduction != "mean":  # it does not divide by them
        weights = None
    yield (
        OfTorch(
            single,
            adapter,
            reduction in ("sum", "batchmean"),
            weights,
            by_label=is_cross_entropy(loss),
        ),
        own if reduction in ("mean", "batchmean") else None,
    )
    yield own, None


def _widest(tensor: Tensor) -> Tensor:
    """Return a tensor in the type that a loss of torch takes with most digits."""
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    if tensor.is_floating_point():
        return tensor.double()
    return tensor if tensor.dtype == torch.bool else tensor.long()


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


def _by_label(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return a cross entropy of every label, in float64, of one part of the labels after another.

    The logits of all labels in float64 need not exist at a time: those of a part stay in a CPU's
    cache. With further dimensions, torch's own takes six times as long if the classes are next to
    each other in memory, as a language model's.

    Args:
        loss: The cross entropy, with ``reduction="none"``.
        outputs: Shape (examples, classes, …).
        targets: Labels, shape (examples, …); or probabilities of classes, of the outputs' shape.
    """
    rows = outputs.movedim(1, -1) if outputs.dim() > 1 else outputs
    if (
        targets.is_floating_point()
        or targets.shape != rows.shape[:-1]
        or (rows.dim() > 2 and not rows.is_contiguous())
    ):
        values: Tensor = loss(_widest(outputs), _widest(targets))
        return values
    size = max(1, _NUMBERS.get(outputs.device.type, _MOST) // max(1, rows.shape[-1]))
    of_rows, labels = (torch.split(t, size) for t in (rows.flatten(0, -2), targets.flatten()))
    parts = [loss(_widest(x), _widest(y)) for x, y in zip(of_rows, labels, strict=True)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(targets.shape)


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return torch's cross entropy of every example, of few classes with these across in memory.

    torch's own takes twenty times as long for ten classes: its kernel works along them.
    """
    if outputs.dim() != 2 or targets.is_floating_point() or outputs.shape[1] > _FEW:
        return nn.functional.cross_entropy(outputs, targets, reduction="none")
    logarithms = nn.functional.log_softmax(outputs.T, 0)
    return -logarithms.gather(0, targets.unsqueeze(0)).squeeze(0)


def _weights(loss: Loss, targets: Tree) -> Weights | None:
    """Return the weights of the labels in a loss and in torch's mean of it; None if all are 1.

    Only cross entropies divide by them; other losses with a weight divide by the number.
    """
    function = loss.func if isinstance(loss, functools.partial) else loss
    is_nll = function is nn.functional.nll_loss or isinstance(loss, nn.NLLLoss)
    if not (is_cross_entropy(loss) or is_nll):
        return None
    ignored, weight = _option(loss, "ignore_index"), _option(loss, "weight")
    ignored = -100 if ignored is None else int(ignored)
    every = [t for t in trees.tensors(targets) if not t.is_floating_point()]
    leaves_out = any(bool((tensor == ignored).any()) for tensor in every)
    if not isinstance(weight, Tensor) and not leaves_out:
        return None
    return Weights(weight if isinstance(weight, Tensor) else None, ignored)


def _option(loss: Loss, name: str) -> Any:
    """Return an option of a loss: of a module, of a function's default, or of a ``partial``."""
    if isinstance(loss, nn.Module):
        return getattr(loss, name, None)
    try:
        parameter = inspect.signature(loss).parameters.get(name)
    except (TypeError, ValueError):
        return None
    return parameter.default if parameter is not None else None


def check_labels(outputs: Tree, targets: Tree, loss: Loss) -> None:
    """Refuse labels without an output: on a GPU they would end the process.

    Args:
        outputs: Outputs of some examples, in the form that the loss takes.
        targets: Targets of all examples, in the form that the loss takes.
        loss: The loss.

    Raises:
        DataError: A label has no output.
    """
    if not isinstance(outputs, Tensor) or outputs.dim() < 2:
        return
    ignored = _option(loss, "ignore_index")
    labels = [t.flatten() for t in trees.tensors(targets) if not t.is_floating_point()]
    every = torch.cat(labels) if labels else torch.empty(0)
    counted = every[every != (-100 if ignored is None else ignored)]
    if every.numel() == 0:
        return
    if counted.numel() == 0:
        raise DataError("all labels are left out (ignore_index): no label to average over")
    low, high = int(counted.min()), int(counted.max())
    if low < 0 or high >= outputs.shape[1]:
        raise DataError(
            f"labels must be 0 … {outputs.shape[1] - 1} for a net with {outputs.shape[1]} "
            f"outputs; the data has {low} … {high} (give ignore_index for labels to leave out)"
        )
