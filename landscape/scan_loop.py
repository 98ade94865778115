"""The loop of a scan: evaluate the missing points of one stage, and store them."""

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from landscape.evaluation import (
    Decision,
    NotSpreadError,
    Parcel,
    crew_of,
    local_crews,
    run,
    spread,
)
from landscape.evaluation.profiling import Clock, Timer, operations_per_image, report, untimed
from landscape.evaluation.trials import DEVIATION_ALLOWED, deviation_of
from landscape.hdf5 import SurfaceFile, metric_array
from landscape.plane import Plane
from landscape.progress import duration
from landscape.sampling import Job, Stage, combined
from landscape.surface import Surface
from landscape.values import Point, Values

CHECKED = "deviation_checked"
"""Provenance: largest relative deviation of some finished points from the reference plan."""

_SECONDS_PER_COMMIT = 1.0
# Starting a process takes about ten seconds.
_SECONDS_WORTH_PROCESSES = 60.0

# After a stage so many of its points are computed again; fewer where it has few points.
_POINTS_CHECKED, _POINTS_PER_CHECK = 3, 30


def label(surface: Surface) -> str:
    """Return the name of a surface in messages; with its seed if it is one of several.

    Args:
        surface: One of the seeds.
    """
    if int(surface.settings.get("repeats", 1)) > 1:
        return f"{surface.name}, seed {surface.settings['seed']}"
    return surface.name


def evaluate_stage(
    surface: Surface,
    plane: Plane,
    stage: Stage,
    job: Job,
    output: SurfaceFile | None = None,
    seed: int = 0,
) -> Surface:
    """Evaluate the missing points of a stage, and write them to the file if given.

    Args:
        surface: The surface of one seed.
        plane: Its plane.
        stage: The stage.
        job: The job.
        output: The file.
        seed: Position of the seed in the file.

    Returns:
        The surface with the values of the stage.
    """
    if not stage.is_continued:
        _announce(surface, stage, job)
    result, progress = surface.copy(), job.progress
    total = surface.grid.size
    if surface.is_refined:
        total = len({*map(int, np.flatnonzero(surface.evaluated)), *stage.missing})
    done = total - len(stage.missing)
    clock = Clock(job.objective.device) if job.profile else None
    timer: Timer = clock or untimed
    began = committed = time.monotonic()
    progress.start(label(surface), total, done)
    sample = _Sample(stage)
    try:
        with closing(_totals(surface, plane, stage, job, timer, sample)) as evaluated:
            for index, values in evaluated:
                _enter(result, index, values, stage.images)
                done += 1
                now = time.monotonic()
                if output is not None:
                    with timer("storage"):
                        arrays = {
                            "losses": values.loss,
                            "accuracies": values.accuracy,
                            "standard_errors": values.standard_error,
                            "examples": stage.images,
                            **{
                                metric_array(number): values.metrics[name]
                                for number, name in enumerate(surface.metrics)
                            },
                        }
                        seconds = surface.seconds + now - began
                        output.put("loss", index, arrays, seconds=seconds, seed=seed)
                        if now - committed >= _SECONDS_PER_COMMIT:
                            output.commit()
                            committed = time.monotonic()
                progress.update(done)
    finally:
        progress.stop()
        if output is not None:
            output.commit()
    taken = time.monotonic() - began
    if clock is not None:
        _report_profile(surface, stage, job, clock, taken)
    result = replace(result, seconds=surface.seconds + taken)
    return _checked(result, stage, job, sample)


class _Sample:
    """Some points of a stage, at random, with the values that an optimized plan gave them.

    In reduced precision also the lowest point, where it deviates most.
    """

    def __init__(self, stage: Stage) -> None:
        num, plan = len(stage.missing), stage.tuned.plan
        wanted = 0 if plan.reference is None else min(_POINTS_CHECKED, num // _POINTS_PER_CHECK)
        self._sees_lowest = wanted > 0 and (
            plan.reference is not None and plan.reference.precision != plan.precision
        )
        chosen = np.random.default_rng(num).choice(num, wanted, replace=False)
        self._numbers = sorted(int(number) for number in chosen)
        self._values: dict[int, Values] = {}
        self._lowest: tuple[int, Values] | None = None

    def see(self, number: int, values: Values) -> None:
        """Keep the values of a point that belongs to the sample."""
        if number in self._numbers:
            self._values[number] = values
        is_lower = self._lowest is None or values.loss < self._lowest[1].loss
        if self._sees_lowest and is_lower and math.isfinite(values.loss):
            self._lowest = number, values

    @property
    def values(self) -> dict[int, Values]:
        """The values by the number of the point."""
        return {**self._values, **dict([self._lowest] if self._lowest else [])}


def _checked(surface: Surface, stage: Stage, job: Job, sample: _Sample) -> Surface:
    """Return the surface with the deviation of some finished points from the reference."""
    reference = stage.tuned.plan.reference
    numbers = sorted(sample.values)
    if reference is None or not numbers:
        return surface
    points = [surface.grid.point(stage.missing[number]) for number in numbers]
    # Metrics of the model are always computed with the reference's weights.
    objective = stage.objective.replaced(model_metrics={})
    again = list(run(reference, objective, points))
    deviation, _ = deviation_of([sample.values[number] for number in numbers], again)
    if deviation > DEVIATION_ALLOWED:
        job.progress.note(
            f"{label(surface)}: finished points deviate from the reference by up to "
            f"{deviation:.2g}: do not trust them, scan again with precision float32"
        )
    before = float(surface.provenance.get(CHECKED, 0.0))
    return replace(surface, provenance={**surface.provenance, CHECKED: max(before, deviation)})


def _announce(surface: Surface, stage: Stage, job: Job) -> None:
    """Report what a stage evaluates, and its expected time."""
    num, size = len(stage.missing), surface.grid.size
    added, unit = stage.objective.num_images, stage.objective.unit
    more = f" ({added} of them new)" if added < stage.images else ""
    resumed = f", {size - num} of them done before" if num < size else ""
    time_ = f"about {duration(stage.seconds)}"
    if surface.is_refined:
        resumed, time_ = " or fewer", f"at most about {duration(size * stage.seconds_per_point)}"
    job.progress.note(
        f"{label(surface)}: {size} points{resumed} × {unit.counted(stage.images)}{more}, "
        f"{time_} ({stage.tuned.plan.described(unit.name)})"
    )
    if stage.tuned.plan.precision not in ("float32", "float64"):
        job.progress.note(
            f"{label(surface)}: deviation from float32 up to {stage.tuned.deviation:.2g}"
        )


def _report_profile(surface: Surface, stage: Stage, job: Job, clock: Clock, taken: float) -> None:
    images = stage.objective.num_images * len(stage.missing)
    operations = operations_per_image(stage.objective) * images
    device, precision = stage.objective.device, stage.tuned.plan.precision
    job.progress.note("\n  ".join([f"{label(surface)}: plans tried", *stage.tuned.trials]))
    job.progress.note(
        f"{label(surface)}: breakdown of {duration(taken)}\n"
        + report(clock.seconds, taken, operations, device, precision)
    )


def _enter(surface: Surface, index: int, values: Values, examples: int) -> None:
    surface.losses.flat[index] = values.loss
    surface.accuracies.flat[index] = values.accuracy
    surface.standard_errors.flat[index] = values.standard_error
    for name, value in values.metrics.items():
        surface.metrics[name].flat[index] = value
    surface.evaluated.flat[index] = True
    surface.examples.flat[index] = examples


def _totals(
    surface: Surface, plane: Plane, stage: Stage, job: Job, timer: Timer, sample: _Sample
) -> Generator[tuple[int, Values]]:
    """Yield the values of each missing point over all its examples, old and new."""
    new = stage.objective.num_images
    seen = stage.images - new
    with closing(_of_new_examples(surface, plane, stage, job, timer)) as evaluated:
        for number, values in evaluated:
            sample.see(number, values)
            index = stage.missing[number]
            before = surface.values(index)
            yield index, combined(before, seen, values, new) if seen else values


def _of_new_examples(
    surface: Surface, plane: Plane, stage: Stage, job: Job, timer: Timer
) -> Generator[tuple[int, Values]]:
    """Yield the values of each missing point over the examples that the stage adds.

    Raises:
        NotSpreadError: No worker of the executor understands the model, the loss or the data.
    """
    plan, objective, note = stage.tuned.plan, stage.objective, job.progress.note
    visited = _in_whole_batches(surface, stage)
    points = [surface.grid.point(k) for k in visited]
    numbers = {index: number for number, index in enumerate(stage.missing)}
    several = len(job.devices) > 1 and stage.seconds > _SECONDS_WORTH_PROCESSES
    if (several or job.executor is not None) and not job.profile:
        try:
            with closing(_spread(plane, stage, job, points)) as evaluated:
                for position, values in evaluated:
                    if visited[position] in numbers:
                        yield numbers[visited[position]], values
            return
        except NotSpreadError as error:
            if job.executor is not None:
                raise
            note(f"continuing on {job.devices[0]} alone: {error}")
    strategy = stage.tuned.strategy
    with closing(run(plan, objective, points, note, timer, strategy=strategy)) as evaluated:
        for index, values in zip(visited, evaluated, strict=True):
            if index in numbers:
                yield numbers[index], values


def _spread(
    plane: Plane, stage: Stage, job: Job, points: Sequence[Point]
) -> Generator[tuple[int, Values]]:
    """Yield the values of points by their positions, from the executor or local processes."""
    parcel = Parcel.pack(stage.objective, plane, Decision.from_plan(stage.tuned.plan))
    if job.executor is None:
        context = local_crews(parcel, job.devices)
    else:
        context = crew_of(job.executor, parcel, job.devices[0])
    with context as crews:
        yield from spread(
            parcel,
            points,
            crews,
            points_per_batch=stage.tuned.plan.points_per_batch,
            seconds_per_point=stage.seconds_per_point,
            note=job.progress.note,
        )


def _in_whole_batches(surface: Surface, stage: Stage) -> list[int]:
    """Return the missing points with those that share a forward pass with them.

    The rounding of a value depends on its place in the batch: a scan that is resumed gives every
    point the place that it has in one that is not interrupted.
    """
    size = stage.tuned.plan.points_per_batch
    if size == 1:
        return stage.missing
    order, missing = [int(k) for k in surface.grid.order()], set(stage.missing)
    batches = [order[k : k + size] for k in range(0, len(order), size)]
    return [index for batch in batches if not missing.isdisjoint(batch) for index in batch]
