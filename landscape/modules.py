"""Copy modules and move them between devices and floating-point types."""

import copy
import functools
from types import CellType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from landscape.errors import first_line

_HALF = (torch.bfloat16, torch.float16)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside ``torch.compile`` or ``DataParallel``, whose names differ."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def copied(model: nn.Module, *, share: bool = False) -> nn.Module:
    """Return a deep copy of a module.

    Also of a module that keeps a computed tensor, as the weight that a hook computes, or whose
    ``forward`` was replaced by a function that refers to the module itself.

    Args:
        model: The module.
        share: Whether the copy has the same parameters, without a copy of their values.

    Raises:
        ValueError: It is not a plain module, or cannot be copied.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise ValueError(f"the model must be a plain nn.Module, not a {type(model).__name__}")
    # copy.deepcopy refuses tensors that have a graph, and takes what is in this dictionary.
    copies: dict[int, Any] = {
        id(leaf): leaf.detach().clone()
        for module in model.modules()
        for leaf in tree_leaves(vars(module))
        if isinstance(leaf, Tensor) and not leaf.is_leaf
    }
    if share:
        for parameter in model.parameters():
            copies[id(parameter)] = nn.Parameter(parameter.detach(), parameter.requires_grad)
    try:
        result = copy.deepcopy(model, copies)
    except Exception as error:
        raise ValueError(f"the model cannot be copied: {first_line(error)}") from error
    for module, own in zip(model.modules(), result.modules(), strict=True):
        for name in ("__dict__", "_forward_pre_hooks", "_forward_hooks"):
            own_values = getattr(own, name)
            for key, value in getattr(module, name).items():
                if isinstance(value, FunctionType | MethodType | functools.partial):
                    own_values[key] = _rebound(value, copies)
    return result


def _rebound(value: Any, copies: dict[int, Any]) -> Any:
    """Return a function that refers to the copies of modules instead of to the modules.

    ``copy.deepcopy`` does not copy functions: what they refer to stays the original.

    Args:
        value: A function, a bound method or a ``partial``; anything else is returned.
        copies: Copies of objects by the identity of these, as ``copy.deepcopy`` keeps them.
    """
    again = functools.partial(_rebound, copies=copies)
    if isinstance(value, MethodType):
        return MethodType(again(value.__func__), again(value.__self__))
    if isinstance(value, functools.partial):
        named = {name: again(each) for name, each in value.keywords.items()}
        return functools.partial(again(value.func), *map(again, value.args), **named)
    if id(value) in copies or not isinstance(value, FunctionType):
        return copies.get(id(value), value)
    copies[id(value)] = value  # it may refer to itself
    cells, defaults = value.__closure__ or (), value.__defaults__ or ()
    closure = [_rebound_cell(cell, copies) for cell in cells]
    options = [again(each) for each in defaults]
    named = {name: again(each) for name, each in (value.__kwdefaults__ or {}).items()}
    outside = {
        name: again(each)
        for name in value.__code__.co_names
        if isinstance(each := value.__globals__.get(name), nn.Module)
    }
    before = *cells, *defaults, *(value.__kwdefaults__ or {}).values()
    after = *closure, *options, *named.values()
    if outside or any(new is not old for new, old in zip(after, before, strict=True)):
        result = FunctionType(
            value.__code__,
            {**value.__globals__, **outside},
            value.__name__,
            tuple(options),
            tuple(closure),
        )
        result.__kwdefaults__ = named
        result.__dict__.update(value.__dict__)
        copies[id(value)] = result
    return copies[id(value)]


def _rebound_cell(cell: CellType, copies: dict[int, Any]) -> CellType:
    """Return a variable of an enclosing function, or a new one if it refers to a module."""
    try:
        content = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell
    new = _rebound(content, copies)
    return cell if new is content else CellType(new)


def cast(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a module moved in place; ``Module.to`` would make complex buffers real.

    Args:
        module: The module.
        device: The device.
        dtype: The floating-point type; with half precision every tensor keeps its own.
    """

    def move(tensor: Tensor) -> Tensor:
        return tensor.to(device) if dtype in _HALF else move_tensor(tensor, device, dtype)

    moved: nn.Module = module._apply(move)  # type: ignore[no-untyped-call]
    return moved


def shared_type(module: nn.Module, dtype: torch.dtype) -> torch.dtype:
    """Return the type in which a module is evaluated whose weights are not copied.

    Args:
        module: The module.
        dtype: The type in which a copy would be.

    Returns:
        The type of its weights if that is of half precision and float32 is requested.
    """
    own = {parameter.dtype for parameter in module.parameters()}
    half = [each for each in _HALF if each in own]
    return half[0] if half and dtype == torch.float32 else dtype


def move_tensor(data: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Move a tensor; only floating-point and complex ones change their type.

    Args:
        data: The tensor.
        device: The device.
        dtype: The floating-point type; complex tensors get the complex type of its precision.

    Returns:
        The tensor there.
    """
    if data.is_complex():
        return data.to(device, torch.complex128 if dtype == torch.float64 else torch.complex64)
    return data.to(device, dtype) if data.is_floating_point() else data.to(device)
