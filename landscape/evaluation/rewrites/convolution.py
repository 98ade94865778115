"""Convolutions fused with bias, sum and ReLU."""

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.evaluation.rewrites import onednn
from landscape.memory import is_out_of_memory


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    other: Tensor | None,
    relu: bool,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> Tensor:
    """Return a convolution with bias, plus ``other``, rectified; in few kernels if available.

    Args:
        x: Shape (images, channels, h, w).
        weight: Shape (out channels, channels / groups, h, w).
        bias: Shape (out channels,).
        other: Added to the result, of its shape.
        relu: Whether negative results become zero.
        stride: As of ``nn.Conv2d``.
        padding: Likewise.
        dilation: Likewise.
        groups: Likewise.
    """
    if (
        x.device.type == "cpu"
        and x.dtype in onednn.TYPES
        and onednn.available("_convolution_pointwise")
    ):
        ops: Any = torch.ops.mkldnn
        settings = (padding, stride, dilation, groups)
        fused: Tensor
        # oneDNN's own ReLU makes 0 of NaN, and a finite loss of an overflow.
        if other is None:
            fused = ops._convolution_pointwise(x, weight, bias, *settings, "none", [], "")
        else:
            fused = ops._convolution_pointwise.binary(
                x, other, weight, bias, *settings, "add", None, None, [], None
            )
        return fused.relu_() if relu else fused
    y = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    y = y if other is None else y.add_(other)
    return y.relu_() if relu else y


def convolve_by_cudnn(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    other: Tensor | None,
    relu: bool,  # noqa: ARG001
    *settings: Any,
) -> Tensor:
    """Return :func:`convolve` with ``relu``, in one kernel of cuDNN; arguments as there."""
    stride, padding, dilation, groups = settings
    sizes = (list(stride), list(padding), list(dilation), groups)
    fused: Tensor
    if other is None:
        fused = torch.ops.aten.cudnn_convolution_relu(x, weight, bias, *sizes)
    else:
        fused = torch.ops.aten.cudnn_convolution_add_relu(x, weight, other, 1.0, bias, *sizes)
    return fused


@cache
def cudnn_keeps_nan(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether cuDNN's fused kernels give NaN for NaN.

    If their ReLU makes 0 of it, a network that overflows gets a finite loss.

    Args:
        device: A GPU.
        dtype: Floating-point type of the tensors.

    Raises:
        RuntimeError: The GPU's memory is full.
    """
    x = torch.full((1, 8, 4, 4), math.nan, device=device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.ones(8, 8, 3, 3, device=device, dtype=dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    settings = ((1, 1), (1, 1), (1, 1), 1)
    bias = torch.zeros(8, device=device, dtype=dtype)
    try:
        found = [convolve_by_cudnn(x, weight, bias, each, True, *settings) for each in (None, x)]
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        return True  # no kernel for it: then nothing is wrong
    return all(bool(each.isnan().all()) for each in found)
