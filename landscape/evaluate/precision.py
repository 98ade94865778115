"""What numbers the forward pass is computed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch

Precision = Literal["float64", "float32", "tf32", "bfloat16", "auto"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
}
"""Floating-point type of the tensors of each precision."""


def check_precision(precision: str, device: torch.device, *, re_estimates: bool) -> None:
    """Check that a precision can be computed in.

    Args:
        precision: Which.
        device: Where.
        re_estimates: Whether BatchNorm gets the statistics of the data at every point.

    Raises:
        ValueError: It is none, or cannot.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision == "tf32" and device.type != "cuda":
        raise ValueError("tf32 is a precision of GPUs: take float32 or bfloat16 on a CPU")
    if re_estimates and precision in ("bfloat16", "tf32"):
        raise ValueError(f"BatchNorm is not re-estimated in {precision}: take float32")


@contextmanager
def kernels(*, tf32: bool) -> Iterator[None]:
    """Compute float32 on GPUs as such, or with the inputs of products rounded to TF32.

    By itself torch lets convolutions round. Convolutions take the fastest of cuDNN's
    algorithms. All settings come back afterwards.
    """
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
        yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)
