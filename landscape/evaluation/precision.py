"""Precision of the forward pass."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch

from landscape.devices import computes_in, is_gpu

Precision = Literal["float64", "float32", "tf32", "bfloat16", "float16", "auto"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Floating-point type of the tensors of each precision."""

_OWN: Mapping[torch.dtype, Precision] = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}


def own_precision(dtype: torch.dtype) -> Precision:
    """Return the precision of a network whose weights have a type.

    Args:
        dtype: Floating-point type.
    """
    return _OWN[dtype]


def check_precision(precision: str, device: torch.device, *, recomputes: bool) -> None:
    """Check that a precision is available.

    Args:
        precision: The precision.
        device: The device.
        recomputes: Whether BatchNorm statistics are recomputed at every point.

    Raises:
        ValueError: It is unknown, or not available there.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision == "tf32" and not is_gpu(device):
        raise ValueError("tf32 is a precision of GPUs: use float32 or bfloat16 on a CPU")
    if precision in ("tf32", "bfloat16") and is_gpu(device) and not computes_in(precision, device):
        raise ValueError(f"{device} has no arithmetic in {precision}: use float16 or float32")
    if recomputes and precision in ("bfloat16", "float16", "tf32"):
        raise ValueError(f"BatchNorm is not recomputed in {precision}: use float32")
