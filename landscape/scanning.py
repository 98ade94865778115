"""``scan`` and ``evaluate``: where objective, plane, grid, computation and file meet."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, get_args

import torch

import landscape
from landscape import planes as planes_
from landscape.brief import brief
from landscape.captions import refinement
from landscape.compute import Compute
from landscape.curvature_map import Curvature
from landscape.devices import gpu_facts, hardware, is_gpu
from landscape.directions import RECIPES
from landscape.evaluation import Wish, check_metrics, decisions_to, run, torch_settings, tune
from landscape.facts import Facts
from landscape.grid import Grid
from landscape.hdf5 import SurfaceFile, output_file
from landscape.memory import keep_freed_memory
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.parameters import some_of
from landscape.plane import Plane
from landscape.planes import PlaneSpec
from landscape.progress import Progress
from landscape.resuming import DECIDED, begin
from landscape.sampling import Job, Stage, next_stage, wanted_points
from landscape.scan_loop import CHECKED, evaluate_stage, label
from landscape.surface import POINTS_ERROR, Surface
from landscape.threads import fastest_num_threads, num_threads
from landscape.values import Point, Values

AnyPlane = Plane | PlaneSpec | Sequence[Plane] | None

AnyGrid = int | tuple[int, int] | Grid

File = str | Path | SurfaceFile | None

Quantity = Literal["loss", "curvature"]

QUANTITIES: tuple[str, ...] = get_args(Quantity)

_IMAGES_OF_A_TRIAL = 64  # of the number of threads


def scan(
    objective: Objective,
    plane: AnyPlane = None,
    grid: AnyGrid = 51,
    *,
    file: File = None,
    overwrite: bool = False,
    quantities: Sequence[Quantity] = ("loss",),
    compute: Compute = Compute(),  # noqa: B008  # frozen
    progress: Progress | None = None,
) -> Surface:
    """Evaluate the loss of a model on the grid of a plane through its parameters.

    An interrupted scan with a file resumes when it is called again with the same arguments.

    Args:
        objective: The objective.
        plane: The plane; by default random filter-normalized directions (Li et al. 2018) with
            seed 0. Several random planes are stored as seeds of one surface.
        grid: Points per axis, (along α, along β), or a grid. Numbers of points cover the range
            that the plane suggests, by default [-1, 1]²; a line has one β.
        file: Write the surface to this file while it grows, and resume the same scan in it.
        overwrite: Replace an existing file.
        quantities: ``loss``, and ``curvature``: the extreme Hessian eigenvalues at every point
            to 5 %, over all examples.
        compute: How it is computed.
        progress: Receives progress and messages; by default a bar in a notebook, else nothing.

    Returns:
        The surface.

    Raises:
        ValueError: An argument is out of its range, or they do not fit together.
        ParameterMismatchError: The plane is not one of the objective's parameters.
        DifferentScanError: The file holds another scan.
        SurfaceFileError: The file cannot be read, or is written by another process.
        LandscapeError: The loss or a metric is stochastic, a metric is not finite at the center,
            or the loss is not available in the precision.
        UserCodeError: A metric of the model fails, or returns no number.
        OSError: The file cannot be written.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> surface = landscape.scan(objective, grid=5)
        >>> surface.losses.shape, surface.is_complete
        ((5, 5), True)
    """
    progress = progress or default_progress()
    _check(objective, quantities, compute)
    for remark in objective.remarks:
        progress.note(f"{objective.name}: {remark}")
    with output_file(file, overwrite=overwrite) as output:
        start = prepared(objective, plane, grid, compute, progress, output)
        _check_planes(objective, start.planes, quantities)
        wanted = start.wanted
        if "curvature" in quantities:
            wanted = replace(wanted, curvature=Curvature.empty(wanted.grid))
        with torch_settings("float32"), num_threads(start.threads):
            surface, job, stage = begin(wanted, start.planes, start.job, compute.tolerance, output)
            surface = _evaluate_missing(surface, start.planes, job, stage, output)
            if wanted.curvature is not None:
                from landscape.curvature.map import map_curvature  # takes a second to import

                surface = map_curvature(surface, start.planes[0], objective, progress, output)
    return surface


@dataclass(frozen=True)
class Start:
    """A scan before its first point.

    Attributes:
        planes: One for each seed.
        job: The job; its tolerance is not decided.
        wanted: The surface, with no point evaluated.
        threads: Number of threads.
    """

    planes: list[Plane]
    job: Job
    wanted: Surface
    threads: int

    __repr__ = brief


def prepared(
    objective: Objective,
    plane: AnyPlane,
    grid: AnyGrid,
    compute: Compute,
    progress: Progress,
    output: SurfaceFile | None = None,
) -> Start:
    """Return the scan that some arguments describe; see :func:`scan`.

    Args:
        objective: The objective.
        plane: The plane.
        grid: The grid.
        compute: How it is computed.
        progress: Receives progress and messages.
        output: The file.

    Raises:
        ValueError: An argument is out of its range, or they do not fit together.
        ParameterMismatchError: The plane is not one of the objective's parameters.
        LandscapeError: A metric is stochastic, or not finite at the center.
    """
    keep_freed_memory()
    precision = compute.precision_for(objective)
    devices = compute.devices_for(objective)
    planes = _resolved(plane, objective, output)
    if len(planes) > 1 and compute.points_tolerance:
        raise ValueError("several seeds are evaluated at all points: take points_tolerance=0")
    job = Job(
        objective,
        precision,
        0.0,
        compute.images_per_batch,
        devices,
        compute.profile,
        progress,
        check_metrics(objective, planes[0]),
        points_tolerance=compute.points_tolerance,
        executor=compute.executor,
        part=compute.part,
    )
    threads = _num_threads(objective, output)
    wanted = _empty(objective, planes, _grid(grid, planes[0]), precision, threads)
    return Start(planes, job, wanted, threads)


def evaluate(
    objective: Objective,
    plane: Plane,
    points: Sequence[Point],
    *,
    compute: Compute = Compute(),  # noqa: B008  # frozen
) -> Iterator[tuple[float, float, Values]]:
    """Yield the values of points of a plane, in order.

    Args:
        objective: The objective.
        plane: The plane.
        points: (α, β) of each point.
        compute: How it is computed; the tolerance and further devices do not apply.

    Yields:
        ``(alpha, beta, values)`` of each point.

    Raises:
        LandscapeError: The loss is stochastic, or not available in the precision.
        ValueError: The precision does not fit the objective.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> plane = landscape.Plane.random(objective.center, seed=0)
        >>> [alpha for alpha, beta, values in landscape.evaluate(objective, plane, [(0.5, 0.0)])]
        [0.5]
    """
    if not points:
        return
    keep_freed_memory()
    precision = compute.precision_for(objective)
    plane = plane.to(objective.device, objective.dtype)
    with torch_settings("float32"):
        tuned = tune(
            objective,
            plane,
            [(0.0, 0.0), *points[:2]],
            len(points),
            Wish(precision, compute.images_per_batch),
        )
    with closing(run(tuned.plan, objective, points, strategy=tuned.strategy)) as evaluated:
        for (alpha, beta), values in zip(points, evaluated, strict=True):
            yield alpha, beta, values


def _resolved(plane: AnyPlane, objective: Objective, output: SurfaceFile | None) -> list[Plane]:
    """Return the planes of all seeds, with the directions of the file where they are its own.

    Computed directions are read back, since other hardware would round them differently.

    Raises:
        ValueError: No plane, or several that are not random.
    """
    if plane is None:
        plane = Plane.random(objective.center)
    if isinstance(plane, PlaneSpec):
        return [plane.resolve(objective, output)]
    every = [plane] if isinstance(plane, Plane) else list(plane)
    if not every or (len(every) > 1 and any("seed" not in each.origin for each in every)):
        raise ValueError("expected one plane, or several random ones, one for each seed")
    every = [each.to(objective.device, objective.dtype) for each in every]
    found = output.found if output is not None else None
    if found is None or output is None:
        return every
    first = every[0]
    if "seed" not in first.origin:
        restored = planes_.stored(first.origin, objective, output) if first.origin else None
        if restored is None:
            return every
        first = first.with_directions(restored.delta, restored.eta)
        return [replace(first, origin=restored.origin, stored=True)]
    if found.settings.get("directions") == RECIPES[1] != first.origin["directions"]:
        return [_by_recipe_1(each, objective) for each in every]  # a file keeps its recipe
    return every


def _by_recipe_1(plane: Plane, objective: Objective) -> Plane:
    seed, normalization = int(plane.origin["seed"]), plane.origin["normalize"]
    return Plane.random(objective.center, seed, normalization, recipe=1)  # type: ignore[arg-type]


def _check(objective: Objective, quantities: Sequence[str], compute: Compute) -> None:
    unknown = [name for name in quantities if name not in QUANTITIES]
    if unknown or "loss" not in quantities:
        raise ValueError(f"quantities must be loss, or loss and curvature, not {quantities!r}")
    if "curvature" in quantities and objective.batchnorm == "recomputed":
        raise ValueError("curvature is evaluated with batchnorm='frozen'")
    if "curvature" in quantities and (compute.points_tolerance or compute.part):
        raise ValueError("curvature is evaluated at all points: take no part, points_tolerance=0")


def _check_planes(objective: Objective, planes: Sequence[Plane], quantities: Sequence[str]) -> None:
    if objective.selects:
        more = {name for plane in planes for name in plane.moved if not objective.moves(name)}
        if more:
            raise ValueError(
                f"the plane moves {some_of(sorted(more))}, which only= leaves out: take a random "
                "plane, or move all parameters"
            )
    if "curvature" in quantities:
        if len(planes) > 1:
            raise ValueError("curvature is evaluated for one seed")
        if planes[0].center.keys() != objective.parameters.keys():
            raise ValueError("curvature is not evaluated where directions move buffers")


def _grid(grid: AnyGrid, plane: Plane) -> Grid:
    """Return the grid, of the range that the plane suggests if only its size is given."""
    if isinstance(grid, Grid):
        return grid
    pair = grid if isinstance(grid, tuple) else (grid, 1 if plane.is_line else grid)
    alpha, beta = plane.alpha or (-1.0, 1.0), plane.beta or (-1.0, 1.0)
    return Grid.regular(pair, alpha, beta)


def _empty(
    objective: Objective,
    planes: Sequence[Plane],
    grid: Grid,
    precision: str,
    threads: int,
) -> Surface:
    """Return the surface that is wanted, with no point evaluated; its tolerance is not decided."""
    several: Facts = {"repeats": len(planes)} if len(planes) > 1 else {}
    settings = {
        **objective.settings,
        **planes[0].settings,
        **several,
        "precision": precision,
    }
    provenance: Facts = {
        "name": objective.name,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "landscape": landscape.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": str(objective.device),
        "hardware": hardware(objective.device),
        **_of_gpu(objective.device),
        "threads": threads,
        "images_per_batch": objective.images_per_batch,
        **objective.guess,
        **objective.provenance,
    }
    return replace(
        Surface.empty(grid, settings, provenance, objective.metric_names),
        marks=tuple(planes[0].marks),
        trajectories=tuple(planes[0].trajectories),
    )


def _of_gpu(device: torch.device) -> Facts:
    return {k.lower(): v for k, v in gpu_facts(device).items()} if is_gpu(device) else {}


def _evaluate_missing(
    surface: Surface,
    planes: Sequence[Plane],
    job: Job,
    stage: Stage | None,
    output: SurfaceFile | None,
) -> Surface:
    """Evaluate all missing points of every seed, writing them to the file if given.

    Args:
        surface: The surface so far.
        planes: One for each seed.
        job: The job.
        stage: The first stage of the first seed, if it is tuned already.
        output: The file.

    Returns:
        The complete surface.
    """
    parts = list(surface.seeds)
    for seed, plane in enumerate(planes):
        steps = wanted_points(surface.grid, job)
        wanted, before, error = next(steps), None, None
        while error is None:
            following = stage or next_stage(parts[seed], plane, job, wanted, before)
            stage = None
            if following is None:
                try:
                    wanted = steps.send(parts[seed])
                except StopIteration as stop:
                    error = stop.value
                continue
            if following.name not in job.decided:
                job = job.after(following)
                _joined(parts, job, output)
            parts[seed] = evaluate_stage(parts[seed], plane, following, job, output, seed)
            before = following
        if before is None:
            job.progress.note(f"{label(parts[seed])}: all losses are evaluated already")
        parts[seed] = _refined(parts[seed], job, error)
    return _joined(parts, job, output)


def _refined(surface: Surface, job: Job, error: float) -> Surface:
    """Return a surface with the error of its interpolated points, which is reported."""
    if not job.points_tolerance:
        return surface
    surface = replace(surface, provenance={**surface.provenance, POINTS_ERROR: error})
    for text in refinement(surface):
        job.progress.note(f"{label(surface)}: {text}")
    return surface


def _joined(parts: Sequence[Surface], job: Job, output: SurfaceFile | None) -> Surface:
    """Return the surfaces of the seeds as one, having written what is new in its provenance."""
    first = parts[0]
    checked = max(float(each.provenance.get(CHECKED, 0.0)) for each in parts)
    decided: Facts = {DECIDED: decisions_to(job.decided)} if job.decided else {}
    facts: Facts = {**decided, **({CHECKED: checked} if checked else {})}
    whole = replace(first, repeats=tuple(parts[1:]), provenance={**first.provenance, **facts})
    before = output.found.provenance if output is not None and output.found else {}
    if output is not None and whole.provenance != before:
        output.write(whole)
    return whole


def _num_threads(objective: Objective, output: SurfaceFile | None) -> int:
    """Return the number of threads of the scan in the file, or the fastest at this moment.

    A sum over other parts is rounded otherwise: a scan that is resumed has the values of one that
    is not interrupted.
    """
    found = output.found.provenance if output is not None and output.found is not None else {}
    before = found.get("threads")
    is_same = found.get("hardware") == hardware(objective.device)
    if is_same and isinstance(before, int) and 0 < before <= torch.get_num_threads():
        return before
    return _fastest_num_threads(objective)


def _fastest_num_threads(objective: Objective) -> int:
    """Return the fastest number of threads for a forward pass at this moment."""
    num = min(objective.images_per_batch, _IMAGES_OF_A_TRIAL)
    some = objective.data.part(0, num).batches[0].inputs
    if objective.device.type != "cpu":
        return torch.get_num_threads()
    try:
        with torch.no_grad():
            return fastest_num_threads(lambda: objective.outputs(some))
    except Exception:  # a model that does not take so few examples
        return torch.get_num_threads()
