"""Heights other than the loss: a user's metrics of the examples, or of the model."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape.brief import brief
from landscape.devices import is_gpu
from landscape.errors import UserCodeError, first_line
from landscape.facts import Facts
from landscape.loss_checks import Examples, example_loss
from landscape.losses import ExampleLoss, Loss, name_of, named
from landscape.user_code import failure

Metric = Callable[..., Any]
"""``metric(outputs, targets)`` or ``metric(model)``, see :class:`landscape.Objective`."""

_QUANTITIES = ("loss", "accuracy", "standard_error", "curvature", "ratio", "lowest", "highest")

# Names of other arrays over a plane, and of the columns of tables.
_ARRAYS = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
_COORDINATES = ("seed", "alpha", "beta")
_RESERVED = frozenset((*_QUANTITIES, *_ARRAYS, *_COORDINATES))


@dataclass(frozen=True, eq=False)
class ModelMetric:
    """A metric of the whole data set: a number that a function computes of the model.

    Attributes:
        name: Its name.
        call: From the model, in evaluation mode, to a number.
    """

    name: str
    call: Callable[[nn.Module], Any]

    __repr__ = brief

    def __call__(
        self, model: nn.Module, tensors: Mapping[str, Tensor], device: torch.device
    ) -> float:
        """Return the metric of a model with other parameters and buffers.

        torch's random numbers are the same at every call.

        Args:
            model: The model; it is left unchanged.
            tensors: Parameters and buffers by name.
            device: Their device.

        Raises:
            UserCodeError: The function fails, or returns no number.
        """
        moved = {f"model.{name}": tensor for name, tensor in tensors.items()}
        gpus = [device] if is_gpu(device) else []
        try:
            with torch.no_grad(), torch.random.fork_rng(gpus):
                torch.manual_seed(0)
                value = torch.func.functional_call(_Called(model, self.call), moved, ())
        except Exception as error:  # whatever a user's function raises
            reason = failure(error) or f"{type(error).__name__}: {first_line(error)}"
            raise UserCodeError(f"the metric {self.name!r} failed: {reason}") from error
        finally:
            model.eval()
        is_single = isinstance(value, Tensor) and value.dim() == 0 and not value.is_complex()
        if is_single or isinstance(value, bool | int | float | np.number | np.bool_):
            return float(value)
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise UserCodeError(
            f"the metric {self.name!r} must return one number, since its only parameter is the "
            f"model, got {got}: values per example are those of a function of (outputs, targets)"
        )


class _Called(nn.Module):
    """A model with a function of it as the forward pass."""

    def __init__(self, model: nn.Module, function: Callable[[nn.Module], Any]) -> None:
        super().__init__()
        self.model = model
        self._function = function

    def forward(self) -> Any:
        return self._function(self.model)


def checked_names(metrics: Mapping[str, Metric | str]) -> dict[str, Metric]:
    """Return the metrics in the order of their names.

    Args:
        metrics: Callables, or names of losses, by name.

    Raises:
        ValueError: A name is empty, or that of another quantity.
    """
    for name in metrics:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise ValueError(f"the name of a metric must be a text in one line, not {name!r}")
        if name in _RESERVED:
            raise ValueError(f"{name!r} is the name of another quantity: call the metric otherwise")
    return {name: named(metrics[name]) for name in sorted(metrics)}


def is_of_model(metric: Metric) -> bool:
    """Return whether a metric is one of the model: a function whose only parameter is that.

    Args:
        metric: The callable. Parameters that can only be given by their name do not count.
    """
    try:
        kinds = [each.kind for each in inspect.signature(metric).parameters.values()]
    except (TypeError, ValueError):  # a function without a signature
        return False
    one = inspect.Parameter
    places = [kind for kind in kinds if kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
    return len(places) == 1 and places[0] is not one.VAR_POSITIONAL


def example_metrics(
    metrics: Mapping[str, Loss], some: Examples, **options: Any
) -> dict[str, ExampleLoss]:
    """Return metrics of examples in the form that is evaluated, having checked them.

    Args:
        metrics: The user's, by name.
        some: Some examples.
        **options: Of :func:`landscape.loss_checks.example_loss`.

    Raises:
        DataError: One does not take these outputs and targets, or fails.
        ValueError: One is no mean over examples, or returns another shape.
    """
    return {
        name: example_loss(metric, replace(some, subject=f"the metric {name!r}"), **options)
        for name, metric in metrics.items()
    }


def settings_of(metrics: Mapping[str, Metric]) -> Facts:
    """Return what a file must have in common with a scan of these metrics; empty without any.

    Args:
        metrics: The user's, by name.
    """
    texts = [
        name if name_of(call) == name else f"{name} ({name_of(call)})"
        for name, call in metrics.items()
    ]
    return {"metrics": ", ".join(texts)} if texts else {}


def provenance_of(metrics: Mapping[str, Metric]) -> Facts:
    """Return where metrics are defined, ``FILE:CALLABLE``; empty without any.

    Args:
        metrics: The user's, by name.
    """
    sources = [f"{_file(call)}:{name_of(call)}".lstrip(":") for call in metrics.values()]
    return {"metric_sources": ", ".join(sources)} if sources else {}


def _file(call: Metric) -> str:
    """Return the name of the file that defines a callable; empty if unknown."""
    for each in (inspect.unwrap(call), type(call)):
        try:
            return Path(inspect.getfile(each)).name
        except (TypeError, OSError):
            continue  # of C, or an instance
    return ""
