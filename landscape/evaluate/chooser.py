"""Which strategy is fastest: timed on this scan, on this machine, and checked."""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import torch

from landscape.errors import LandscapeError
from landscape.evaluate.folding import folded
from landscape.evaluate.many_at_once import ManyAtOnce
from landscape.evaluate.network import Network, as_it_is
from landscape.evaluate.one_by_one import OneByOne
from landscape.evaluate.sharing import shared
from landscape.evaluate.values import Point, Values
from landscape.objective import Objective, check_same_loss
from landscape.plane import Plane


class Strategy(Protocol):
    """A way to compute the values of many points."""

    images_per_batch: int
    points_per_batch: int

    def __call__(self, points: Sequence[Point]) -> Iterator[Values]:
        """Yield the values of each point, in order."""


@dataclass(frozen=True, eq=False)
class Way:
    """How to make a strategy.

    Attributes:
        network: The net, as it is or rewritten.
        dtype: Floating-point type of the forward pass.
        images_per_batch: Images in one forward pass.
        points_per_batch: Points in one forward pass; more than one are vectorized.
    """

    network: Network
    dtype: torch.dtype
    images_per_batch: int
    points_per_batch: int = 1

    def on(self, objective: Objective) -> Strategy:
        """Return the strategy for some data."""
        images = min(self.images_per_batch, objective.num_images)
        if self.points_per_batch == 1:
            return OneByOne(objective, self.network, dtype=self.dtype, images_per_batch=images)
        return ManyAtOnce(
            objective,
            self.network,
            points_per_batch=self.points_per_batch,
            images_per_batch=images,
        )

    def halved(self) -> "Way | None":
        """Return the way that needs about half of the memory, if there is one."""
        if self.points_per_batch > 1:
            return replace(self, points_per_batch=self.points_per_batch // 2)
        if self.images_per_batch > 1 and self.network.num_images is None:
            return replace(self, images_per_batch=self.images_per_batch // 2)
        return None

    def __str__(self) -> str:
        points = f"{self.points_per_batch} points at once, " if self.points_per_batch > 1 else ""
        kind = str(self.dtype).removeprefix("torch.")
        return f"{points}{self.network.name}, {kind}, {self.images_per_batch} images per batch"


Precision = Literal["float64", "float32", "bfloat16", "auto"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

DEVIATION_ALLOWED = 0.01
"""How far ``auto`` lets losses deviate from float32, as a part of the loss."""


@dataclass(frozen=True)
class Choice:
    """The way that won.

    Attributes:
        way: The way.
        seconds_per_point: What a point takes.
        deviation: Largest relative deviation of its losses from those of the net as it is
            in float32 (or float64), over the probes and a part of the data.
    """

    way: Way
    seconds_per_point: float
    deviation: float


# Parts of the time that the slow way would need for all points: of one trial, of all trials.
_TRIAL, _TRIALS = 0.001, 0.03
_SHORT = 0.01  # seconds
# Beyond rounding, a way is wrong.
_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-3, torch.bfloat16: 0.3}
# Input numbers per batch that suit the device: on a CPU, activations stay in the cache.
_NUMBERS_PER_BATCH = {"cpu": 200_000, "cuda": 6_000_000}
# Above this time for one point, it fills the device alone.
_SECONDS_OF_A_LARGE_POINT = 0.05


def slow_way(objective: Objective, plane: Plane) -> Way:
    """Return the way that is always right: the net as its author wrote it, point by point."""
    return Way(as_it_is(objective, plane), objective.dtype, objective.images_per_batch)


def choose(
    objective: Objective,
    plane: Plane,
    probes: Sequence[Point],
    num_points: int,
    *,
    precision: Precision,
    images_per_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Choice:
    """Return the fastest way of those that give the net's own values.

    Every candidate is run at the probes on a part of the data. One that fails, or whose
    losses differ by more than rounding from those of the net as its author wrote it, is
    dropped. The trials take a few hundredths of the time that the scan would need without.

    Args:
        objective: What is averaged over which data; in float64 for that precision, else in
            float32.
        plane: The plane.
        probes: Points where losses are compared, the first of which is the center.
        num_points: How many points are to be evaluated.
        precision: Of the forward pass. ``auto`` takes bfloat16 if it is faster than float32
            and deviates by at most :data:`DEVIATION_ALLOWED`.
        images_per_batch: The only number of images per batch to try, if given.
        note: Told of candidates that were dropped for their values.

    Raises:
        LandscapeError: The loss at the center is random, or no candidate of the precision
            gives the net's values.
    """
    if precision in ("float32", "float64"):
        probes = probes[:3]  # enough to tell a wrong way; a deviation needs more
    base = slow_way(objective, plane)
    slow = _base_seconds(objective, base, probes[0])
    allowed = int(objective.num_images * min(1.0, _TRIAL * num_points))
    part = _first(objective, max(64, allowed))
    kept: dict[Way, tuple[float, float]] = {}
    if precision != "bfloat16":
        kept[base] = (_time(base, part, probes), 0.0)
    references: dict[bool, list[Values]] = {}
    deadline = time.perf_counter() + _TRIALS * slow * num_points
    candidates = _candidates(objective, plane, base, precision, images_per_batch, slow)
    for number, way in enumerate(candidates, 1):
        holds_data = way.network.num_images is not None
        data = objective if holds_data else part
        if holds_data not in references:
            references[holds_data] = list(base.on(data)(probes))
        found = _trial(way, data, references[holds_data], probes)
        if found is not None and found[1] <= _ROUNDING[way.dtype]:
            kept[way] = found
        elif found is not None:
            note(f"not used: {way}: its losses differ by {found[1]:.2g} of the net's own")
        if kept and number >= 2 and time.perf_counter() > deadline:
            break
    if precision == "auto":
        kept = {
            way: found
            for way, found in kept.items()
            if way.dtype == objective.dtype or found[1] <= DEVIATION_ALLOWED
        }
    if not kept:
        raise LandscapeError(f"the net cannot be computed in {precision}: take float32 or auto")
    best = min(kept, key=lambda way: kept[way][0])
    return Choice(best, kept[best][0] * objective.num_images, kept[best][1])


def run(
    way: Way, objective: Objective, points: Sequence[Point], note: Callable[[str], None]
) -> Iterator[Values]:
    """Yield the values of each point, in order; with smaller batches where memory runs out.

    Args:
        way: How.
        objective: What is averaged over which data.
        points: Where.
        note: Told of smaller batches.
    """
    done = 0
    while done < len(points):
        try:
            for values in way.on(objective)(points[done:]):
                done += 1
                yield values
        except (RuntimeError, MemoryError) as error:
            smaller = way.halved()
            if smaller is None or not _is_out_of_memory(error):
                raise
            way = smaller
            note(f"out of memory; going on with {way}")
        else:
            return
        _free(objective)


def _candidates(
    objective: Objective,
    plane: Plane,
    base: Way,
    precision: Precision,
    images_per_batch: int | None,
    slow: float,
) -> Iterable[Way]:
    """Yield what is worth a trial, the most promising first."""
    num = objective.num_images
    numbers = _NUMBERS_PER_BATCH[objective.inputs.device.type]
    guess = max(16, numbers // objective.inputs[0].numel())
    sizes = list(
        dict.fromkeys(images_per_batch or min(size, num) for size in (guess, 4 * guess, guess // 4))
    )
    dtypes = {
        "auto": (torch.bfloat16, objective.dtype),
        "bfloat16": (torch.bfloat16,),
    }.get(precision, (objective.dtype,))
    networks = {
        dtype: folded(objective, plane, dtype) or as_it_is(objective, plane, dtype)
        for dtype in dtypes
    }
    small: list[Way] = []
    if slow < _SECONDS_OF_A_LARGE_POINT and objective.dtype in dtypes:
        size = images_per_batch or min(num, 2048)
        first = shared(objective, plane) if size == num else None
        small = [
            Way(network, objective.dtype, size, points)
            for network in (first, base.network)
            for points in (8, 32)
            if network is not None
        ]
    yield from small[:1]
    for size in sizes:
        yield from (Way(network, dtype, size) for dtype, network in networks.items())
    yield from small[1:]


def _base_seconds(objective: Objective, base: Way, center: Point) -> float:
    """Return the seconds that a point takes as the net is; check that it has a surface."""
    part = _first(objective, base.images_per_batch)
    strategy = base.on(part)
    first, again = (next(strategy([center])) for _ in range(2))
    check_same_loss(
        first.loss,
        again.loss,
        "the net or the loss is random, or keeps state, in evaluation mode, so it has no surface: "
        "one batch at the center has losses",
    )
    return _time(base, part, [center]) * objective.num_images


def _first(objective: Objective, num: int) -> Objective:
    return replace(objective, inputs=objective.inputs[:num], targets=objective.targets[:num])


def _time(way: Way, part: Objective, probes: Sequence[Point]) -> float:
    """Return the seconds per point and image of one batch of points, after one to warm up.

    What is over in a moment is repeated, and the shortest time taken.
    """
    strategy = way.on(part)
    points = [probes[-1]] * way.points_per_batch
    list(strategy(points))
    times: list[float] = []
    while not times or (sum(times) < _SHORT and len(times) < 10):
        began = time.perf_counter()
        list(strategy(points))
        times.append(time.perf_counter() - began)
    return min(times) / len(points) / part.num_images


def _trial(
    way: Way, data: Objective, expected: Sequence[Values], probes: Sequence[Point]
) -> tuple[float, float] | None:
    """Return the seconds per point and image, and the deviation; None where the way fails.

    The time is the better of two: the machine may be busy with something else for a while.
    """
    try:
        with warnings.catch_warnings():
            # torch warns of what it does not vectorize but runs point by point.
            warnings.simplefilter("error" if way.points_per_batch > 1 else "ignore")
            deviation = _deviation(list(way.on(data)(probes)), expected)
            return min(_time(way, data, probes), _time(way, data, probes)), deviation
    except Exception as error:  # whatever a user's model raises when it is rewritten
        if _is_out_of_memory(error):
            _free(data)
        return None


def _deviation(values: Sequence[Values], expected: Sequence[Values]) -> float:
    """Return the largest deviation of the losses as a part of the expected loss.

    Infinite where one is finite and the other is not.
    """
    largest = 0.0
    for a, b in zip(values, expected, strict=True):
        if math.isfinite(a.loss) and math.isfinite(b.loss):
            largest = max(largest, abs(a.loss - b.loss) / max(abs(b.loss), 1e-6))
        elif math.isfinite(a.loss) or math.isfinite(b.loss):
            return math.inf
    return largest


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _free(objective: Objective) -> None:
    if objective.inputs.device.type == "cuda":
        torch.cuda.empty_cache()
