"""Devices by name, and the hardware behind them."""

import platform
from collections.abc import Sequence
from pathlib import Path

import torch


def choose_devices(
    names: str | torch.device | Sequence[str | torch.device],
) -> list[torch.device]:
    """Return devices by their names; ``auto`` is all GPUs, or the CPU without GPUs.

    Args:
        names: One name or device, several separated by commas, or a sequence.

    Raises:
        ValueError: A device does not exist.
    """
    if names == "auto" and torch.cuda.device_count() > 1:
        return [torch.device("cuda", k) for k in range(torch.cuda.device_count())]
    if isinstance(names, str):
        names = names.split(",")
    elif isinstance(names, torch.device):
        names = [names]
    if not names:
        raise ValueError("no device given")
    return [choose_device(name) for name in names]


def choose_device(name: str | torch.device) -> torch.device:
    """Return a device by its name; ``auto`` is a GPU if available, else the CPU.

    Args:
        name: ``auto``, or as torch names it.

    Raises:
        ValueError: The device does not exist.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ValueError(f"device {name} does not exist: torch finds {count} CUDA devices")
    return device


def hardware(device: torch.device) -> str:
    """Return the name of a device's chip.

    Args:
        device: The device.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
