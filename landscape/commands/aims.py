"""Which plane a scan is of: random, through nets, along their paths, along eigenvectors."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from landscape import checkpoints
from landscape.commands.source import Data, Loaded, Source, told_apart
from landscape.errors import CheckpointError
from landscape.grid import Interval
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.progress import Progress
from landscape.surface import Facts, Mark, Trajectory
from landscape.trajectory import follow, mark, principal_plane

_MARGIN = 0.2
_BEYOND = 0.5  # both ends of a line
_NARROWEST = 0.6  # of the distance between the first two nets


@dataclass(frozen=True, eq=False)
class Aim:
    """What a scan is given beside the net.

    Attributes:
        directions: None where the seed determines them.
        is_line: Whether there is but one.
        alpha: The range that shows what is marked, where there is something.
        beta: Likewise.
        marks: Points of the plane with names.
        paths: Sequences of nets beside it.
        facts: What determines it, for the settings.
    """

    directions: Path | tuple[Parameters, Parameters] | None = None
    is_line: bool = False
    alpha: Interval | None = None
    beta: Interval | None = None
    marks: Sequence[Mark] = ()
    paths: Sequence[Trajectory] = ()
    facts: Facts = field(default_factory=dict)


def random(*_: object) -> Aim:
    """Leave the directions to the seed."""
    return Aim()


def given(path: Path, *_: object) -> Aim:
    """Take the directions from a file."""
    return Aim(path)


def through(
    nets: Sequence[Loaded],
    net: Loaded,
    examples: Data,
    source: Source,
    batchnorm: str,
    report: Progress,
) -> Aim:
    """Aim at the plane through three nets, or the line through two; mark all.

    Raises:
        ValueError: There are too few, or they span no plane.
        LandscapeError: They do not match.
    """
    if len(nets) < 2:
        raise ValueError("--through needs two checkpoints or more, came 1")
    if batchnorm == "interpolate" and len(nets) > 2:
        raise ValueError("--batchnorm interpolate is for the line through two checkpoints")
    objective = _objective(net, examples, source)
    points = [
        each.everything if batchnorm == "interpolate" else parameters_of(each) for each in nets
    ]
    plane = Plane.through(*points[:3])
    margin = _MARGIN if len(nets) > 2 else _BEYOND
    if batchnorm == "interpolate":
        margin = 0.0  # beyond the ends running variances become negative
    report.note("the loss of each net by itself:")
    marks = []
    for each in nets:
        marks.append(mark(each.title, objective, _cpu(plane), each.everything))
        report.note(f"  {each.title}: {marks[-1].loss:.6g}")
    return Aim(
        (plane.delta, plane.eta),
        len(nets) == 2,
        between([m.alpha for m in marks], margin),
        between([m.beta for m in marks], at_least=_NARROWEST) if len(nets) > 2 else None,
        marks,
        facts={
            "plane": "through " + ", ".join(checkpoints.sha256(each.path)[:12] for each in nets),
            **({"batchnorm": batchnorm} if batchnorm == "interpolate" else {}),
        },
    )


@dataclass(frozen=True)
class Run:
    """The checkpoints of one training run, in order.

    Attributes:
        name: Of its folder.
        checkpoints: From the first to the last.
    """

    name: str
    checkpoints: list[Path]

    @classmethod
    def of(cls, folder: Path) -> "Run":
        """Find the checkpoints in a folder: ``initial.pt``, ``epoch-*.pt``, ``last.pt``.

        Raises:
            CheckpointError: It is no folder, or there are fewer than two.
        """
        if not folder.is_dir():
            raise CheckpointError(
                f"{folder} is no folder: --paths takes the folders of runs made with "
                "`landscape train --save-every N`"
            )
        epochs = sorted(folder.glob("epoch-*.pt"), key=_epoch)
        ends = [folder / "initial.pt", folder / "last.pt"]
        found = [path for path in (ends[0], *epochs, ends[1]) if path.is_file()]
        if len(found) < 2:
            raise CheckpointError(
                f"{folder} holds {len(found)} checkpoints: a path needs two or more (train with "
                "--save-every N)"
            )
        return cls(folder.resolve().name, found)

    @classmethod
    def all_of(cls, folders: Sequence[Path]) -> "list[Run]":
        """Find those in several folders."""
        runs = [cls.of(folder) for folder in folders]
        names = told_apart([run.name for run in runs], folders)
        return [replace(run, name=name) for run, name in zip(runs, names, strict=True)]


def _epoch(path: Path) -> tuple[int, str]:
    number = re.search("[0-9]+", path.stem)
    return int(number[0]) if number else 0, path.name


def along(
    runs: Sequence[Run],
    net: Loaded,
    examples: Data,
    source: Source,
    batchnorm: str,
    report: Progress,
) -> Aim:
    """Aim at the plane along the principal components of the nets of some runs.

    Raises:
        ValueError: They span no plane.
        LandscapeError: A net cannot be read, or does not match.
    """
    objective = _objective(net, examples, source, re_estimates=batchnorm == "re-estimate")
    kept: list[list[Path]] = []
    steps: list[list[float]] = []
    for run in runs:
        epochs = {path: _epoch_of(path) for path in run.checkpoints}
        last_of = {epoch: path for path, epoch in epochs.items()}  # last.pt is also an epoch-*.pt
        kept.append(list(last_of.values()))
        steps.append(list(last_of))
    every = [path for paths in kept for path in paths]
    plane, explained = principal_plane(
        parameters_of(net), [partial(_load, source, path, False) for path in every]
    )
    report.note(
        f"the plane holds {explained.sum():.1%} of the variation of {len(every)} nets "
        f"({explained[0]:.1%} and {explained[1]:.1%})"
    )
    trajectories = []
    report.start("losses of the nets", len(every))
    try:
        done = 0
        for run, paths, epochs_of in zip(runs, kept, steps, strict=True):
            trajectories.append(
                follow(
                    run.name,
                    objective,
                    plane,
                    [partial(_load, source, path, True) for path in paths],
                    epochs_of,
                    told=lambda number, before=done: report.update(before + number),  # type: ignore[misc]
                )
            )
            done += len(paths)
    finally:
        report.stop()
    alphas = [float(value) for path in trajectories for value in path.alphas]
    betas = [float(value) for path in trajectories for value in path.betas]
    return Aim(
        (plane.delta, plane.eta),
        alpha=between(alphas, _MARGIN),
        beta=between(betas, _MARGIN),
        paths=trajectories,
        facts={
            "plane": f"principal components of {len(every)} nets",
            "explained_variation": float(explained.sum()),
        },
    )


def eigenvectors(
    net: Loaded,
    examples: Data,
    source: Source,
    batchnorm: str,  # noqa: ARG001
    report: Progress,
) -> Aim:
    """Aim at the plane along the eigenvectors of the largest eigenvalues of the Hessian."""
    from landscape.curvature import Hessian

    hessian = Hessian(_objective(net, examples, source))
    pairs = hessian.eigenpairs(2, "highest")
    report.note("eigenvalues along α and β: " + ", ".join(f"{value:.6g}" for value in pairs.values))
    return Aim((pairs.vectors[0], pairs.vectors[1]), facts={"plane": "top eigenvectors"})


def _epoch_of(path: Path) -> float:
    """Return a checkpoint's epoch; of a plain state_dict, from the name of its file."""
    said = checkpoints.load(path).epoch
    if said is not None:
        return float(said)
    return math.inf if path.stem == "last" else float(_epoch(path)[0])


def _objective(
    net: Loaded, examples: Data, source: Source, *, re_estimates: bool = False
) -> Objective:
    return Objective.of(
        net.model,
        source.loss,
        examples.x,
        examples.y,
        device=torch.device("cpu"),
        re_estimates=re_estimates,
    )


def parameters_of(net: Loaded) -> Parameters:
    """Return the parameters alone."""
    return {name: tensor.detach() for name, tensor in net.model.named_parameters()}


def _load(source: Source, path: Path, buffers_too: bool) -> Parameters:
    net = source.net(path)
    return net.everything if buffers_too else parameters_of(net)


def _cpu(plane: Plane) -> Plane:
    return plane.to(torch.device("cpu"), torch.float32)


def between(
    values: Sequence[float], margin: float = _MARGIN, at_least: float = 0.0
) -> Interval | None:
    """Return the range of some coordinates with a margin on both sides, as a part of it.

    Args:
        values: The coordinates.
        margin: The part.
        at_least: The smallest width of the whole, for coordinates that lie close together.
    """
    low, high = min(values), max(values)
    reach = max(margin * (high - low), (at_least - (high - low)) / 2)
    return (low - reach, high + reach) if high + reach > low - reach else None
