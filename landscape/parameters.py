"""Points in parameter space: named tensors, and their vector operations."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from landscape.errors import ParameterMismatchError

LARGE = 2**26
"""Networks with more parameters than this are evaluated with little further memory."""

# Numbers converted to float64 at a time, and numbers of a filter that are summed at a time:
# fewer than torch divides among threads, so that the rounding depends on the filter alone.
_AT_A_TIME, _SUMMED = 2**20, 2**14

Parameters = Mapping[str, Tensor]
"""Named tensors. A direction is ``Parameters`` as well: one unit step along it."""


class Center(dict[str, Tensor]):
    """The trained parameters, with the names of those that random directions leave unchanged.

    Args:
        parameters: Named tensors.
        unmoved: Names of the parameters of normalization layers and layer scales, and of those
            that the user leaves out.
    """

    def __init__(self, parameters: Parameters, unmoved: frozenset[str]) -> None:
        super().__init__(parameters)
        self.unmoved = unmoved


def check_match(parameters: Parameters, reference: Parameters, what: str) -> None:
    """Check that two sets of parameters have the same names and shapes.

    Args:
        parameters: The set to check.
        reference: The expected names and shapes.
        what: Name of ``parameters`` in the message.

    Raises:
        ParameterMismatchError: Names or shapes differ.
    """
    missing = [name for name in reference if name not in parameters]
    unexpected = [name for name in parameters if name not in reference]
    if missing or unexpected:
        raise ParameterMismatchError(
            f"{what} has other parameters than the network: "
            f"missing {some_of(missing)}, unexpected {some_of(unexpected)}",
            expected=sorted(reference),
            got=sorted(parameters),
        )
    for name, tensor in reference.items():
        if parameters[name].shape != tensor.shape:
            raise ParameterMismatchError(
                f"{what}: {name} has shape {tuple(parameters[name].shape)}, expected "
                f"{tuple(tensor.shape)}",
                key=name,
                expected=tuple(tensor.shape),
                got=tuple(parameters[name].shape),
            )


def some_of(names: Sequence[str]) -> str:
    """Return the first names of a list, for messages; "none" of an empty one.

    Args:
        names: All names.
    """
    if not names:
        return "none"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def filters(tensor: Tensor) -> Tensor:
    """Return a view of a tensor as its filters, shape (filters, elements).

    A filter is one index of the first dimension: an output channel of a convolution, a row
    of a linear layer.

    Args:
        tensor: Shape (filters, …).
    """
    return tensor.flatten(1)


def filter_norms(tensor: Tensor) -> Tensor:
    """Return the norm of each filter, float64, shape (filters,), on the CPU.

    The norm of a filter has the same bits whichever other filters the tensor has.

    Args:
        tensor: Shape (filters, …).
    """
    norms = torch.zeros(len(tensor), dtype=torch.float64)
    for some in blocks_of_filters(tensor, _AT_A_TIME):
        rows = filters(tensor.detach()[some]).cpu().double()
        squares = [part.square().sum(1) for part in torch.split(rows, _SUMMED, 1)]
        norms[some] = torch.stack(squares).sum(0).sqrt()
    return norms


def blocks_of_filters(tensor: Tensor, numbers: int) -> Iterator[slice]:
    """Yield the filters of a tensor in blocks of about so many numbers.

    Args:
        tensor: Shape (filters, …).
        numbers: Numbers in a block; one filter is never divided.

    Yields:
        Slices of the first dimension.
    """
    step = max(1, numbers * len(tensor) // max(tensor.numel(), 1))
    for first in range(0, len(tensor), step):
        yield slice(first, min(first + step, len(tensor)))


def is_large(parameters: Parameters) -> bool:
    """Return whether the parameters are more than :data:`LARGE` numbers.

    Args:
        parameters: Named tensors.
    """
    return sum(tensor.numel() for tensor in parameters.values()) > LARGE


def inner_product(a: Parameters, b: Parameters) -> float:
    """Return the inner product over all tensors, accumulated in float64.

    Args:
        a: Named tensors.
        b: Tensors of the same names and shapes.
    """
    return sum(float(torch.sum(a[name].double() * b[name].double())) for name in a)


def norm(parameters: Parameters) -> float:
    """Return the Euclidean norm over all tensors.

    Args:
        parameters: Named tensors.
    """
    return math.sqrt(inner_product(parameters, parameters))


def single_type(dtype: torch.dtype) -> torch.dtype:
    """Return float32 for types of half precision, other types unchanged.

    Args:
        dtype: A floating-point type.
    """
    return torch.promote_types(dtype, torch.float32)


def single(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 if it has half precision, else unchanged, detached.

    Args:
        tensor: Any tensor.
    """
    is_half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.detach().float() if is_half else tensor.detach()


def fingerprint(tensors: Parameters) -> str:
    """Return the SHA-256 of names, shapes, types and values, in hexadecimal.

    Args:
        tensors: Named tensors.
    """
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        # A zero-dimensional tensor has no bytes to view, hence the reshape.
        values = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()
