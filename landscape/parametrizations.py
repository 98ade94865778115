"""Modules whose weights are computed from others, or are complex, in a form that can be moved."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

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
        return torch.view_as_complex(parts)

    def right_inverse(self, tensor: Tensor) -> Tensor:
        """Return real and imaginary parts, shape (…, 2).

        Args:
            tensor: The complex tensor, shape (…).
        """
        return torch.view_as_real(tensor.detach()).clone()


def movable(model: nn.Module, parametrized: Parametrized) -> nn.Module:
    """Return a model, changed in place, whose parameters are real and can be moved on their own.

    Args:
        model: A copy of the user's model.
        parametrized: What is moved of weights that are computed from others.

    Raises:
        ValueError: A weight cannot be made plain.
    """
    for module in list(model.modules()):
        if parametrized == "effective" and parametrize.is_parametrized(module):
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
    if any(parameter.is_complex() for parameter in model.parameters()):
        return True
    return parametrized == "effective" and any(map(parametrize.is_parametrized, model.modules()))


def lengths(model: nn.Module) -> frozenset[str]:
    """Return the names of the lengths of weight normalization, which do not move.

    Args:
        model: The model.
    """
    return frozenset(
        f"{path}.original0"
        for path, module in model.named_modules()
        if isinstance(module, parametrize.ParametrizationList)
        and any(isinstance(each, _WeightNorm) for each in module)
    )


def without_hooks(model: nn.Module) -> nn.Module:
    """Return a deep copy without the weight normalization by hooks of older versions of torch.

    Its weight is the result of the last forward pass, which cannot be copied; the copy has the
    effective weight as a parameter.

    Args:
        model: The user's model, which is not changed.

    Raises:
        ValueError: The model cannot be copied.
    """
    hooked = [
        (module, hook.name)
        for module in model.modules()
        for hook in module._forward_pre_hooks.values()
        if isinstance(hook, WeightNorm)
    ]
    computed = [module.__dict__.pop(name, None) for module, name in hooked]
    try:
        copied = copy.deepcopy(model)
    except Exception as error:
        raise ValueError(f"the model cannot be copied: {first_line(error)}") from error
    finally:
        for (module, name), weight in zip(hooked, computed, strict=True):
            if weight is not None:
                module.__dict__[name] = weight
    places = {id(module): path for path, module in model.named_modules()}
    for module, name in hooked:
        with torch.no_grad():
            remove_weight_norm(copied.get_submodule(places[id(module)]), name)
    return copied


def _make_plain(module: nn.Module) -> None:
    for name in list(module.parametrizations):  # type: ignore[arg-type]
        try:
            with torch.no_grad():
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
        except Exception as error:
            raise ValueError(
                f"{name} of a {type(module).__name__} is computed from other tensors and cannot be "
                f"made plain ({first_line(error)}): pass parametrized='underlying'"
            ) from error
