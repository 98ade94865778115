"""The plane along the principal components of optimization trajectories."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape import checkpoints
from landscape.checkpoints import CheckpointSequence, Run
from landscape.facts import Facts
from landscape.grid import Interval
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.parameters import Parameters, check_match
from landscape.plane import Plane
from landscape.planes.nearby import project_trajectory
from landscape.planes.spec import PlaneSpec, interval
from landscape.planes.states import load_state, point_of
from landscape.progress import Progress

_BLOCK = 16  # checkpoints in memory at a time, twice
_ROUNDING = 1e-12


def pca(objective: Objective, *runs: str | Path, progress: Progress | None = None) -> Plane:
    """Return the plane along the two principal components of the checkpoints of training runs.

    It goes through the objective's model, as a rule the last of the first run (Li et al. 2018,
    section 7). Both directions have length 1: coordinates are distances between weights. The
    trajectories are projected onto it.

    Args:
        objective: The objective.
        *runs: Folders of runs: ``epoch-*.pt``, ``step-*.pt``, or checkpoints whose names differ in
            numbers.
        progress: Receives progress.

    Returns:
        The plane; its ``origin`` holds the explained variation.

    Raises:
        CheckpointError: A folder holds no trajectory, or a checkpoint does not fit the model.
        ValueError: The checkpoints span no plane.
    """
    return pca_spec(objective, Run.in_folders(list(map(Path, runs))), progress).resolve(objective)


def pca_spec(
    objective: Objective, runs: Sequence[Run], progress: Progress | None = None
) -> PlaneSpec:
    """Return the plane of :func:`pca`, to be built when a scan begins.

    Args:
        objective: The objective.
        runs: The runs.
        progress: Receives progress.
    """
    report = progress or default_progress()
    sequences = [CheckpointSequence.from_run(run) for run in runs]
    every = [(path, each.key) for each in sequences for path in each.checkpoints]
    origin: Facts = {
        "plane": f"principal components of {len(every)} nets",
        "nets_sha256": checkpoints.sha256(*(path for path, _ in every)),
        **({"key": key} if (key := sequences[0].key) else {}),
    }

    def build() -> Plane:
        def point(path: Path, key: str | None) -> Parameters:
            return point_of(objective, load_state(objective, path, key))

        center = {name: tensor.cpu() for name, tensor in objective.center.items()}
        plane, explained = principal_plane(center, [partial(point, *each) for each in every])
        report.note(
            f"the plane explains {explained.sum():.1%} of the variation of {len(every)} "
            f"checkpoints ({explained[0]:.1%} and {explained[1]:.1%})"
        )
        measured: Facts = {
            "explained_variation": float(explained.sum()),
            "explained_variation_alpha": float(explained[0]),
            "explained_variation_beta": float(explained[1]),
        }
        plane = replace(plane, origin={**origin, **measured}, stored=True)
        return replace(plane, trajectories=_trajectories(objective, plane, sequences, report))

    return PlaneSpec(origin, build, _frame)


def principal_plane(
    center: Parameters, points: Sequence[Callable[[], Parameters]]
) -> tuple[Plane, NDArray[np.float64]]:
    """Return the plane through ``center`` along the two principal components of some points.

    The components are found from the Gram matrix of the points, shape (points, points).

    Args:
        center: Where the plane goes through.
        points: Functions that return the points, which are not all in memory at a time.

    Returns:
        The plane, and the explained variation, shape (2,). It is the fractions of the points'
        summed squared distance from their mean that lie along each of the two.

    Raises:
        ParameterMismatchError: Names or shapes of a point are not the center's.
        ValueError: The points span no plane.
    """
    gram = _gram(center, points)
    num = len(points)
    centering = np.eye(num) - 1 / num
    values, vectors = np.linalg.eigh(centering @ gram @ centering)
    values, vectors = values[::-1], vectors[:, ::-1]
    if num < 3 or values[1] <= _ROUNDING * max(values[0], 0.0) or values[0] <= 0:
        raise ValueError(
            f"{num} checkpoints span no plane: expected three or more that are not on one line"
        )
    # A component is the combination of the points with these weights; the mean cancels, since
    # they add up to zero.
    weights = vectors[:, :2] / np.sqrt(values[:2])
    weights *= np.where(weights[np.abs(weights).argmax(0), [0, 1]] < 0, -1.0, 1.0)
    directions = [
        {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in center.items()}
        for _ in range(2)
    ]
    for point, pair in zip(points, weights, strict=True):
        parameters = point()
        for name, tensor in center.items():
            offset = parameters[name].double() - tensor.double()
            for direction, weight in zip(directions, pair, strict=True):
                direction[name] += float(weight) * offset
    delta, eta = (
        {name: tensor.to(center[name].dtype) for name, tensor in direction.items()}
        for direction in directions
    )
    return Plane(center, delta, eta), values[:2] / values.sum()


def _gram(center: Parameters, points: Sequence[Callable[[], Parameters]]) -> NDArray[np.float64]:
    """Return the inner products of all differences from the center, shape (points, points)."""
    gram = np.zeros((len(points), len(points)))
    starts = range(0, len(points), _BLOCK)
    for i in starts:
        rows = _differences(center, points[i : i + _BLOCK])
        for j in starts:
            if j < i:
                continue
            columns = rows if j == i else _differences(center, points[j : j + _BLOCK])
            block = sum((a.double() @ columns[name].double().T).numpy() for name, a in rows.items())
            gram[i : i + _BLOCK, j : j + _BLOCK] = block
            gram[j : j + _BLOCK, i : i + _BLOCK] = np.transpose(block)
    return gram


def _differences(
    center: Parameters, points: Sequence[Callable[[], Parameters]]
) -> dict[str, Tensor]:
    """Return the differences from the center, each of shape (points, elements)."""
    loaded = [point() for point in points]
    for parameters in loaded:
        check_match(parameters, center, "a checkpoint of the trajectory")
    return {
        name: torch.stack([p[name].cpu() - tensor.cpu() for p in loaded]).flatten(1)
        for name, tensor in center.items()
    }


def _trajectories(
    objective: Objective, plane: Plane, sequences: Sequence[CheckpointSequence], report: Progress
) -> tuple[Trajectory, ...]:
    report.start("losses of the checkpoints", sum(len(each.checkpoints) for each in sequences))
    here = plane.to(objective.device, objective.dtype)
    found: list[Trajectory] = []
    try:
        before = 0
        for sequence in sequences:

            def done(number: int, before: int = before) -> None:
                report.update(before + number)

            found.append(
                project_trajectory(
                    sequence.name,
                    objective,
                    here,
                    [partial(load_state, objective, p, sequence.key) for p in sequence.checkpoints],
                    sequence.steps,
                    unit=sequence.unit,
                    done=done,
                )
            )
            before += len(sequence.checkpoints)
    finally:
        report.stop()
    return tuple(found)


def _frame(
    _: Sequence[Mark], trajectories: Sequence[Trajectory]
) -> tuple[Interval | None, Interval | None]:
    alphas = [float(value) for each in trajectories for value in each.alphas]
    betas = [float(value) for each in trajectories for value in each.betas]
    return interval(alphas), interval(betas)
