"""Check that fused convolutions keep what is not finite."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.behavior import torch_settings
from landscape.devices import computes_in, is_gpu
from landscape.doctor.finding import Finding, checked, reason
from landscape.doctor.plans import ROUNDING, fill_free_memory
from landscape.evaluation.precision import DTYPES
from landscape.evaluation.rewrites.convolution import convolve, convolve_by_cudnn
from landscape.evaluation.rewrites.fastest_convolution import convolve_by_triton, has_triton

_KERNELS: Mapping[str, Callable[..., Tensor]] = {"plain": convolve}

_KERNELS_OF_GPUS: Mapping[str, Callable[..., Tensor]] = {
    "cuDNN": convolve_by_cudnn,
    "Triton": convolve_by_triton,
}

_PRECISIONS = ("float32", "tf32", "bfloat16", "float16")

# One each for an input that is not finite; the rest for those that are.
_IMAGES, _CHANNELS, _SIDE = 5, 16, 8
_BAD = (math.nan, math.inf, -math.inf)

_SETTINGS = ((1, 1), (1, 1), (1, 1), 1)


def check_convolutions(device: torch.device) -> Iterator[Finding]:
    """Yield a finding for every fused convolution of a device.

    A network that overflows must not get a finite loss: a ReLU that takes the larger of 0 and NaN
    may return 0. What is finite must not depend on memory that a kernel has not written.

    Args:
        device: The device.
    """
    kernels = {**_KERNELS, **(_KERNELS_OF_GPUS if is_gpu(device) else {})}
    for precision in _PRECISIONS:
        for title, kernel in kernels.items():
            name = f"NaN and inf in fused convolutions, {title}, {precision}"
            if not computes_in(precision, device):
                continue
            if kernel is convolve_by_triton and not has_triton(device):
                yield Finding(name, "not used", "Triton has no kernels here")
            elif kernel is not convolve_by_triton or precision in ("bfloat16", "float16"):
                yield checked(name, partial(_check, name, kernel, device, precision))


def _check(
    name: str, kernel: Callable[..., Tensor], device: torch.device, precision: str
) -> Finding:
    for with_sum in (False, True):
        given = _given(device, DTYPES[precision], with_sum)
        expected = _plain(*given)
        fill_free_memory(device, math.nan)
        try:
            with torch_settings(precision), torch.no_grad():
                found = kernel(*given, True, *_SETTINGS)
        except Exception as error:  # whatever a kernel raises
            return Finding(name, "not used", reason(error))
        lost = found.isfinite() & ~expected.isfinite()
        made = ~found[len(_BAD) :].isfinite()
        after = " and a sum" * with_sum
        if lost.any():
            return Finding(
                name,
                "wrong",
                f"ReLU{after} made {int(lost.sum())} of {int((~expected.isfinite()).sum())} "
                "numbers finite that are not: an overflow may get a finite loss",
            )
        if made.any():
            return Finding(name, "wrong", f"{int(made.sum())} numbers are not finite{after}")
        rest, exact = found[len(_BAD) :].double(), expected[len(_BAD) :].double()
        deviation = float((rest - exact).abs().max() / exact.abs().max())
        if deviation > ROUNDING[precision]:
            return Finding(name, "wrong", f"deviation {deviation:.2g}{after}")
    return Finding(name, "right", "NaN and inf are kept")


def _given(
    device: torch.device, dtype: torch.dtype, with_sum: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return images, weights, bias and summand; the first images are not finite."""
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> Tensor:
        tensor = torch.randn(shape, generator=generator).to(device, dtype)
        last = torch.channels_last if len(shape) == 4 else torch.contiguous_format
        return tensor.contiguous(memory_format=last)

    x = numbers(_IMAGES, _CHANNELS, _SIDE, _SIDE)
    for image, bad in enumerate(_BAD):
        x[image, 3, 4, 4] = bad
    summand = numbers(*x.shape) if with_sum else None
    return x, numbers(_CHANNELS, _CHANNELS, 3, 3), numbers(_CHANNELS), summand


def _plain(x: Tensor, weight: Tensor, bias: Tensor, summand: Tensor | None) -> Tensor:
    """Return the result by separate operators in float64 on the CPU, on the device."""
    images, filters, offset = (tensor.cpu().double() for tensor in (x, weight, bias))
    y = F.conv2d(images, filters, offset, *_SETTINGS)
    y = y if summand is None else y + summand.cpu().double()
    return y.relu().to(x.device)
