"""Modules whose weights are computed from others, or are complex, in a form that can be moved."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from landscape.errors import first_line

Parametrized = Literal["effective", "underlying"]
"""What is moved of a weight that is computed from others, as by weight normalization.

``effective``: the weight itself, as in a plain network. ``underlying``: the tensors that it is
computed from, each as if it were a weight; the lengths of weight normalization do not move, so
that a filter only turns.
"""


class ViewAsComplex(nn.Module):
    """A complex parameter as its real and imaginary parts, in a last dimension of size 2."""

    def forward(self, parts: Tensor) -> Tensor:
        """Return the complex tensor, shape (…).

        Args:
            parts: Shape (…, 2).
        """
        # view_as_complex takes no part of a vector that begins at an odd place.
        return torch.complex(parts[..., 0], parts[..., 1])

    def right_inverse(self, tensor: Tensor) -> tuple[Tensor]:
        """Return real and imaginary parts, shape (…, 2).

        Args:
            tensor: The complex tensor, shape (…).
        """
        return (torch.view_as_real(tensor.detach()).clone(),)  # torch lets a tuple change the type


def movable(model: nn.Module, parametrized: Parametrized) -> nn.Module:
    """Return a model, changed in place, whose parameters are real and can be moved on their own.

    Args:
        model: A copy of the given model.
        parametrized: What is moved of weights that are computed from others. Those that hooks of
            older versions of torch compute are always moved themselves.

    Raises:
        ValueError: A weight cannot be made plain, or hooks compute it and the underlying tensors
            are to be moved.
    """
    hooks = list(_hooks(model))
    if hooks and parametrized == "underlying":
        raise ValueError(
            f"parametrized='underlying': {hooks[0][1]} of a {type(hooks[0][0]).__name__} is "
            "computed by a hook; use torch.nn.utils.parametrizations, or parametrized='effective'"
        )
    for module, name, remove in hooks:
        with torch.no_grad():
            remove(module, name)
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            kind = type(module)  # shared with the given model, and changed below
            module.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
            if parametrized == "effective":
                _make_plain(module)
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_complex():
                parametrize.register_parametrization(module, name, ViewAsComplex(), unsafe=True)
    return model


def is_changed_by(model: nn.Module, parametrized: Parametrized) -> bool:
    """Return whether :func:`movable` changes a model.

    Args:
        model: The model.
        parametrized: What is moved of weights that are computed from others.
    """
    if any(True for _ in _hooks(model)) or any(p.is_complex() for p in model.parameters()):
        return True
    return parametrized == "effective" and any(map(parametrize.is_parametrized, model.modules()))


def fixed_originals(model: nn.Module) -> frozenset[str]:
    """Return the names of originals of parametrizations that random directions do not move.

    Those are the lengths of weight normalization, and complex numbers and vectors, as real ones.

    Args:
        model: The model.
    """
    found = set()
    for path, module in model.named_modules():
        if isinstance(module, parametrize.ParametrizationList):
            if any(isinstance(each, _WeightNorm) for each in module):
                found.add(f"{path}.original0")
            elif any(isinstance(each, ViewAsComplex) for each in module):
                # The last dimension holds the two parts.
                found.update(
                    f"{path}.{name}"
                    for name, p in module.named_parameters(recurse=False)
                    if p.dim() <= 2
                )
    return frozenset(found)


def _hooks(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Yield modules with a weight that a hook computes, its name, and what makes it plain."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                yield module, hook.name, remove_weight_norm
            elif isinstance(hook, SpectralNorm):
                yield module, hook.name, remove_spectral_norm
            elif isinstance(hook, prune.BasePruningMethod):
                yield module, hook._tensor_name, prune.remove


def _make_plain(module: nn.Module) -> None:
    for name, computed in list(module.parametrizations.items()):  # type: ignore[operator,union-attr]
        originals = list(computed.parameters())
        try:
            with torch.no_grad():
                weight = getattr(module, name).clone()
                parametrize.remove_parametrizations(module, name)
        except Exception as error:
            raise ValueError(
                f"{name} of a {type(module).__name__} is computed from other tensors and cannot be "
                f"made plain ({first_line(error)}): pass parametrized='underlying'"
            ) from error
        if originals:
            delattr(module, name)  # torch makes it a buffer where several tensors determine it
            is_trained = any(each.requires_grad for each in originals)
            module.register_parameter(name, nn.Parameter(weight, is_trained))
