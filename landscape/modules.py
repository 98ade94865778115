"""Copy modules and move them between devices and floating-point types."""

import torch
from torch import Tensor, nn

from landscape.parametrizations import without_hooks


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside ``torch.compile`` or ``DataParallel``, whose names differ."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy of a module.

    Args:
        model: The module.

    Raises:
        ValueError: It is not a plain module, or cannot be copied.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise ValueError(f"the model must be a plain nn.Module, not a {type(model).__name__}")
    return without_hooks(model)


def cast(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a module moved in place; ``Module.to`` would make complex buffers real."""
    complex_type = torch.complex128 if dtype == torch.float64 else torch.complex64

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(device, complex_type)
        return move_tensor(tensor, device, dtype)

    moved: nn.Module = module._apply(move)  # type: ignore[no-untyped-call]
    return moved


def move_tensor(data: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Move a tensor; only floating-point ones change their type.

    Args:
        data: The tensor.
        device: The device.
        dtype: The type.

    Returns:
        The tensor there.
    """
    return data.to(device, dtype) if data.is_floating_point() else data.to(device)
