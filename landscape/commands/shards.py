"""The ranks of ``--shard``: torchrun starts the command once for each device."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import click
import torch
import torch.distributed as dist
from torch import nn

from landscape.commands.loaded import LoadedModel
from landscape.commands.options import given
from landscape.commands.tasks import PlaneOptions
from landscape.facts import Facts
from landscape.plane import Plane
from landscape.sharding import ShardedNetwork, sharded

# Of landscape scan: options that need the network on one device, or the command once.
_REFUSED = (
    "batchnorm",
    "checks_devices",
    "cluster",
    "curvature",
    "estimates",
    "excepted",
    "normalize",
    "only",
    "part",
    "precision",
    "profile",
    "repeats",
    "store_directions",
    "view",
)


_LONG = timedelta(days=1)


def check_options(plane: PlaneOptions) -> None:
    """Check that ``--shard`` stands among options that it can be combined with.

    Args:
        plane: The plane.

    Raises:
        click.UsageError: It does not, or the command was not started by torchrun.
    """
    if plane.kind != "random":
        raise click.UsageError(f"--shard needs --plane random, got {plane.kind}")
    command = click.get_current_context().command
    for param in command.params:
        if param.name in _REFUSED and given(param.name):
            raise click.UsageError(f"--shard cannot be combined with {param.opts[0]}")
    if "RANK" not in os.environ:
        raise click.UsageError(
            "--shard needs a process for each device: start it with torchrun "
            "--nproc-per-node N -m landscape scan …"
        )


@contextmanager
def group(device: torch.device) -> Iterator[torch.device]:
    """Join the process group of torchrun.

    Args:
        device: The device of the command.

    Yields:
        The device of this rank.
    """
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.accelerator.set_device_index(device)
    dist.init_process_group(timeout=_LONG)  # ranks wait while the first one reads the data
    try:
        yield device
    finally:
        dist.destroy_process_group()


@contextmanager
def spread(net: LoadedModel, seed: int, device: torch.device) -> Iterator[LoadedModel | None]:
    """Spread the model of a checkpoint over the ranks.

    Args:
        net: The model; every rank has loaded it.
        seed: Seed of the plane.
        device: The device of this rank.

    Yields:
        On the first rank the model whose weights are shards; None on the others, when they have
        served it.
    """
    with sharded(net.model, seed=seed, device=device) as network:
        yield None if network is None else replace(net, model=network)


def is_first() -> bool:
    """Return whether this rank, or the only process, reads the data and writes the file."""
    return not dist.is_initialized() or dist.get_rank() == 0


def plane_of(model: nn.Module) -> Plane | None:
    """Return the plane of a model whose weights are shards; None for another.

    Args:
        model: The model.
    """
    return model.plane if isinstance(model, ShardedNetwork) else None


def settings_of(model: nn.Module) -> Facts:
    """Return what determines the values of a model whose weights are shards; empty for another.

    Args:
        model: The model.
    """
    return model.settings if isinstance(model, ShardedNetwork) else {}
