"""What a surface lacks, computed stage by stage: over all images, or over as many as it needs."""

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from landscape import store
from landscape.brief import brief
from landscape.evaluate import Choice, NotSpreadError, Precision, Values, choose, run, spread
from landscape.evaluate.clock import Clock, Timer, untimed
from landscape.evaluate.profile import operations_per_image, report
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Progress, duration
from landscape.surface import Curvature, Surface

_SECONDS_PER_COMMIT = 1.0
_FIRST_IMAGES = 256
# Relative accuracy of eigenvalues on a map, and about how many products a point may cost.
_CURVATURE_TOLERANCE, _MOST_PRODUCTS = 0.05, 300
# To start a process takes some ten seconds.
_SECONDS_WORTH_PROCESSES = 60.0
# A point below this part of the median loss is held to the error of one that has it.
_LOW = 0.1


@dataclass(frozen=True)
class Job:
    """What is computed, and how.

    Attributes:
        objective: What is averaged over which data.
        plane: The plane.
        precision: Of the forward pass.
        images_per_batch: As the user wants it, or None.
        tolerance: Largest standard error wanted, as a part of the loss; 0 takes all images.
        progress: Where to report to.
        profile: Whether to report where the time went; then one process does all.
        devices: Where to compute, the first of which has the objective.
    """

    objective: Objective
    plane: Plane
    precision: Precision
    images_per_batch: int | None
    tolerance: float
    progress: Progress
    profile: bool
    devices: Sequence[torch.device]


@dataclass(frozen=True)
class Stage:
    """Some images more at every point that has not seen them.

    Attributes:
        objective: The images that are added.
        images: How many every point has seen afterwards.
        missing: Flat indices of the points, in the order in which they are visited.
        choice: How they are computed.
    """

    objective: Objective
    images: int
    missing: list[int]
    choice: Choice

    __repr__ = brief

    @property
    def seconds(self) -> float:
        """The time that it will take."""
        return self.choice.seconds_per_point * len(self.missing)


def next_stage(surface: Surface, job: Job) -> Stage | None:
    """Return what is to be computed next, and how; None where nothing is.

    Raises:
        LandscapeError: The loss is random, or cannot be computed in the precision.
    """
    images = _images_wanted(surface, job)
    missing = [int(k) for k in surface.grid.order() if surface.examples.flat[k] < images]
    if not missing:
        return None
    # All of these have seen the same number.
    seen = int(surface.examples.flat[missing[0]])
    objective = job.objective.part(seen, images)
    choice = choose(
        objective,
        job.plane,
        _probes(surface),
        len(missing),
        precision=job.precision,
        images_per_batch=job.images_per_batch,
        note=job.progress.note,
    )
    return Stage(objective, images, missing, choice)


def announce(surface: Surface, stage: Stage, progress: Progress) -> None:
    """Tell what a stage computes and how long it will take."""
    num, size = len(stage.missing), surface.grid.size
    added = stage.objective.num_images
    more = f" ({added} of them new)" if added < stage.images else ""
    resumed = f", {size - num} of them done before" if num < size else ""
    progress.note(
        f"{label(surface)}: {size} points{resumed} × {stage.images} images{more}, "
        f"about {duration(stage.seconds)} ({stage.choice.way})"
    )
    if stage.choice.way.precision not in ("float32", "float64"):
        progress.note(
            f"{label(surface)}: deviation from float32 up to {stage.choice.deviation:.2g}"
        )


def fill(surface: Surface, stage: Stage, job: Job, writer: store.Writer | None) -> Surface:
    """Compute a stage, into the file as well, and return the surface with it."""
    announce(surface, stage, job.progress)
    filled = surface.copy()
    progress, total = job.progress, surface.grid.size
    done = total - len(stage.missing)
    clock = Clock(stage.objective.inputs.device) if job.profile else None
    timer: Timer = clock or untimed
    began = committed = time.monotonic()
    progress.start(label(surface), total, done)
    try:
        with closing(_computed(surface, stage, job, timer)) as computed:
            for index, values in computed:
                put(filled, index, values, stage.images)
                done += 1
                now = time.monotonic()
                if writer is not None:
                    with timer("storage"):
                        writer.put(index, values, stage.images, surface.seconds + now - began)
                        if now - committed >= _SECONDS_PER_COMMIT:
                            writer.commit()
                            committed = time.monotonic()
                progress.update(done)
    finally:
        progress.stop()
        if writer is not None:
            writer.commit()
    taken = time.monotonic() - began
    if clock is not None:
        images = stage.objective.num_images * len(stage.missing)
        operations = operations_per_image(stage.objective) * images
        device, precision = stage.objective.inputs.device, stage.choice.way.precision
        progress.note(
            f"{label(surface)}: where {duration(taken)} went\n"
            + report(clock.seconds, taken, operations, device, precision)
        )
    return replace(filled, seconds=surface.seconds + taken)


def fill_curvature(surface: Surface, job: Job, writer: store.Writer | None) -> Surface:
    """Compute the outermost eigenvalues where they are missing, into the file as well."""
    from landscape.curvature import Hessian  # takes a second to import

    found = surface.curvature or Curvature.empty(surface.grid)
    lowest, highest, state = found.lowest.copy(), found.highest.copy(), found.state.copy()
    seconds, began = found.seconds, time.monotonic()
    missing = [int(k) for k in surface.grid.order() if not state.flat[k]]
    if missing:
        hessian = Hessian(job.objective)
        done = surface.grid.size - len(missing)
        job.progress.start(f"{label(surface)}, curvature", surface.grid.size, done)
        try:
            for index in missing:
                hessian.move_to(job.plane.at(*surface.grid.point(index)))
                ends = hessian.ends(tolerance=_CURVATURE_TOLERANCE, most_products=_MOST_PRODUCTS)
                lowest.flat[index], highest.flat[index] = ends[:2]
                state.flat[index] = 1 if ends[2] else 2
                seconds = found.seconds + time.monotonic() - began
                if writer is not None:
                    writer.put(index, ends[:2], seconds=seconds, state=int(state.flat[index]))
                    writer.commit()
                done += 1
                job.progress.update(done)
        finally:
            job.progress.stop()
    return replace(surface, curvature=Curvature(lowest, highest, state, seconds))


def label(surface: Surface) -> str:
    """Return what reports call a surface: among repeats, with its seed."""
    if int(surface.settings.get("repeats", 1)) > 1:
        return f"{surface.name}, seed {surface.settings['seed']}"
    return surface.name


def put(surface: Surface, index: int, values: Values, examples: int) -> None:
    """Enter the values of a point, by its flat index."""
    surface.losses.flat[index] = values.loss
    surface.accuracies.flat[index] = values.accuracy
    surface.standard_errors.flat[index] = values.standard_error
    surface.evaluated.flat[index] = True
    surface.examples.flat[index] = examples


def _computed(
    surface: Surface, stage: Stage, job: Job, timer: Timer
) -> Generator[tuple[int, Values]]:
    """Yield the values of each missing point over all images that it has seen by then."""
    new = stage.objective.num_images
    seen = stage.images - new
    with closing(_numbered(surface, stage, job, timer)) as computed:
        for number, values in computed:
            index = stage.missing[number]
            before = Values(
                float(surface.losses.flat[index]),
                float(surface.accuracies.flat[index]),
                float(surface.standard_errors.flat[index]),
            )
            yield index, combined(before, seen, values, new) if seen else values


def _numbered(
    surface: Surface, stage: Stage, job: Job, timer: Timer
) -> Generator[tuple[int, Values]]:
    """Yield the values of each missing point over the images that are new."""
    points = [surface.grid.point(k) for k in stage.missing]
    if len(job.devices) > 1 and not job.profile and stage.seconds > _SECONDS_WORTH_PROCESSES:
        together = spread(
            stage.objective,
            job.plane,
            points,
            job.devices,
            probes=_probes(surface),
            precision=stage.choice.way.precision,  # not what each would choose by itself
            images_per_batch=job.images_per_batch,
            seconds_per_point=stage.choice.seconds_per_point,
            note=job.progress.note,
        )
        try:
            with closing(together):
                yield from together
            return
        except NotSpreadError as error:
            job.progress.note(f"going on with {job.devices[0]} alone: {error}")
    with closing(run(stage.choice, stage.objective, points, job.progress.note, timer)) as computed:
        yield from enumerate(computed)


def combined(a: Values, num_a: int, b: Values, num_b: int) -> Values:
    """Return the values over two sets of examples from those over each.

    Args:
        a: Over the first set.
        num_a: How many examples are in it.
        b: Over the second.
        num_b: How many are in that.
    """
    num = num_a + num_b
    loss = (num_a * a.loss + num_b * b.loss) / num
    accuracy = (num_a * a.accuracy + num_b * b.accuracy) / num
    # Sums of squared deviations add up with the distance of the means (Chan et al. 1979).
    apart = a.loss - b.loss
    squares = num_a * num_b / num * (apart * apart)
    for each, size in ((a, num_a), (b, num_b)):
        if size > 1:  # of one example nobody knows the error, and its deviation is 0
            squares += each.standard_error * each.standard_error * size * (size - 1)
    error = math.sqrt(squares / (num * (num - 1))) if squares >= 0 else math.nan
    return Values(loss, accuracy, error)


def in_fixed_order(objective: Objective) -> Objective:
    """Return the same examples in a random order that their number alone determines."""
    keys = np.random.Generator(np.random.PCG64(0)).random(objective.num_images)
    order = torch.from_numpy(np.argsort(keys, kind="stable")).to(objective.inputs.device)
    return replace(objective, inputs=objective.inputs[order], targets=objective.targets[order])


def allowed_errors(losses: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return the standard errors that a tolerance allows; inf where the loss is not finite.

    A part of the loss; where the loss is below a tenth of the median, a part of that: a point
    that is drawn at the bottom need not be known better than the picture shows.

    Args:
        losses: Of evaluated points.
        tolerance: The part.
    """
    finite = np.isfinite(losses)
    low = _LOW * float(np.median(np.abs(losses[finite]))) if finite.any() else 0.0
    return np.where(finite, tolerance * np.maximum(np.abs(losses), low), np.inf)


def _images_wanted(surface: Surface, job: Job) -> int:
    """Return how many images all points should have seen after the next stage."""
    most = job.objective.num_images
    if job.tolerance == 0:
        return most
    seen = surface.examples
    if not surface.evaluated.any():
        return min(_FIRST_IMAGES, most)
    if seen.min() < seen.max():  # those that have the fewest catch up, step by step
        return int(np.unique(seen)[1])
    errors = np.nan_to_num(surface.standard_errors, nan=0.0, posinf=0.0)
    allowed = allowed_errors(surface.losses, job.tolerance)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = float(np.nanmax(np.where(errors > 0, errors / allowed, 0.0)))
    images, excess = int(seen.max()), min(excess, 1e6)
    if excess <= 1:
        return images
    # The error falls with the square root; a little more, since the worst point is judged.
    return math.ceil(min(most, max(1.1 * images * excess**2, 1.25 * images)))


def _probes(surface: Surface) -> Sequence[tuple[float, float]]:
    """Return the center, the corners and some points between, where ways are compared."""
    grid = surface.grid
    ends = [(a, b) for a in grid.alphas[[0, -1]] for b in grid.betas[[0, -1]]]
    some = np.random.default_rng(0).choice(grid.size, min(4, grid.size), replace=False)
    return [(0.0, 0.0), *ends, *(grid.point(k) for k in some)]
