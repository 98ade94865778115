"""Precision of the forward pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch

from landscape.behavior import fast_path

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
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("tf32 is a precision of GPUs: use float32 or bfloat16 on a CPU")
    if recomputes and precision in ("bfloat16", "float16", "tf32"):
        raise ValueError(f"BatchNorm is not recomputed in {precision}: use float32")


@contextmanager
def torch_settings(precision: str) -> Iterator[None]:
    """Set what decides how torch computes, and restore it afterwards.

    TF32 for products and convolutions in float32 on GPUs (by default torch enables it for
    convolutions); the fastest of cuDNN's algorithms for convolutions; not the fast path of torch's
    transformer layers, which for padded sequences returns other values than the layers
    themselves, and has no derivative.

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
    before = [getattr(owner, name) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        with fast_path(False):
            yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)
