"""Nestings of dictionaries, lists and tuples of tensors (pytrees)."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

Tree = Any
"""A tensor, or a nesting of dictionaries, lists and tuples of tensors and other values."""


def tensors(tree: Tree) -> list[Tensor]:
    """Return the tensors of a nesting, in order."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def changed(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Return a nesting with every tensor changed.

    Args:
        function: From tensor to tensor.
        tree: The nesting.
    """
    return tree_map(lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def as_tensor(array: Any) -> Tensor:
    """Return an array as a tensor of the same memory: one mapped to a file stays there.

    An array of another byte order than the machine's is copied.

    Args:
        array: What numpy takes as an array of numbers.

    Raises:
        TypeError: It holds no numbers.
    """
    with warnings.catch_warnings():
        # Of arrays that are only read: so are the tensors.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        found = np.ascontiguousarray(array)
        return torch.from_numpy(found.astype(found.dtype.newbyteorder("="), copy=False))


def as_tree(value: Any) -> Tree:
    """Return a user's nesting with plain dictionaries, and tensors in place of numpy arrays.

    Args:
        value: Any nesting. Mappings of other types, as the batches of ``transformers``, become
            dictionaries; other objects are unchanged.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return as_tensor(value)
    if isinstance(value, Mapping):
        return {key: as_tree(entry) for key, entry in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(as_tree, value))
    if isinstance(value, list | tuple):
        return type(value)(map(as_tree, value))
    return value


def length(tree: Tree) -> int | None:
    """Return the common first dimension of all tensors; None if they differ.

    Args:
        tree: The nesting.
    """
    sizes = {len(tensor) if tensor.dim() else -1 for tensor in tensors(tree)}
    return sizes.pop() if len(sizes) == 1 and sizes != {-1} else None


def num_bytes(tree: Tree) -> int:
    """Return the size of all tensors in bytes.

    Args:
        tree: The nesting.
    """
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors(tree))


def taken(tree: Tree, index: Any) -> Tree:
    """Return a nesting with every tensor indexed along its first dimension.

    Args:
        tree: The nesting.
        index: A slice, or a tensor of indices on the device of the tensors.
    """
    return changed(lambda tensor: tensor[index], tree)


def concatenated(trees: Sequence[Tree]) -> Tree | None:
    """Return nestings as one, joined along the first dimension; None if they do not fit together.

    Args:
        trees: Nestings of tensors.
    """
    if len(trees) == 1:
        return trees[0]
    parts = [tensors(tree) for tree in trees]
    forms = {
        (str(_structure(tree)), *((each.dtype, each.shape[1:]) for each in part))
        for tree, part in zip(trees, parts, strict=True)
    }
    if len(forms) > 1 or any(len(tree_leaves(t)) != len(p) for t, p in zip(trees, parts)):  # noqa: B905
        return None
    joined = iter([torch.cat(each) for each in zip(*parts, strict=True)])
    return changed(lambda _: next(joined), trees[0])


def _structure(tree: Tree) -> Tree:
    return changed(lambda _: torch.empty(0), tree)


def arguments(inputs: Tree) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and the keyword arguments of a model for its inputs.

    Args:
        inputs: A tensor or other object; a tuple of positional arguments; or a dictionary of
            keyword arguments.
    """
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,), {}


def shapes(tree: Tree) -> str:
    """Return the shapes of all tensors, for messages.

    Args:
        tree: The nesting.
    """
    if isinstance(tree, Tensor):
        return str(tuple(tree.shape))
    if isinstance(tree, Mapping):
        return "{" + ", ".join(f"{key}: {shapes(entry)}" for key, entry in tree.items()) + "}"
    if isinstance(tree, list | tuple):
        return "(" + ", ".join(map(shapes, tree)) + ")"
    return type(tree).__name__
