"""A point in the space of weights: named tensors, and what vectors can do."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from landscape.errors import ParameterMismatchError

Parameters = Mapping[str, Tensor]
"""Named tensors. A direction is ``Parameters`` as well: one step along it."""


def check_match(parameters: Parameters, reference: Parameters, what: str) -> None:
    """Check that two sets of parameters have the same names and shapes.

    Args:
        parameters: What came.
        reference: What is expected.
        what: What ``parameters`` are, for the error's text.

    Raises:
        ParameterMismatchError: Names or shapes differ.
    """
    missing = [name for name in reference if name not in parameters]
    unexpected = [name for name in parameters if name not in reference]
    if missing or unexpected:
        raise ParameterMismatchError(
            f"{what} has other parameters than the net: "
            f"missing {_some(missing)}, unexpected {_some(unexpected)}"
        )
    for name, tensor in reference.items():
        if parameters[name].shape != tensor.shape:
            raise ParameterMismatchError(
                f"{what}: {name} has shape {tuple(parameters[name].shape)}, "
                f"the net's has {tuple(tensor.shape)}"
            )


def _some(names: list[str]) -> str:
    if not names:
        return "none"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def filters(tensor: Tensor) -> Tensor:
    """View a tensor as its filters, shape (filters, elements).

    A filter is one index of the first dimension: an output channel of a convolution, a row
    of a linear layer.
    """
    return tensor.flatten(1)


def inner_product(a: Parameters, b: Parameters) -> float:
    """Return the inner product over all tensors, accumulated in float64."""
    return sum(float(torch.sum(a[name].double() * b[name].double())) for name in a)


def fingerprint(tensors: Parameters) -> str:
    """Return the SHA-256 of names, shapes, types and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        # A zero-dimensional tensor has no bytes to view, hence the reshape.
        values = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()
