"""How many examples every point is evaluated on: stages of increasing sample size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.data import Data
from landscape.evaluation import Decision, Precision, Tuned, Wish, tune
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Progress
from landscape.refinement import expected_points, refining
from landscape.surface import Surface
from landscape.values import Point, Values

_FIRST_IMAGES = 256
_NEAR = (0.03, 0.05)  # of half the range
# A point below this fraction of the median loss needs the accuracy of a point that has it.
_LOW = 0.1


@dataclass(frozen=True)
class Job:
    """What a scan evaluates and how, with everything decided.

    Attributes:
        objective: The objective; its examples are in random order if a tolerance is set.
        precision: Precision of the forward pass; ``auto`` until the first stage is tuned.
        tolerance: Target relative standard error; 0 uses all examples.
        images_per_batch: The only batch size to try, or None.
        devices: Devices, the objective's own first.
        profile: Whether to report where the time went; then one process does all.
        progress: Receives progress and messages.
        metric_seconds: Time that the metrics of the model take for one point.
        decided: The plans of stages that were tuned before, by the names of these.
        points_tolerance: Largest deviation of interpolated points; 0 evaluates all.
    """

    objective: Objective
    precision: Precision
    tolerance: float
    images_per_batch: int | None
    devices: Sequence[torch.device]
    profile: bool
    progress: Progress
    metric_seconds: float = 0.0
    decided: Mapping[str, Decision] = field(default_factory=dict)
    points_tolerance: float = 0.0

    __repr__ = brief

    def after(self, stage: "Stage") -> "Job":
        """Return the job with the plan of a stage, and its precision: one scan has one.

        Args:
            stage: The stage.
        """
        plan = stage.tuned.plan
        decided = {**self.decided, stage.name: Decision.from_plan(plan)}
        return replace(self, precision=plan.precision, decided=decided)


@dataclass(frozen=True)
class Stage:
    """One pass over the grid: adds a subset of examples to every point not evaluated on it.

    Attributes:
        objective: The examples that are added.
        images: Number of examples behind every point afterwards.
        missing: Flat indices of the points, in the order in which they are visited.
        tuned: The plan.
        metric_seconds: Time that the metrics of the model take for one point.
        is_continued: Whether it adds points to the stage before it, which are more of the same.
    """

    objective: Objective
    images: int
    missing: list[int]
    tuned: Tuned
    metric_seconds: float
    is_continued: bool = False

    __repr__ = brief

    @property
    def name(self) -> str:
        """Which of the scan's examples it adds."""
        return _name(self.images - self.objective.num_images, self.images)

    @property
    def seconds_per_point(self) -> float:
        """Expected time for one point."""
        return self.tuned.seconds_per_point + self.metric_seconds

    @property
    def seconds(self) -> float:
        """Expected time."""
        return self.seconds_per_point * len(self.missing)


def next_stage(
    surface: Surface,
    plane: Plane,
    job: Job,
    wanted: NDArray[np.bool_] | None = None,
    before: Stage | None = None,
) -> Stage | None:
    """Return the next pass over the grid, tuned; None if the points that are wanted are complete.

    Args:
        surface: The surface so far.
        plane: Its plane.
        job: The job.
        wanted: Mask of the points that are wanted; by default those of the first step.
        before: The last stage of the surface: its plan is kept if the examples are the same.

    Raises:
        LandscapeError: The loss is stochastic, or no plan agrees with the reference.
    """
    wanted = next(refining(surface.grid, job.points_tolerance)) if wanted is None else wanted
    wanted = wanted | surface.evaluated
    images = _images_wanted(surface, wanted, job)
    is_missing = wanted & (surface.examples < images)
    missing = [int(k) for k in surface.grid.order() if is_missing.flat[k]]
    if not missing:
        return None
    seen = int(surface.examples.flat[missing[0]])  # the same for all of these
    if before is not None and before.name == _name(seen, images):
        return replace(before, missing=missing, is_continued=True)
    objective = job.objective.part(seen, images)
    if seen:  # the metrics of the model are known already
        objective = objective.replaced(model_metrics={})
    is_auto = surface.settings.get("precision") == "auto"
    tuned = tune(
        objective,
        plane,
        probes(surface),
        expected_points(surface.grid) if job.points_tolerance else len(missing),
        Wish(job.precision, job.images_per_batch, is_auto),
        decided=job.decided.get(_name(seen, images)),
        note=job.progress.note,
    )
    return Stage(objective, images, missing, tuned, 0.0 if seen else job.metric_seconds)


def _name(first: int, last: int) -> str:
    return f"{first}-{last}"


def probes(surface: Surface) -> Sequence[Point]:
    """Return the points where plans are compared: center, corners, two near it, and four others.

    Half precision deviates most near the center, where the loss is least.

    Args:
        surface: Its grid is probed.
    """
    grid = surface.grid
    ends = [(a, b) for a in grid.alphas[[0, -1]] for b in grid.betas[[0, -1]]]
    some = np.random.default_rng(0).choice(grid.size, min(4, grid.size), replace=False)
    a, b = (float(axis[-1] - axis[0]) / 2 for axis in (grid.alphas, grid.betas))
    near = [(_NEAR[0] * a, _NEAR[0] * b), (_NEAR[1] * a, -_NEAR[1] * b)]
    return [(0.0, 0.0), *ends, *near, *(grid.point(k) for k in some)]


def in_random_order(objective: Objective) -> Objective:
    """Return the objective with its examples in a random order that their number determines.

    Args:
        objective: The objective.
    """
    keys = np.random.Generator(np.random.PCG64(0)).random(objective.num_images)
    order = torch.from_numpy(np.argsort(keys, kind="stable")).to(objective.device)
    return objective.replaced(data=Data((objective.data.at(order),), True))


def combined(a: Values, num_a: int, b: Values, num_b: int) -> Values:
    """Return the values over two disjoint sets of examples from those over each.

    Args:
        a: Values over the first set.
        num_a: Its number of examples.
        b: Values over the second set.
        num_b: Its number of examples.

    Returns:
        The values; of metrics that only the first set has, as those of the model, the same.
    """
    num = num_a + num_b

    def mean(x: float, y: float) -> float:
        return (num_a * x + num_b * y) / num

    metrics = {name: mean(a.metrics[name], value) for name, value in b.metrics.items()}
    # Sums of squared deviations add up with the distance of the means (Chan et al. 1979).
    apart = a.loss - b.loss
    squares = num_a * num_b / num * (apart * apart)
    for each, size in ((a, num_a), (b, num_b)):
        if size > 1:  # of one example the error is unknown, and its deviation is 0
            squares += each.standard_error * each.standard_error * size * (size - 1)
    error = math.sqrt(squares / (num * (num - 1))) if squares >= 0 else math.nan
    return Values(
        mean(a.loss, b.loss), mean(a.accuracy, b.accuracy), error, {**a.metrics, **metrics}
    )


def allowed_errors(losses: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Return the standard errors that a tolerance allows; inf where the loss is not finite.

    A fraction of the loss, or of a tenth of the median loss where the loss is below that: a
    point at the bottom of a plot need not be known better than the plot shows.

    Args:
        losses: Losses of evaluated points.
        tolerance: The fraction.
    """
    finite = np.isfinite(losses)
    low = _LOW * float(np.median(np.abs(losses[finite]))) if finite.any() else 0.0
    return np.where(finite, tolerance * np.maximum(np.abs(losses), low), np.inf)


def _images_wanted(surface: Surface, wanted: NDArray[np.bool_], job: Job) -> int:
    """Return the number of examples behind all points that are wanted after the next stage."""
    most = job.objective.num_images
    if job.tolerance == 0:
        return most
    seen = surface.examples[wanted]
    if not surface.evaluated.any():
        return min(_FIRST_IMAGES, most)
    if seen.min() < seen.max():  # points with the fewest examples first, step by step
        return int(np.unique(seen)[1])
    errors = np.nan_to_num(surface.standard_errors[wanted], nan=0.0, posinf=0.0)
    allowed = allowed_errors(surface.losses[wanted], job.tolerance)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = float(np.nanmax(np.where(errors > 0, errors / allowed, 0.0)))
    images, excess = int(seen.max()), min(excess, 1e6)
    if excess <= 1:
        return images
    # The error falls with the square root; a little more, since the worst point is judged.
    return math.ceil(min(most, max(1.1 * images * excess**2, 1.25 * images)))
