"""Tensors that take no memory until an operator reads them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only


class Unformed(Tensor):
    """A tensor that is computed for every operator that reads it, and not kept.

    Args:
        like: A tensor of the same shape and device.
        dtype: Its type.
        form: Computes it.
        form_rows: Computes some of its rows by their indices: an embedding reads no others.

    Example:
        >>> weight = Unformed(torch.ones(2, 3), torch.float32, lambda: torch.full((2, 3), 0.5))
        >>> (weight @ torch.ones(3)).tolist()
        [1.5, 1.5]
    """

    _form: Callable[[], Tensor]
    _form_rows: Callable[[Tensor], Tensor] | None

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(
        cls,
        like: Tensor,
        dtype: torch.dtype,
        form: Callable[[], Tensor],
        form_rows: Callable[[Tensor], Tensor] | None = None,
    ) -> "Unformed":
        """Return a tensor without memory."""
        made: Unformed = Tensor._make_wrapper_subclass(
            cls, like.shape, dtype=dtype, device=like.device
        )
        made._form, made._form_rows = form, form_rows
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Return the result of an operator of torch for the computed tensors."""
        if func is torch.ops.aten.embedding.default and args[0]._form_rows is not None:
            weight, index = args[:2]
            return weight._form_rows(index.reshape(-1)).view(*index.shape, weight.shape[1])
        args, kwargs = tree_map_only(cls, lambda each: each._form(), (args, kwargs or {}))
        return func(*args, **kwargs)
