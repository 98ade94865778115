"""Time plans and compare their values with those of the reference plan."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from landscape.behavior import torch_settings
from landscape.brief import brief
from landscape.checks import is_same_loss
from landscape.devices import is_gpu, release
from landscape.errors import LandscapeError, first_line
from landscape.evaluation.activation_memory import bytes_per_image
from landscape.evaluation.plan import Plan, reference_plan
from landscape.evaluation.precision import Precision
from landscape.evaluation.strategy import Strategy
from landscape.memory import free_bytes, is_out_of_memory
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point, Values

DEVIATION_ALLOWED = 0.01
"""Largest relative deviation from float32 that precision ``auto`` accepts."""

# Shares of the time that the reference plan would need for all points, and the best plan so far:
# of one trial, of all.
_TRIAL, _TRIALS = 0.001, 0.03

# Of one trial: enough to reach the speed of all.
_IMAGES = {"cpu": math.inf, "cuda": 8192}

_SECONDS = {"cpu": 0.0, "cuda": 2.0}  # that all trials may take in any case

_SHORT = 0.01  # seconds

ROUNDING = {"float64": 1e-9, "float32": 1e-3, "tf32": 0.1, "bfloat16": 0.3, "float16": 0.3}
"""Relative deviations by precision: larger ones are not rounding."""

# Largest share of the probes at which float16 may overflow: they are computed again in float32.
_LOST = 0.5

# Share of the free memory that a plan may take.
_MEMORY = 0.7


@dataclass(frozen=True)
class Trial:
    """Measurements of one plan.

    Attributes:
        seconds: Per point and image.
        deviation: Largest relative deviation from the reference's values.
        strategy: The plan's strategy, where making it again would take long.
        lost: Share of the points that overflow, and are computed again by the reference.
    """

    seconds: float
    deviation: float
    strategy: Strategy | None = None
    lost: float = 0.0


@dataclass(eq=False)
class Trials:
    """Times plans and compares their losses and metrics with the reference plan's.

    Attributes:
        is_auto: Whether a plan in another precision than the reference's may deviate by at most
            :data:`DEVIATION_ALLOWED`.
        measured: The plans that agree, with their measurements.
        log: A line for every trial: time and deviation, or why a plan is not used.
        reference: The reference plan.
        reference_seconds: The time that it takes for one point.
        part: A part of the data, for plans that do not need all of it.
        activations: Bytes of one image's activations in float32.
    """

    objective: Objective
    plane: Plane
    probes: Sequence[Point]
    precision: Precision
    num_points: int
    note: Callable[[str], None]
    is_auto: bool = False
    measured: dict[Plan, Trial] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    __repr__ = brief

    def __post_init__(self) -> None:
        objective, num_points = self.objective, self.num_points
        reference = reference_plan(objective, self.plane)
        self.activations = bytes_per_image(objective, reference.network)
        if reference.network.prepare is None:
            fitting = reference.within(self._room(), self.activations)
            reference = fitting or replace(reference, images_per_batch=1)
        self.reference = reference
        self.reference_seconds = reference_seconds(objective, reference, self.probes[0])
        share = objective.num_images * min(1.0, _TRIAL * num_points)
        self.part = objective.part(0, int(max(64, min(share, _IMAGES[objective.device.type]))))
        self._expected: dict[bool, list[Values]] = {}
        if self.precision in ("auto", reference.precision):
            seconds = _time(reference.on(self.part), self.part, self.probes)
            self._keep(reference, Trial(seconds, 0.0))
        self._began = time.perf_counter()

    def _room(self) -> float:
        """Return the bytes that a plan may take now: other processes come and go."""
        return _MEMORY * free_bytes(self.objective.device)

    def run(self, candidate: Plan) -> None:
        """Try a plan, with smaller batches if it does not fit into memory."""
        plan = candidate.within(self._room(), self.activations)
        if plan is None:
            self.log.append(f"not used (does not fit into memory): {candidate}")
            return
        data = self.objective if plan.takes_all_data else self.part
        if plan.takes_all_data not in self._expected:
            self._expected[plan.takes_all_data] = list(self.reference.on(data)(self.probes))
        trial = self._try(plan, data)
        if trial is not None and trial.deviation <= ROUNDING[plan.precision]:
            self._keep(plan, trial)
        elif trial is not None:
            text = self._text(plan)
            self.log.append(f"not used (deviation {trial.deviation:.2g}): {text}")
            self.note(
                f"Rejected plan {text}: relative deviation {trial.deviation:.2g} from the "
                "reference."
            )

    def _keep(self, plan: Plan, trial: Trial) -> None:
        self.measured[plan] = trial
        milliseconds = 1000 * trial.seconds * self.objective.num_images
        self.log.append(
            f"{milliseconds:.4g} ms, deviation {trial.deviation:.2g}: {self._text(plan)}"
        )

    def _text(self, plan: Plan) -> str:
        return plan.described(self.objective.unit.name)

    def _try(self, plan: Plan, data: Objective) -> Trial | None:
        """Return the measurements of a plan; None if it raises.

        The time includes that of points which overflow in half precision, and are computed again.
        """
        try:
            trial = tried(plan, data, self.probes, self._expected[plan.takes_all_data])
        except Exception as error:  # whatever a user's model raises when it is rewritten
            if is_out_of_memory(error):
                release(data.device)
            self.log.append(
                f"not used ({type(error).__name__}: {first_line(error)}): {self._text(plan)}"
            )
            return None
        seconds = trial.seconds + trial.lost * self.reference_seconds / self.objective.num_images
        return replace(trial, seconds=seconds)

    @property
    def exhausted(self) -> bool:
        """Whether further trials would take more than a small part of the scan's time."""
        seconds = self.reference_seconds
        if is_gpu(self.objective.device) and (best := self.best) is not None:
            seconds = self.measured[best].seconds * self.objective.num_images
        allowed = _TRIALS * seconds * self.num_points
        least = _SECONDS[self.objective.device.type]
        return time.perf_counter() - self._began > max(least, allowed)

    @property
    def best(self) -> Plan | None:
        """The fastest plan so far that the precision allows."""

        def is_allowed(plan: Plan) -> bool:
            is_exact = plan.precision == self.reference.precision
            deviation = self.measured[plan].deviation
            return is_exact or not self.is_auto or deviation <= DEVIATION_ALLOWED

        fit = filter(is_allowed, self.measured)
        return min(fit, key=lambda plan: self.measured[plan].seconds, default=None)


def fits(plan: Plan, objective: Objective) -> bool:
    """Return whether a plan fits into the free memory, as a trial would find.

    Args:
        plan: The plan.
        objective: The objective.
    """
    activations = bytes_per_image(objective, (plan.reference or plan).network)
    return plan.bytes(activations) <= _MEMORY * free_bytes(objective.device)


def tried(
    plan: Plan, data: Objective, probes: Sequence[Point], expected: Sequence[Values]
) -> Trial:
    """Return the measurements of a plan.

    The time is the shorter of two: other work may slow the machine for a while.

    Args:
        plan: The plan.
        data: The objective, or a part of it.
        probes: Points.
        expected: The reference's values there.
    """
    with warnings.catch_warnings(), torch_settings(plan.precision):
        warnings.simplefilter("ignore")
        if plan.points_per_batch > 1 and not plan.compiled:  # torch loops over the points
            warnings.filterwarnings("error", ".*performance drop")
        strategy = plan.on(data)
        deviation, lost = deviation_of(list(strategy(probes)), expected)
        if (plan.precision != "float16" and lost) or lost > _LOST:
            deviation = math.inf
        seconds = min(_time(strategy, data, probes) for _ in range(2))
        keeps = plan.compiled or plan.cuda_graph
        return Trial(seconds, deviation, strategy if keeps else None, lost)


def reference_seconds(objective: Objective, reference: Plan, center: Point) -> float:
    """Return the time of one point of the reference plan.

    Raises:
        LandscapeError: The loss or a metric is stochastic.
    """
    part = objective.part(0, reference.images_per_batch)
    strategy = reference.on(part)
    first, again = (next(iter(strategy([center]))) for _ in range(2))
    pairs = {"model or loss": (first.loss, again.loss)}
    pairs |= {f"metric {name!r}": (v, again.metrics[name]) for name, v in first.metrics.items()}
    for subject, (one, other) in pairs.items():
        if not is_same_loss(one, other):
            raise LandscapeError(
                f"Two evaluations at the center differ ({one:.6g}, {other:.6g}): the {subject} is "
                "stochastic or stateful in eval mode."
            )
    return _time(strategy, part, [center]) * objective.num_images


def _time(strategy: Strategy, part: Objective, probes: Sequence[Point]) -> float:
    """Return the seconds per point and image of one batch of points, after a warm-up.

    A short batch is repeated, and the shortest time is returned.
    """
    points = [probes[-1]] * strategy.points_per_batch
    list(strategy(points))
    times: list[float] = []
    while not times or (sum(times) < _SHORT and len(times) < 10):
        began = time.perf_counter()
        list(strategy(points))
        times.append(time.perf_counter() - began)
    return min(times) / len(points) / part.num_images


def deviation_of(values: Sequence[Values], expected: Sequence[Values]) -> tuple[float, float]:
    """Return the largest relative deviation, and the share of points that are not finite.

    The share of those that should be. The deviation is infinite where one is finite and should
    not be. That of a metric, which may be 0 at some points, is relative to its largest value.
    """
    finite = [each for each in expected if each.is_finite]
    sizes = {
        name: max((abs(each.metrics[name]) for each in finite), default=0.0)
        for name in expected[0].metrics
    }
    largest, lost = 0.0, 0
    for a, b in zip(values, expected, strict=True):
        if a.is_finite and b.is_finite:
            pairs = [(a.loss, b.loss, abs(b.loss))]
            pairs += [(a.metrics[name], b.metrics[name], size) for name, size in sizes.items()]
            largest = max(largest, *(abs(x - y) / max(size, 1e-6) for x, y, size in pairs))
        elif a.is_finite:
            return math.inf, 0.0
        elif b.is_finite:
            lost += 1
    return largest, lost / len(expected)
