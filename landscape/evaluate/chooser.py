"""Which strategy is fastest: timed on this scan, on this machine, and checked."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from landscape.evaluate.folding import folded
from landscape.evaluate.many_at_once import ManyAtOnce
from landscape.evaluate.network import Network, as_it_is
from landscape.evaluate.one_by_one import OneByOne
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
        if self.images_per_batch > 1:
            return replace(self, images_per_batch=self.images_per_batch // 2)
        return None

    def __str__(self) -> str:
        points = f"{self.points_per_batch} points at once, " if self.points_per_batch > 1 else ""
        kind = str(self.dtype).removeprefix("torch.")
        return f"{points}{self.network.name}, {kind}, {self.images_per_batch} images per batch"


@dataclass(frozen=True)
class Choice:
    """The way that won, and the seconds that a point takes."""

    way: Way
    seconds_per_point: float


# Parts of the time that the slow way would need for all points: of one trial, of all trials.
_TRIAL, _TRIALS = 0.001, 0.03
_PROBES: tuple[Point, ...] = ((0.0, 0.0), (0.37, -0.21))
_AGREEMENT = {torch.float64: 1e-9, torch.float32: 1e-3}
# Above this time for one point, it fills the device alone.
_SECONDS_OF_A_LARGE_POINT = 0.05


def slow_way(objective: Objective, plane: Plane) -> Way:
    """Return the way that is always right: the net as its author wrote it, point by point."""
    return Way(as_it_is(objective, plane), objective.dtype, objective.images_per_batch)


def choose(
    objective: Objective,
    plane: Plane,
    num_points: int,
    images_per_batch: int | None,
    note: Callable[[str], None],
) -> Choice:
    """Return the fastest way of those that give the net's own values.

    Every candidate is run on a part of the data at two points. One that fails, or whose
    losses differ from those of the net as its author wrote it, is dropped. The trials take
    a few hundredths of the time that the scan would need without them.

    Args:
        objective: What is averaged over which data.
        plane: The plane.
        num_points: How many points are to be evaluated.
        images_per_batch: The only number of images per batch to try, if given.
        note: Told of candidates that were dropped for their values.

    Raises:
        LandscapeError: The loss at the center is random.
    """
    base = slow_way(objective, plane)
    slow = _base_seconds(objective, base)
    allowed = int(objective.num_images * min(1.0, _TRIAL * num_points))
    part = _first(objective, max(64, allowed))
    whole = objective.num_images / part.num_images
    expected = list(base.on(part)(_PROBES))
    seconds = {base: _time(base, part)}
    deadline = time.perf_counter() + _TRIALS * slow * num_points
    for way in _candidates(objective, plane, base, images_per_batch, slow):
        try:
            values = list(way.on(part)(_PROBES))
            if _agree(values, expected, objective.dtype):
                seconds[way] = _time(way, part)
            else:
                note(f"not used: {way}: its losses differ from those of the net as it is")
        except Exception as error:  # whatever a user's model raises when it is vectorized
            if _is_out_of_memory(error):
                _free(objective)
        if time.perf_counter() > deadline:
            break
    else:
        # Again, in turns: the machine may have been busy with something else for a while.
        good = 1.5 * min(seconds.values())
        for way, first in list(seconds.items()):
            if first < good:
                seconds[way] = min(first, _time(way, part))
    best = min(seconds, key=lambda way: seconds[way])
    return Choice(best, seconds[best] * whole)


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
    objective: Objective, plane: Plane, base: Way, images_per_batch: int | None, slow: float
) -> Iterable[Way]:
    """Yield what is worth a trial, the most promising first."""
    num = objective.num_images
    on_cpu = objective.inputs.device.type == "cpu"
    wanted = (64, 128, 256, 1024) if on_cpu else (1024, 256, 4096)
    sizes = (
        [images_per_batch] if images_per_batch else list(dict.fromkeys(min(w, num) for w in wanted))
    )
    network = folded(objective, plane) or base.network
    yield from (replace(base, network=network, images_per_batch=size) for size in sizes)
    if slow < _SECONDS_OF_A_LARGE_POINT:
        whole = images_per_batch or min(num, 2048)
        yield from (
            replace(base, points_per_batch=points, images_per_batch=whole) for points in (8, 32)
        )


def _base_seconds(objective: Objective, base: Way) -> float:
    """Return the seconds that a point takes as the net is; check that it has a surface."""
    part = _first(objective, base.images_per_batch)
    strategy = base.on(part)
    first, again = (next(strategy(_PROBES[:1])) for _ in range(2))
    check_same_loss(
        first.loss,
        again.loss,
        "the net or the loss is random, or keeps state, in evaluation mode, so it has no surface: "
        "one batch at the center has losses",
    )
    return _time(base, part) * objective.num_images / part.num_images


def _first(objective: Objective, num: int) -> Objective:
    return replace(objective, inputs=objective.inputs[:num], targets=objective.targets[:num])


def _time(way: Way, part: Objective) -> float:
    """Return the seconds per point of one batch of points, after one to warm up."""
    strategy = way.on(part)
    points = [_PROBES[1]] * way.points_per_batch
    list(strategy(points))
    began = time.perf_counter()
    list(strategy(points))
    return (time.perf_counter() - began) / len(points)


def _agree(values: list[Values], expected: list[Values], dtype: torch.dtype) -> bool:
    tolerance = _AGREEMENT[dtype]
    return all(
        math.isclose(a.loss, b.loss, rel_tol=tolerance, abs_tol=1e-3 * tolerance)
        or not (math.isfinite(a.loss) or math.isfinite(b.loss))
        for a, b in zip(values, expected, strict=True)
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _free(objective: Objective) -> None:
    if objective.inputs.device.type == "cuda":
        torch.cuda.empty_cache()
