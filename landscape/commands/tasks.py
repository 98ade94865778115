"""The surfaces that ``landscape scan`` is to make, with their planes and grids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from landscape import planes
from landscape.checkpoints import Run
from landscape.commands.inputs import Inputs
from landscape.commands.loaded import Examples, LoadedModel
from landscape.commands.options import given
from landscape.commands.selection_options import Selection
from landscape.directions import Normalization
from landscape.grid import Grid, Interval
from landscape.hdf5 import SurfaceFile
from landscape.libraries import is_reference, location
from landscape.objective import BatchNorm, Objective
from landscape.plane import Plane
from landscape.progress import Progress

_POINTS_OF_A_LINE = 401

# Of --points auto: the points that may be evaluated, and the deviation of those that are not, as a
# fraction of the height of the picture.
_MOST_POINTS, _TOLERANCE = (101, 101), 0.02

_LINE = (-1.0, 1.0)  # one point lies in the middle, at 0


@dataclass(frozen=True)
class PlaneOptions:
    """The plane and the grid, as the options describe them.

    Attributes:
        kind: ``random``, ``through``, ``towards``, ``pca``, ``eigenvectors``,
            ``eigenvectors:both``, or a file.
        points: Points along both axes; None for as many as the picture needs.
        both: Range of both axes.
        alpha: Range of the α axis, or None.
        beta: Range of the β axis, or None.
        spacing: ``linear`` or ``log``.
        line: Whether only α is scanned.
        seed: Random seed of the directions.
        normalize: Normalization of random directions.
        repeats: Number of seeds.
        batchnorm: BatchNorm policy.
        pattern: Pattern of the names of a run's checkpoints, or None.

    Raises:
        click.UsageError: The options contradict each other.
    """

    kind: str
    points: tuple[int, int] | None
    both: Interval
    alpha: Interval | None
    beta: Interval | None
    spacing: str
    line: bool
    seed: int
    normalize: Normalization
    repeats: int
    batchnorm: BatchNorm
    pattern: str | None

    def __post_init__(self) -> None:
        if self.line and self.beta is not None:
            raise click.UsageError("a line has β = 0: leave out --beta")
        if self.batchnorm == "interpolated" and self.kind != "through":
            raise click.UsageError("--batchnorm interpolated needs --plane through")
        if self.pattern is not None and self.kind != "pca":
            raise click.UsageError("--pattern needs --plane pca")
        for option in filter(given, ("seed", "normalize", "repeats")):
            kinds = ("random",) if option == "repeats" else ("random", "towards")
            if self.kind not in kinds:
                raise click.UsageError(f"--{option} needs --plane {' or '.join(kinds)}")

    def check(self, selection: Selection) -> None:
        """Check that the plane moves what is selected.

        Args:
            selection: The parameters that are moved.

        Raises:
            click.UsageError: The plane is determined by weights, or a file.
        """
        if selection.patterns and self.kind.split(":")[0] not in ("random", "eigenvectors"):
            option = "--only" if selection.only else "--except"
            raise click.UsageError(f"{option} needs --plane random or eigenvectors")

    def tasks(self, paths: Sequence[Path], inputs: Inputs) -> "list[Task]":
        """Return the surfaces to scan; fail before any is started.

        Args:
            paths: The arguments: checkpoints, or folders of runs.
            inputs: Loads the checkpoints.

        Raises:
            LandscapeError: A checkpoint cannot be read, or they do not match.
            click.UsageError: An argument is given twice.
        """
        if len(set(paths)) < len(paths):
            raise click.UsageError("the same checkpoint is given twice")
        suffix = "-line" if self.line else ""
        if self.kind == "through":
            nets = inputs.networks.nets(paths)
            return [Task(paths[0], "-".join(net.title for net in nets), suffix, nets=nets)]
        if self.kind == "towards":
            nets = inputs.networks.nets(paths)
            if len(nets) < 2:
                raise click.UsageError("--plane towards needs two checkpoints or more, got 1")
            first = nets[0]
            return [
                Task(paths[0], f"{first.title}-towards-{net.title}", suffix, nets=[first, net])
                for net in nets[1:]
            ]
        if self.kind == "pca":
            folders = [location(path) for path in paths]
            runs = Run.in_folders(folders, self.pattern, inputs.networks.key)
            last = [
                Path(f"hf:{run.checkpoints[-1]}") if is_reference(path) else run.checkpoints[-1]
                for path, run in zip(paths, runs, strict=True)
            ]
            inputs.networks.nets(last)
            return [Task(last[0], "-".join(run.name for run in runs), suffix, runs=runs)]
        if self.kind.startswith("eigenvectors"):
            suffix = f"-{self.kind.replace(':', '-')}{suffix}"
        # A mistake in the last should not cost the time of the others.
        titles = {path: inputs.networks.net(path).title for path in paths}
        if len(set(titles.values())) < len(paths):
            raise click.UsageError("two checkpoints have one name: scan them with --out FILE.h5")
        return [Task(path, titles[path], suffix) for path in paths]

    def plane(
        self, task: "Task", objective: Objective, output: SurfaceFile, progress: Progress
    ) -> Plane | list[Plane]:
        """Return the plane of a task; several random ones for several seeds.

        Args:
            task: The task.
            objective: The objective.
            output: The file; a computed plane is restored from it.
            progress: Receives progress.

        Raises:
            LandscapeError: The plane cannot be built.
            ValueError: The checkpoints span no plane.
        """
        if self.kind == "random":
            every = [
                planes.random(objective, self.seed + number, self.normalize)
                for number in range(self.repeats)
            ]
            return every if len(every) > 1 else every[0]
        if self.kind == "through":
            spec = planes.through_spec(
                objective,
                [net.source for net in task.nets[1:]],
                [net.title for net in task.nets],
                progress,
            )
            return spec.resolve(objective, output)
        if self.kind == "pca":
            return planes.pca_spec(objective, task.runs, progress).resolve(objective, output)
        if self.kind == "towards":
            origin, end = task.nets
            towards = planes.towards_spec(
                objective,
                end.source,
                self.seed,
                self.normalize,
                [origin.title, end.title],
                progress,
            )
            return towards.resolve(objective, output)
        if self.kind in ("eigenvectors", "eigenvectors:both"):
            both = self.kind.endswith(":both")
            spec = planes.eigenvectors_spec(objective, "both" if both else "highest", progress)
            return spec.resolve(objective, output)
        return planes.from_file(objective, self.kind)

    def grid(self, plane: Plane) -> Grid:
        """Return the grid on a plane.

        Args:
            plane: The plane, which may suggest ranges.

        Raises:
            click.UsageError: The options do not fit the plane.
        """
        line = self.line or plane.is_line
        if line and self.beta is not None:
            raise click.UsageError("a line has β = 0: leave out --beta")
        points = self._points(line)
        if given("both"):
            usual = self.both, self.both
        else:
            usual = plane.alpha or self.both, plane.beta or self.both
        alpha, beta = self.alpha or usual[0], _LINE if line else self.beta or usual[1]
        if self.spacing == "linear":
            return Grid.regular(points, alpha, beta)
        if alpha[0] != -alpha[1] or beta[0] != -beta[1]:
            raise click.UsageError("--spacing log needs ranges symmetric about 0")
        return Grid.logarithmic(points, (alpha[1], beta[1]))

    @property
    def points_tolerance(self) -> float:
        """Largest deviation of interpolated points; 0 if all points are evaluated."""
        return _TOLERANCE if self.points is None else 0.0

    def _points(self, line: bool) -> tuple[int, int]:
        if self.points is None:
            return (_POINTS_OF_A_LINE, 1) if line else _MOST_POINTS
        if not line:
            return self.points
        if not given("points"):
            return _POINTS_OF_A_LINE, 1
        if self.points[1] not in (1, self.points[0]):
            raise click.UsageError("a line has points only along α: give --points N")
        return self.points[0], 1


@dataclass(frozen=True)
class Task:
    """One surface to scan.

    Attributes:
        checkpoint: The checkpoint at its center.
        title: Name in figures.
        suffix: What the name of its file ends in.
        nets: All checkpoints of ``--plane through``; both ends of ``--plane towards``.
        runs: The runs of ``--plane pca``.
    """

    checkpoint: Path
    title: str
    suffix: str
    nets: Sequence[LoadedModel] = ()
    runs: Sequence[Run] = ()

    def check(self, inputs: Inputs, examples: Examples) -> None:
        """Report checkpoints that fit another architecture better.

        Args:
            inputs: The inputs.
            examples: The examples.
        """
        for net in self.nets[1:]:
            inputs.check(net, examples)


def stored(plane: Plane | list[Plane]) -> Plane | list[Plane]:
    """Return planes whose directions are stored in the file.

    Args:
        plane: One plane or several.
    """
    if isinstance(plane, Plane):
        return replace(plane, stored=True)
    return [replace(each, stored=True) for each in plane]
