"""Precision of the forward pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch

from landscape.behavior import fast_path
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


@contextmanager
def torch_settings(precision: str) -> Iterator[None]:
    """Set what decides how torch computes, and restore it afterwards.

    TF32 for products and convolutions in float32 on GPUs (by default torch enables it for
    convolutions); the fastest of cuDNN's algorithms for convolutions; not the fast path of torch's
    transformer layers, which for padded sequences returns other values than the layers
    themselves, and has no derivative; sums of products in float32 whatever the factors' type.

    Args:
        precision: ``tf32`` enables it; every other precision disables it.
    """
    tf32 = precision == "tf32"
    convolutions: Any = torch.backends.cudnn
    products = torch.backends.cuda.matmul
    name = "fp32_precision"
    switches: list[tuple[Any, str, Any]]
    if hasattr(products, name):  # torch 2.9 and later warns of the old ones
        value = "tf32" if tf32 else "ieee"
        switches = [
            (owner, name, value) for owner in (convolutions.conv, convolutions.rnn, products)
        ]
    else:
        switches = [(convolutions, "allow_tf32", tf32), (products, "allow_tf32", tf32)]
    switches.append((convolutions, "benchmark", True))
    # By default torch may round partial sums of long products to the type of the factors.
    for kind in ("fp16", "bf16"):
        switches.append((products, f"allow_{kind}_reduced_precision_reduction", False))
    before = [getattr(owner, name) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        with fast_path(False):
            yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)
