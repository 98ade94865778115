"""Which strategy is fastest: timed on this scan, on this machine, and checked."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from landscape.errors import LandscapeError
from landscape.evaluate.clock import Timer, untimed
from landscape.evaluate.folding import folded
from landscape.evaluate.footprint import bytes_per_image
from landscape.evaluate.many_at_once import ManyAtOnce
from landscape.evaluate.network import Network, as_it_is
from landscape.evaluate.one_by_one import OneByOne
from landscape.evaluate.onednn import with_onednn
from landscape.evaluate.precision import DTYPES, Precision, kernels
from landscape.evaluate.replayed import Replayed
from landscape.evaluate.sharing import shared
from landscape.evaluate.strategy import Strategy
from landscape.evaluate.values import Point, Values
from landscape.memory import free_bytes, is_out_of_memory
from landscape.objective import Objective, check_same_loss
from landscape.parameters import Parameters
from landscape.plane import Plane, still


@dataclass(frozen=True, eq=False)
class Way:
    """How to make a strategy.

    Attributes:
        network: The net, as it is or rewritten.
        precision: Of the forward pass.
        images_per_batch: Images in one forward pass.
        points_per_batch: Points in one forward pass; more than one are vectorized.
        compiled: Whether ``torch.compile`` fuses it.
        replayed: Whether it is recorded and replayed as a CUDA graph.
    """

    network: Network
    precision: Precision
    images_per_batch: int
    points_per_batch: int = 1
    compiled: bool = False
    replayed: bool = False

    def on(self, objective: Objective, timer: Timer = untimed) -> Strategy:
        """Return the strategy for some data."""
        kind = OneByOne if self.points_per_batch == 1 else ManyAtOnce
        strategy = kind(
            objective,
            self.network,
            dtype=self.dtype,
            images_per_batch=min(self.images_per_batch, objective.num_images),
            points_per_batch=self.points_per_batch,
            compiled=self.compiled,
            timer=timer,
        )
        return Replayed(strategy) if self.replayed else strategy

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the forward pass."""
        return DTYPES[self.precision]

    @property
    def takes_all_data(self) -> bool:
        """Whether it works for the scan's own data alone, or is made anew for other sizes."""
        return self.network.num_images is not None or self.compiled or self.replayed

    def halved(self) -> "Way | None":
        """Return the way that needs about half of the memory, if there is one."""
        if self.network.prepare is not None:
            return None  # its batches determine the values
        if self.points_per_batch > 1:
            return replace(self, points_per_batch=self.points_per_batch // 2)
        if self.images_per_batch > 1 and self.network.num_images is None:
            return replace(self, images_per_batch=self.images_per_batch // 2)
        return None

    def bytes(self, activations: float) -> float:
        """Return about how much memory it takes, beyond the data.

        Args:
            activations: Bytes of an image's activations in float32.
        """
        numbers = sum(tensor.numel() for tensor in self.network.plane.center.values())
        size = torch.finfo(self.dtype).bits / 8
        images = self.images_per_batch * activations * size / 4
        return 3 * 4 * numbers + self.points_per_batch * (2 * numbers * size + images)

    def within(self, room: float, activations: float) -> "Way | None":
        """Return the way with batches that fit into ``room`` bytes, if it then can be."""
        way: Way | None = self
        while way is not None and way.bytes(activations) > room:
            way = way.halved()
        return way

    def __str__(self) -> str:
        points = f"{self.points_per_batch} points at once, " if self.points_per_batch > 1 else ""
        extras = ", compiled" * self.compiled + ", CUDA graph" * self.replayed
        return (
            f"{points}{self.network.name}, {self.precision}, "
            f"{self.images_per_batch} images per batch{extras}"
        )


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
        strategy: The way at work on all data, where making it again would take long.
    """

    way: Way
    seconds_per_point: float
    deviation: float
    strategy: Strategy | None = None


# Parts of the time that the slow way would need for all points: of one trial, of all trials.
_TRIAL, _TRIALS = 0.001, 0.03
_SHORT = 0.01  # seconds
# Beyond rounding, a way is wrong.
_ROUNDING = {"float64": 1e-9, "float32": 1e-3, "tf32": 0.1, "bfloat16": 0.3}
# Bytes of activations that suit the device: on a CPU they stay in the cache.
_BYTES_PER_BATCH = {"cpu": 20_000_000, "cuda": 400_000_000}
# Above this time for one point, it fills the device alone.
_SECONDS_OF_A_LARGE_POINT = 0.05
# A scan of this time is worth a trial of torch.compile, which takes up to half a minute.
_SECONDS_WORTH_COMPILING = 600
# Part of the free memory that a way may take.
_MEMORY = 0.7


def slow_way(objective: Objective, plane: Plane) -> Way:
    """Return the way that is always right: the net as its author wrote it, point by point."""
    precision: Precision = "float64" if objective.dtype == torch.float64 else "float32"
    size = objective.images_per_batch
    if objective.re_estimates:  # all batches weigh the same
        size = _even(objective.num_images, max(size, 2))
    return Way(as_it_is(objective, plane), precision, size)


def values_at(objective: Objective, parameters: Parameters) -> Values:
    """Return the values at any point, computed in the slow way.

    Args:
        objective: What is averaged over which data.
        parameters: Of the net; buffers as well, where they are not the net's own, of any type.
    """
    fixed = {name: t for name, t in parameters.items() if not t.is_floating_point()}
    if fixed:
        model = copy.deepcopy(objective.model)
        own = dict(model.named_buffers())
        for name, tensor in fixed.items():
            own[name].copy_(tensor)
        objective = replace(objective, model=model)
    moved = {name: tensor for name, tensor in parameters.items() if name not in fixed}
    point = still(moved).to(objective.inputs.device, objective.dtype)
    with kernels(tf32=False):
        return next(iter(slow_way(objective, point).on(objective)([(0.0, 0.0)])))


@dataclass(frozen=True)
class _Trial:
    """What was seen of a way: seconds per point and image, deviation, and the strategy."""

    seconds: float
    deviation: float
    strategy: Strategy | None = None


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
        precision: Of the forward pass. ``auto`` takes bfloat16 or tf32 if it is faster than
            float32 and deviates by at most :data:`DEVIATION_ALLOWED`.
        images_per_batch: The only number of images per batch to try, if given.
        note: Told of candidates that were dropped for their values.

    Raises:
        LandscapeError: The loss at the center is random, or no candidate of the precision
            gives the net's values.
    """
    if precision in ("float32", "float64"):
        probes = probes[:3]  # enough to tell a wrong way; a deviation needs more
    room = _MEMORY * free_bytes(objective.inputs.device)
    base = slow_way(objective, plane)
    activations = bytes_per_image(objective, base.network)
    if base.network.prepare is None:
        base = base.within(room, activations) or replace(base, images_per_batch=1)
    slow = _base_seconds(objective, base, probes[0])
    allowed = int(objective.num_images * min(1.0, _TRIAL * num_points))
    part = objective.part(0, max(64, allowed))
    kept: dict[Way, _Trial] = {}
    if precision in ("auto", base.precision):
        kept[base] = _Trial(_time(base.on(part), part, probes), 0.0)
    references: dict[bool, list[Values]] = {}
    deadline = time.perf_counter() + _TRIALS * slow * num_points

    def try_out(candidate: Way) -> None:
        way = candidate.within(room, activations)
        if way is None:
            return
        data = objective if way.takes_all_data else part
        if way.takes_all_data not in references:
            references[way.takes_all_data] = list(base.on(data)(probes))
        trial = _try(way, data, references[way.takes_all_data], probes)
        if trial is not None and trial.deviation <= _ROUNDING[way.precision]:
            kept[way] = trial
        elif trial is not None:
            note(f"not used: {way}: its losses differ by {trial.deviation:.2g} of the net's own")

    def allowed_in_auto(way: Way) -> bool:
        return way.precision == base.precision or kept[way].deviation <= DEVIATION_ALLOWED

    def best() -> Way | None:
        fit = [way for way in kept if precision != "auto" or allowed_in_auto(way)]
        return min(fit, key=lambda way: kept[way].seconds, default=None)

    candidates = _candidates(objective, plane, base, precision, images_per_batch, slow, activations)
    for number, way in enumerate(candidates, 1):
        # On fewer images than it has in a batch, a way cannot show what it is worth.
        if number > 2 and part.num_images < way.images_per_batch < objective.num_images:
            continue
        try_out(way)
        if kept and number >= 2 and time.perf_counter() > deadline:
            break
    if (winner := best()) is not None and objective.inputs.device.type == "cuda":
        try_out(replace(winner, replayed=True))
    if (winner := best()) is not None and winner.network.compiles:
        left = kept[winner].seconds * objective.num_images * num_points
        if left > _SECONDS_WORTH_COMPILING:
            try_out(replace(winner, compiled=True))
    winner = best()
    if winner is None:
        raise LandscapeError(f"the net cannot be computed in {precision}: take float32 or auto")
    trial = kept[winner]
    return Choice(winner, trial.seconds * objective.num_images, trial.deviation, trial.strategy)


def run(
    choice: Choice,
    objective: Objective,
    points: Sequence[Point],
    note: Callable[[str], None],
    timer: Timer = untimed,
) -> Generator[Values]:
    """Yield the values of each point, in order; with smaller batches where memory runs out.

    Close it when it is left before its end: torch's settings are changed meanwhile.

    Args:
        choice: How.
        objective: What is averaged over which data.
        points: Where.
        note: Told of smaller batches.
        timer: Told what takes how long.
    """
    done = 0
    way, strategy = choice.way, choice.strategy
    with kernels(tf32=way.precision == "tf32"):
        while done < len(points):
            try:
                strategy = strategy or way.on(objective, timer)
                strategy.timer = timer
                for values in strategy(points[done:]):
                    done += 1
                    yield values
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = way.halved()
                if smaller is None:
                    raise MemoryError(str(error)) from error
                way, strategy = smaller, None
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
    activations: float,
) -> Iterable[Way]:
    """Yield what is worth a trial, the most promising first."""
    if objective.re_estimates:  # what a batch is determines the values, and a part tells nothing
        return
    num, device = objective.num_images, objective.inputs.device.type
    guess = _BYTES_PER_BATCH[device] / activations
    precisions: list[Precision] = [precision]
    if precision == "auto":
        precisions = (
            ["bfloat16", "tf32", "float32"] if device == "cuda" else ["bfloat16", "float32"]
        )
    networks = {kind: _networks(objective, plane, base, DTYPES[kind]) for kind in precisions}
    small: list[Way] = []
    if slow < _SECONDS_OF_A_LARGE_POINT and base.precision in precisions:
        size = images_per_batch or min(num, 2048)
        first = shared(objective, plane) if size == num else None
        for network in (first, base.network):
            if network is not None:
                one = Way(network, base.precision, size).bytes(activations)
                points = 2 ** round(math.log2(max(2.0, _BYTES_PER_BATCH[device] / one)))
                small += [Way(network, base.precision, size, n) for n in (points, 4 * points)]
    yield from small[:1]
    seen = set()
    for factor in (1, 4, 0.25):
        for kind, rewritten in networks.items():
            fitting = factor * guess * 4 * 8 / torch.finfo(DTYPES[kind]).bits
            size = images_per_batch or _even(num, fitting)
            if (kind, size) not in seen:
                yield from (Way(network, kind, size) for network in rewritten)
            seen.add((kind, size))
    yield from small[1:]


def _networks(objective: Objective, plane: Plane, base: Way, dtype: torch.dtype) -> list[Network]:
    """Return the net rewritten for one type, in every form that may be the fastest."""
    own = base.network if dtype == objective.dtype else as_it_is(objective, plane, dtype)
    found = [folded(objective, plane, dtype)]
    if objective.inputs.device.type == "cuda" and found[0] is not None:
        found.append(folded(objective, plane, dtype, cudnn=True))
    if found[0] is None and dtype == torch.float32:
        found.append(with_onednn(objective, plane))
    return [network for network in found if network is not None] or [own]


def _even(num: int, size: float) -> int:
    """Return a size of batches near ``size`` that leaves no small rest, at most ``num``."""
    parts = max(1, round(num / max(size, 1.0)))
    even = math.ceil(num / parts)
    while num % even == 1 and even < num:  # one example has no statistics of its own
        even += 1
    return even


def _base_seconds(objective: Objective, base: Way, center: Point) -> float:
    """Return the seconds that a point takes as the net is; check that it has a surface."""
    part = objective.part(0, base.images_per_batch)
    strategy = base.on(part)
    first, again = (next(iter(strategy([center]))) for _ in range(2))
    check_same_loss(
        first.loss,
        again.loss,
        "the net or the loss is random, or keeps state, in evaluation mode, so it has no surface: "
        "one batch at the center has losses",
    )
    return _time(strategy, part, [center]) * objective.num_images


def _time(strategy: Strategy, part: Objective, probes: Sequence[Point]) -> float:
    """Return the seconds per point and image of one batch of points, after one to warm up.

    What is over in a moment is repeated, and the shortest time taken.
    """
    points = [probes[-1]] * strategy.points_per_batch
    list(strategy(points))
    times: list[float] = []
    while not times or (sum(times) < _SHORT and len(times) < 10):
        began = time.perf_counter()
        list(strategy(points))
        times.append(time.perf_counter() - began)
    return min(times) / len(points) / part.num_images


def _try(
    way: Way, data: Objective, expected: Sequence[Values], probes: Sequence[Point]
) -> _Trial | None:
    """Return what is seen of a way on some data; None where it fails.

    The time is the better of two: the machine may be busy with something else for a while.
    """
    try:
        with warnings.catch_warnings(), kernels(tf32=way.precision == "tf32"):
            # torch warns of what it does not vectorize but runs point by point.
            vectorized = way.points_per_batch > 1 and not way.compiled
            warnings.simplefilter("error" if vectorized else "ignore")
            strategy = way.on(data)
            deviation = _deviation(list(strategy(probes)), expected)
            seconds = min(_time(strategy, data, probes), _time(strategy, data, probes))
            return _Trial(seconds, deviation, strategy if way.compiled or way.replayed else None)
    except Exception as error:  # whatever a user's model raises when it is rewritten
        if is_out_of_memory(error):
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


def _free(objective: Objective) -> None:
    if objective.inputs.device.type == "cuda":
        torch.cuda.empty_cache()
