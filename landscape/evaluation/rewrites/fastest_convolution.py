"""The fastest kernel for each convolution of a folded network, timed once on the device."""

import importlib.util
import time
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.devices import computes_in, is_gpu, is_recording, wait
from landscape.evaluation.rewrites.convolution import (
    convolve,
    convolve_by_cudnn,
    cudnn_keeps_nan,
)
from landscape.memory import is_out_of_memory

Convolve = Callable[..., Tensor]
"""Computes what :func:`~landscape.evaluation.rewrites.convolution.convolve` does."""

# By device, type and shapes but for the number of images.
_CHOSEN: dict[tuple[Any, ...], Convolve] = {}

_ROUNDS = 10

# Images for the comparison with torch: they do not fill a tile.
_CHECKED = 5


def has_triton(device: torch.device) -> bool:
    """Return whether kernels in Triton can be tried on a device.

    Args:
        device: The device.
    """
    return is_gpu(device) and computes_in("bfloat16", device) and _kernels() is not None


@cache
def _kernels() -> ModuleType | None:
    """Return the module of the kernels, or None without Triton."""
    if importlib.util.find_spec("triton") is None:
        return None
    try:
        from landscape.evaluation.rewrites import triton_convolution
    except Exception:  # whatever a version of Triton raises
        return None
    return triton_convolution


def convolve_by_fastest(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    other: Tensor | None,
    relu: bool,
    *settings: Any,
) -> Tensor:
    """Return :func:`convolve` by Triton, cuDNN or torch; arguments as there.

    The kernels are timed, and Triton's is compared with torch's, at the first convolution of a
    kind. One that fails later is replaced by torch's.
    """
    given = (x, weight, bias, other, relu, *settings)
    key = (
        *(x.device, x.dtype, x.shape[1:], weight.shape, other is None, relu, *settings),
        max(x.numel(), x.numel() // x.shape[1] * weight.shape[0]) < 2**31,
    )
    chosen = _CHOSEN.get(key)
    if chosen is None:
        if is_recording(x.device):
            return convolve(*given)
        chosen = _CHOSEN[key] = _fastest(given, is_small=key[-1])
    try:
        return chosen(*given)
    except Exception as error:  # whatever a kernel raises
        if chosen is convolve or is_out_of_memory(error):
            raise
        _CHOSEN[key] = convolve
        return convolve(*given)


def _fastest(given: tuple[Any, ...], *, is_small: bool) -> Convolve:
    """Return the fastest kernel for some arguments."""
    candidates: list[Convolve] = [convolve]
    if given[4] and cudnn_keeps_nan(given[0].device, given[0].dtype):
        candidates.append(convolve_by_cudnn)
    if is_small and _agrees(given):
        candidates.append(convolve_by_triton)
    seconds = {}
    for kernel in candidates:
        try:
            seconds[kernel] = _seconds(kernel, given)
        except Exception as error:  # whatever a kernel raises
            if is_out_of_memory(error):
                raise
    return min(seconds, key=lambda kernel: seconds[kernel], default=convolve)


def _seconds(kernel: Convolve, given: tuple[Any, ...]) -> float:
    device = given[0].device
    shortest = float("inf")
    for rounds in (1, _ROUNDS, _ROUNDS):  # the first compiles, or searches an algorithm
        began = time.perf_counter()
        for _ in range(rounds):
            kernel(*given)
        wait(device)
        shortest = min(shortest, (time.perf_counter() - began) / rounds)
    return shortest


def convolve_by_triton(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    other: Tensor | None,
    relu: bool,
    stride: tuple[int, int],
    *_: Any,
) -> Tensor:
    """Return :func:`convolve` by Triton; arguments as there, of the shapes of its kernels."""
    kernels: Any = _kernels()
    x, weight = _last(x), _last(weight)
    other = None if other is None else _last(other)
    result: Tensor = kernels.layer(x, weight, bias.contiguous(), other, relu, stride[0])
    return result


def _last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)


def _is_known(given: tuple[Any, ...]) -> bool:
    """Return whether a kernel in Triton takes some arguments."""
    x, weight, bias, _, _, stride, padding, dilation, groups = given
    kernels = _kernels()
    return (
        kernels is not None
        and x.dtype in (torch.float16, torch.bfloat16)
        and x.dtype == weight.dtype == bias.dtype
        and tuple(weight.shape[2:]) == (3, 3)
        and (tuple(padding), tuple(dilation), groups) == ((1, 1), (1, 1), 1)
        and stride[0] == stride[1]
        and (x.shape[1], weight.shape[0], stride[0]) in kernels.TILINGS
    )


def _agrees(given: tuple[Any, ...]) -> bool:
    """Return whether the kernel in Triton computes what torch does in float64, but for rounding.

    On random numbers of the same shapes: those of a point may overflow.
    """
    if not _is_known(given):
        return False
    x, weight, bias, other, relu, *settings = given
    generator = torch.Generator(x.device).manual_seed(0)

    def like(tensor: Tensor, *shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=generator, device=tensor.device)
        return numbers.to(tensor.dtype)

    x, weight = like(x, _CHECKED, *x.shape[1:]), like(weight, *weight.shape)
    bias = like(bias, *bias.shape)
    other = None if other is None else like(other, _CHECKED, *other.shape[1:])
    expected = _sum(F.conv2d(x.double(), weight.double(), bias.double(), *settings), other)
    largest = _sum(
        F.conv2d(x.double().abs(), weight.double().abs(), bias.double().abs(), *settings),
        None if other is None else other.abs(),
    )
    expected = expected.relu() if relu else expected
    try:
        found = convolve_by_triton(x, weight, bias, other, relu, *settings).double()
    except Exception as error:  # whatever Triton raises
        if is_out_of_memory(error):
            raise
        return False
    # Rounding of the result, and of the sums in float32.
    allowed = torch.finfo(x.dtype).eps * expected.abs() + 1e-5 * largest
    return bool(((found - expected).abs() <= allowed).all())


def _sum(y: Tensor, other: Tensor | None) -> Tensor:
    return y if other is None else y + other.double()
