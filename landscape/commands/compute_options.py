"""Options of ``landscape scan`` that determine how it is computed."""

from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import click
import torch

from landscape.commands import shards
from landscape.commands.cluster import connected
from landscape.commands.loaded import LoadedModel
from landscape.commands.options import DEVICES, FRACTION_OR_AUTO, Converted, given, grouped
from landscape.compute import Compute
from landscape.evaluation import PRECISIONS, Precision
from landscape.grid import part_from

COMPUTE_OPTIONS = (
    "device",
    "precision",
    "tolerance",
    "images_per_batch",
    "cluster",
    "part",
    "shard",
    "profile",
)


@dataclass(frozen=True)
class ComputeOptions:
    """How a scan is computed, as the options describe it.

    Attributes:
        device: The devices.
        precision: Precision of the forward pass.
        tolerance: Target relative standard error, or ``auto``.
        images_per_batch: Images in one forward pass, or None.
        cluster: Address of the scheduler of a Dask cluster, or the file that has it; or None.
        part: The part of the points that is evaluated, (k, n), or None.
        shard: Whether the weights are spread over the devices of torchrun's processes.
        profile: Whether to report where the time went.
    """

    device: list[torch.device]
    precision: Precision
    tolerance: Any
    images_per_batch: int | None
    cluster: str | None
    part: tuple[int, int] | None
    shard: bool
    profile: bool

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the objective."""
        return torch.float64 if self.precision == "float64" else torch.float32

    def workers(self) -> AbstractContextManager[Executor | None]:
        """Return a context with the executor of the cluster, if one is given."""
        return connected(self.cluster)

    def rank(self) -> AbstractContextManager[torch.device]:
        """Return a context with the device of this process, in its group with ``--shard``."""
        first = self.device[0]
        return shards.group(first) if self.shard else nullcontext(first)

    def spread(
        self, net: LoadedModel, seed: int, device: torch.device
    ) -> AbstractContextManager[LoadedModel | None]:
        """Return a context with the model to scan; with None where another process scans it.

        Args:
            net: The model.
            seed: Seed of the plane of ``--shard``.
            device: The device of this process.
        """
        return shards.spread(net, seed, device) if self.shard else nullcontext(net)

    def compute(self, *, all_images: bool) -> Compute:
        """Return the computation of a scan.

        Args:
            all_images: Whether ``--images`` is not given: then ``auto`` may subsample them.
        """
        return Compute(
            self.precision if given("precision") else None,  # that of the weights
            0.0 if self.tolerance == "auto" and not all_images else self.tolerance,
            self.images_per_batch,
            self.device,
            self.profile,
            part=self.part,
        )


def _part(text: str) -> tuple[int, int]:
    part = part_from(text)
    if part is None:
        raise ValueError(f"expected K/N with K from 1 to N, got {text!r}")
    return part


_OPTIONS = (
    click.option(
        "--device",
        type=DEVICES,
        default="auto",
        show_default=True,
        help="Devices; a long scan is spread over several GPUs. auto: all GPUs, or the "
        "CPU without GPUs.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="float32",
        show_default=True,
        help="Precision of the forward pass (of networks with more than 67 million parameters in "
        "bfloat16 or float16: their own); auto: float16, bfloat16 or TF32, if faster and if the "
        "relative deviation from float32 is at most 1 % at the probe points.",
    ),
    click.option(
        "--tolerance",
        type=FRACTION_OR_AUTO,
        default="auto",
        show_default=True,
        help="Target relative standard error, e.g. 1%. Images are subsampled (one shared "
        "random subset) until it is reached; 0 uses all images. auto: 1% for CPU scans "
        "longer than 10 minutes without --images, otherwise 0.",
    ),
    click.option(
        "--images-per-batch",
        type=click.IntRange(1),
        help="Images in one forward pass.  [default: 256 on a CPU, 2048 on a GPU]",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS|FILE",
        help="Let the workers of a Dask cluster compute the points: the address of its scheduler "
        "(tcp://HOST:8786), or its scheduler file.",
    ),
    click.option(
        "--part",
        type=Converted("K/N", _part),
        help="Compute the K-th of N parts of the points, as a job of a SLURM array; landscape "
        "merge joins the files.",
    ),
    click.option(
        "--shard",
        is_flag=True,
        help="Spread the weights over several devices (FSDP2), for networks larger than one: "
        "torchrun --nproc-per-node N -m landscape scan … --shard.",
    ),
    click.option(
        "--profile",
        is_flag=True,
        help="Print a breakdown of the run time and the fraction of the measured rate of "
        "a large "
        "matrix product.",
    ),
)

compute_options = grouped("computing", ComputeOptions, COMPUTE_OPTIONS, _OPTIONS)
"""Adds the options of :class:`ComputeOptions`, and passes it as ``computing``."""
