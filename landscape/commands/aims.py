"""Which plane a scan is of: random, through nets, along their paths, along eigenvectors."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch

from landscape import checkpoints, store
from landscape.brief import brief
from landscape.commands.source import Data, Loaded, Source, told_apart
from landscape.connecting import on_curve, spaced, straight
from landscape.errors import CheckpointError, LandscapeError
from landscape.grid import Interval
from landscape.objective import Objective
from landscape.parameters import Parameters, fingerprint
from landscape.plane import Plane
from landscape.progress import Progress
from landscape.surface import Facts, Mark, Surface, Trajectory
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
        paths: Sequences of nets beside it; a file to go on with has them already, and marks.
        facts: What determines it, for the settings.
    """

    directions: Path | tuple[Parameters, Parameters] | None = None
    is_line: bool = False
    alpha: Interval | None = None
    beta: Interval | None = None
    marks: Sequence[Mark] = ()
    paths: Sequence[Trajectory] = ()
    facts: Facts = field(default_factory=dict)

    __repr__ = brief

    @property
    def is_computed(self) -> bool:
        """Whether only a file that stores the directions has them again to the last bit."""
        return isinstance(self.directions, tuple)


@dataclass(frozen=True, eq=False)
class Scene:
    """What a scan is about to look at.

    Attributes:
        net: The net at the center.
        examples: Its data.
        source: Where further nets come from.
        batchnorm: What its statistics are at other points.
        device: Where to compute.
        report: Where to report to.
        target: The file to go on with, if it is there.
        images_per_batch: As the user wants it, or None.
    """

    net: Loaded
    examples: Data
    source: Source
    batchnorm: str
    device: torch.device
    report: Progress
    target: Path | None
    images_per_batch: int | None = None

    def objective(self, *, re_estimates: bool = False) -> Objective:
        """Return the loss of the net."""
        return Objective.of(
            self.net.model,
            self.source.loss,
            self.examples.x,
            self.examples.y,
            device=self.device,
            images_per_batch=self.images_per_batch,
            re_estimates=re_estimates,
        )


@dataclass(frozen=True, eq=False)
class Begun:
    """A scan to go on with: another machine would compute its plane a little differently.

    Attributes:
        surface: What there is of it.
        directions: Its δ and η.
    """

    surface: Surface
    directions: tuple[Parameters, Parameters]

    __repr__ = brief

    @classmethod
    def at(cls, target: Path | None, facts: Facts) -> "Begun | None":
        """Return what a file holds if its plane was determined by the same, else None."""
        if target is None or not target.is_file() or not store.stores_directions(target):
            return None
        surface = store.load(target)
        if any(surface.settings.get(key) != value for key, value in facts.items()):
            return None
        return cls(surface, store.load_stored_directions(target))


def random(scene: Scene) -> Aim:  # noqa: ARG001
    """Leave the directions to the seed."""
    return Aim()


def given(path: Path, scene: Scene) -> Aim:  # noqa: ARG001
    """Take the directions from a file."""
    return Aim(path)


def through(nets: Sequence[Loaded], scene: Scene) -> Aim:
    """Aim at the plane through three nets, or the line through two; mark all.

    Raises:
        ValueError: There are too few, or they span no plane.
        LandscapeError: They do not match.
    """
    buffers_too = scene.batchnorm == "interpolate"
    if len(nets) < 2:
        raise ValueError("--through needs two checkpoints or more, came 1")
    if buffers_too and len(nets) > 2:
        raise ValueError("--batchnorm interpolate is for the line through two checkpoints")
    facts = {
        "plane": "through " + ", ".join(checkpoints.sha256(each.path)[:12] for each in nets),
        **({"batchnorm": scene.batchnorm} if buffers_too else {}),
    }
    margin = _MARGIN if len(nets) > 2 else _BEYOND
    if buffers_too:
        margin = 0.0  # beyond the ends running variances become negative
    begun = Begun.at(scene.target, facts)
    if begun is None:
        points = [{**each.parameters, **(each.statistics if buffers_too else {})} for each in nets]
        plane = Plane.through(*points[:3])
        directions = plane.delta, plane.eta
        marks = _marks(nets, plane, scene)
    else:
        directions, marks = begun.directions, begun.surface.marks
    return Aim(
        directions,
        len(nets) == 2,
        _between([m.alpha for m in marks], margin),
        _between([m.beta for m in marks], at_least=_NARROWEST) if len(nets) > 2 else None,
        marks if begun is None else (),
        facts=facts,
    )


def _marks(nets: Sequence[Loaded], plane: Plane, scene: Scene) -> Sequence[Mark]:
    objective = scene.objective(re_estimates=scene.batchnorm == "re-estimate")
    for each in nets[1:]:
        scene.source.check(each, scene.examples)
    scene.report.note("the loss of each net by itself:")
    marks = []
    for each in nets:
        marks.append(mark(each.title, objective, plane, each.everything))
        scene.report.note(f"  {each.title}: {marks[-1].loss:.6g}")
    return marks


def curved(first: Loaded, second: Loaded, bend: Parameters, points: int, scene: Scene) -> Aim:
    """Aim at the plane of a Bezier curve between two nets; mark them and its bend.

    The losses along the curve and along the straight line are its paths.
    """
    ends = first.parameters, second.parameters
    facts = {"plane": "of a curve", "bend_sha256": fingerprint(bend)}
    begun = Begun.at(scene.target, facts)
    if begun is None:
        plane = Plane.through(*ends, bend)
        directions = plane.delta, plane.eta
        objective = scene.objective(re_estimates=scene.batchnorm == "re-estimate")
        ts = spaced(points)
        curve = [partial(on_curve, ends[0], bend, ends[1], t) for t in ts]
        line = [partial(straight, *ends, t) for t in ts]
        paths: Sequence[Trajectory] = (
            follow("curve", objective, plane, curve, ts, "t"),
            follow("straight line", objective, plane, line, ts, "t"),
        )
        nets = [(first.title, ends[0]), (second.title, ends[1]), ("bend", bend)]
        marks: Sequence[Mark] = [mark(name, objective, plane, net) for name, net in nets]
    else:
        directions, marks, paths = begun.directions, begun.surface.marks, begun.surface.paths
    for path in paths:
        scene.report.note(f"{path.name}: loss at most {path.losses.max():.6g}")
    return Aim(
        directions,
        alpha=_between([m.alpha for m in marks], _MARGIN),
        beta=_between([m.beta for m in marks], _MARGIN, at_least=_NARROWEST),
        marks=marks if begun is None else (),
        paths=paths if begun is None else (),
        facts=facts,
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


def _epoch(path: Path) -> tuple[list[int], str]:
    """Return the key that sorts files of epochs: all numbers in the name, then the name."""
    return [int(number) for number in re.findall("[0-9]+", path.stem)], path.name


def along(runs: Sequence[Run], scene: Scene) -> Aim:
    """Aim at the plane along the principal components of the nets of some runs.

    Raises:
        ValueError: They span no plane.
        LandscapeError: A net cannot be read, or does not match.
    """
    tracks = [Track.of(run) for run in runs]
    every = [path for track in tracks for path in track.checkpoints]
    facts: Facts = {
        "plane": f"principal components of {len(every)} nets",
        "nets_sha256": checkpoints.sha256(*every),
    }
    begun = Begun.at(scene.target, facts)
    if begun is None:
        plane, explained = principal_plane(
            scene.net.parameters, [partial(_parameters, scene.source, path) for path in every]
        )
        directions = plane.delta, plane.eta
        scene.report.note(
            f"the plane holds {explained.sum():.1%} of the variation of {len(every)} nets "
            f"({explained[0]:.1%} and {explained[1]:.1%})"
        )
        parts: Facts = {
            "explained_variation": float(explained.sum()),
            "explained_variation_alpha": float(explained[0]),
            "explained_variation_beta": float(explained[1]),
        }
        paths = _followed(tracks, plane, scene)
    else:
        directions, paths = begun.directions, begun.surface.paths
        stored = begun.surface.settings  # older files have the sum alone
        parts = {key: stored[key] for key in stored if key.startswith("explained_variation")}
    return Aim(
        directions,
        alpha=_between([float(value) for path in paths for value in path.alphas], _MARGIN),
        beta=_between([float(value) for path in paths for value in path.betas], _MARGIN),
        paths=paths if begun is None else (),
        facts={**facts, **parts},
    )


@dataclass(frozen=True)
class Track:
    """The nets of a run, each once.

    Attributes:
        name: Of the run.
        checkpoints: From the first to the last.
        steps: After which epoch each was saved, or their numbers where that is not known.
        unit: What ``steps`` count.
    """

    name: str
    checkpoints: list[Path]
    steps: list[float]
    unit: str

    @classmethod
    def of(cls, run: Run) -> "Track":
        """Leave out what ``last.pt`` has again."""
        kept = list(run.checkpoints)
        if kept[-1].stem == "last" and _are_same(*kept[-2:]):
            del kept[-2]
        epochs = [_epoch_of(path) for path in kept]
        if epochs[-1] == math.inf:  # a plain last.pt
            epochs[-1] = epochs[-2] + 1 if len(epochs) > 1 else 0.0
        if all(a < b for a, b in pairwise(epochs)):
            return cls(run.name, kept, epochs, "epoch")
        return cls(run.name, kept, [float(k) for k in range(len(kept))], "checkpoint")


def _are_same(a: Path, b: Path) -> bool:
    first, second = checkpoints.load(a), checkpoints.load(b)
    if None not in (first.epoch, second.epoch):
        return first.epoch == second.epoch
    return fingerprint(first.unwrapped) == fingerprint(second.unwrapped)


def _followed(tracks: Sequence[Track], plane: Plane, scene: Scene) -> Sequence[Trajectory]:
    objective = scene.objective(re_estimates=scene.batchnorm == "re-estimate")
    report = scene.report
    report.start("losses of the nets", sum(len(track.checkpoints) for track in tracks))
    paths = []
    try:
        done = 0
        for track in tracks:
            paths.append(
                follow(
                    track.name,
                    objective,
                    plane,
                    [partial(_everything, scene.source, path) for path in track.checkpoints],
                    track.steps,
                    track.unit,
                    told=lambda number, before=done: report.update(before + number),  # type: ignore[misc]
                )
            )
            done += len(track.checkpoints)
    finally:
        report.stop()
    return paths


def eigenvectors(scene: Scene) -> Aim:
    """Aim at the plane along the eigenvectors of the largest eigenvalues of the Hessian.

    Raises:
        LandscapeError: They were not found.
    """
    from landscape.curvature import Hessian

    facts = {"plane": "top eigenvectors"}
    if begun := Begun.at(scene.target, facts):
        return Aim(begun.directions, facts=facts)
    hessian = Hessian(scene.objective())
    pairs = hessian.eigenpairs(2, "highest")
    if not pairs.converged:
        raise LandscapeError(
            f"the two largest eigenvalues did not converge in {hessian.products} products with "
            "the Hessian (landscape curvature shows how near they came): take other --images"
        )
    scene.report.note(
        "eigenvalues along α and β: " + ", ".join(f"{value:.6g}" for value in pairs.values)
    )
    return Aim((pairs.vectors[0], pairs.vectors[1]), facts=facts)


def _epoch_of(path: Path) -> float:
    """Return a checkpoint's epoch; of a plain state_dict the first number in its file's name."""
    said = checkpoints.load(path).epoch
    if said is not None:
        return float(said)
    if path.stem == "last":
        return math.inf
    numbers, _ = _epoch(path)
    return float(numbers[0]) if numbers else 0.0


def _parameters(source: Source, path: Path) -> Parameters:
    return source.net(path).parameters


def _everything(source: Source, path: Path) -> Parameters:
    return source.net(path).everything


def _between(
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
