"""A scan in one call, for tests: all options of objective, plane, grid and computation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import landscape
from landscape import planes
from landscape.compute import Compute
from landscape.facts import Facts
from landscape.grid import Grid, Interval
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.surface import Surface


def scan(
    model: nn.Module,
    loss: Any = "cross_entropy",
    data: Any = None,
    *,
    points: int | Sequence[int] = 51,
    alpha: Interval = (-1.0, 1.0),
    beta: Interval | None = None,
    seed: int = 0,
    normalize: Any = "filter",
    directions: str | Path | tuple[Parameters, Parameters] | None = None,
    batchnorm: Any = "frozen",
    repeats: int = 1,
    images_per_batch: int | None = None,
    device: Any = "auto",
    precision: Any = "float32",
    tolerance: Any = 0.0,
    path: str | Path | None = None,
    overwrite: bool = False,
    store_directions: bool = False,
    marks: Sequence[Mark] = (),
    trajectories: Sequence[Trajectory] = (),
    curvature: bool = False,
    name: str | None = None,
    settings: Facts | None = None,
    progress: Any = None,
    profile: bool = False,
) -> Surface:
    devices = [device] if isinstance(device, str | torch.device) else list(device)
    objective = Objective(
        model,
        loss,
        data,
        device=devices[0],
        dtype=torch.float64 if precision == "float64" else torch.float32,
        batchnorm=batchnorm,
        images_per_batch=images_per_batch,
    ).described(name=name, settings=settings)
    if directions is None:
        every = [planes.random(objective, seed + k, normalize) for k in range(repeats)]
    else:
        every = [plane_of(objective, directions)]
    every = [
        replace(plane, stored=store_directions, marks=marks, trajectories=trajectories)
        for plane in every
    ]
    return landscape.scan(
        objective,
        every[0] if repeats == 1 else every,
        Grid.regular(points, alpha, beta),
        file=path,
        overwrite=overwrite,
        quantities=("loss", "curvature") if curvature else ("loss",),
        compute=Compute(precision, tolerance, images_per_batch, devices, profile),
        progress=progress,
    )


def plane_of(objective: Objective, directions: str | Path | tuple[Parameters, Parameters]) -> Plane:
    """The plane along directions of a file, or given ones, which may move buffers as well."""
    if not isinstance(directions, tuple):
        return planes.from_file(objective, directions)
    delta, eta = directions
    buffers = {key: t for key, t in objective.model.named_buffers() if key in delta}
    plane = Plane({**objective.center, **buffers}, delta, eta)
    return plane.to(objective.device, objective.dtype)
