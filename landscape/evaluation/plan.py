"""A plan: everything that determines how the values of points are computed."""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import torch

from landscape.behavior import torch_settings
from landscape.devices import release
from landscape.errors import first_line
from landscape.evaluation.corrected import Corrected, drawn
from landscape.evaluation.cuda_graph import CudaGraph
from landscape.evaluation.precision import DTYPES, Precision, own_precision
from landscape.evaluation.profiling import Timer, untimed
from landscape.evaluation.rewrites.network import Network, unmodified
from landscape.evaluation.strategy import BatchedStrategy, Looped, Strategy, Vmapped
from landscape.evaluation.streamed_plane import is_streamed
from landscape.memory import is_out_of_memory
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters, single_type
from landscape.plane import Plane
from landscape.values import Point, Values


@dataclass(frozen=True, eq=False)
class Plan:
    """Configuration of an evaluation strategy.

    Attributes:
        network: The model, unmodified or rewritten.
        precision: Precision of the forward pass.
        images_per_batch: Images in one forward pass.
        points_per_batch: Points in one forward pass; more than one are vectorized.
        compiled: Whether ``torch.compile`` fuses it.
        cuda_graph: Whether one step is captured as a CUDA graph and replayed.
        corrected: Number of random images that the reference computes as well, to correct the
            mean of all; 0 for none.
        reference: The plan that is taken where this one fails; None for a reference plan.
    """

    network: Network
    precision: Precision
    images_per_batch: int
    points_per_batch: int = 1
    compiled: bool = False
    cuda_graph: bool = False
    corrected: int = 0
    reference: "Plan | None" = None

    def on(self, objective: Objective, timer: Timer = untimed) -> Strategy:
        """Return the strategy for an objective's data."""
        strategy = self._batched(objective, timer)
        if self.corrected and self.reference is not None:
            some = drawn(objective, self.corrected)
            low, full = self._batched(some), self.reference._batched(some)
            return Corrected(strategy, low, full, objective.num_images)
        return CudaGraph(strategy) if self.cuda_graph else strategy

    def _batched(self, objective: Objective, timer: Timer = untimed) -> BatchedStrategy:
        kind = Looped if self.points_per_batch == 1 else Vmapped
        return kind(
            objective,
            self.network,
            dtype=self.dtype,
            images_per_batch=min(self.images_per_batch, objective.num_images),
            points_per_batch=self.points_per_batch,
            compiled=self.compiled,
            timer=timer,
        )

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the forward pass."""
        return DTYPES[self.precision]

    @property
    def takes_all_data(self) -> bool:
        """Whether it is made for the whole data set and cannot be timed on a part of it."""
        is_of_all = self.network.num_images is not None or self.corrected > 0
        return is_of_all or self.compiled or self.cuda_graph

    def halved(self) -> "Plan | None":
        """Return a plan that needs about half of the memory, or None."""
        if self.network.prepare is not None:
            return None  # its batches determine the values
        if self.points_per_batch > 1:
            return replace(self, points_per_batch=self.points_per_batch // 2)
        if self.images_per_batch > 1 and self.network.num_images is None:
            return replace(self, images_per_batch=self.images_per_batch // 2)
        return None

    def bytes(self, activations: float) -> float:
        """Estimate the memory it takes, without the data.

        Args:
            activations: Bytes of one image's activations in float32.

        Returns:
            Bytes.
        """
        size = torch.finfo(self.dtype).bits / 8
        images = self.images_per_batch * activations * size / 4
        sizes = [tensor.numel() for tensor in self.network.plane.center.values()]
        if is_streamed(self.network.plane):
            return 2 * size * max(sizes) + images
        numbers = sum(sizes)
        return 3 * 4 * numbers + self.points_per_batch * (2 * numbers * size + images)

    def within(self, room: float, activations: float) -> "Plan | None":
        """Return the plan with batches that fit into ``room`` bytes, or None."""
        plan: Plan | None = self
        while plan is not None and plan.bytes(activations) > room:
            plan = plan.halved()
        return plan

    def __str__(self) -> str:
        return self.described()

    def described(self, unit: str = "images") -> str:
        """Return the plan as text.

        Args:
            unit: What examples are called.
        """
        points = f"{self.points_per_batch} points at once, " if self.points_per_batch > 1 else ""
        extras = ", compiled" * self.compiled + ", CUDA graph" * self.cuda_graph
        if self.corrected:
            extras += f", corrected by {self.corrected} {unit} in full precision"
        return (
            f"{points}{self.network.name}, {self.precision}, "
            f"{self.images_per_batch} {unit} per batch{extras}"
        )


def reference_plan(objective: Objective, plane: Plane) -> Plan:
    """Return the reference: the unmodified model, one point at a time, no reduced precision."""
    precision = own_precision(objective.dtype)
    size = objective.images_per_batch
    if objective.batchnorm == "recomputed":  # all batches have equal weight
        size = even_batch_size(objective.num_images, max(size, 2))
    return Plan(unmodified(objective, plane), precision, size)


def values_at(objective: Objective, parameters: Parameters) -> Values:
    """Return the values of any point, by the reference plan.

    Args:
        objective: The objective.
        parameters: The model's parameters; also buffers, of any type, that differ from the
            model's own.
    """
    fixed = {name: t for name, t in parameters.items() if not t.is_floating_point()}
    if fixed:
        model = copied(objective.model, share=True)
        own = dict(model.named_buffers())
        for name, tensor in fixed.items():
            own[name].copy_(tensor)
        objective = objective.replaced(model=model)
    types = {**dict(objective.model.named_buffers()), **objective.parameters}
    moved = {name: t.to(types[name]) for name, t in parameters.items() if name not in fixed}
    point = single_point(moved).to(objective.device, objective.dtype)
    (values,) = run(reference_plan(objective, point), objective, [(0.0, 0.0)])
    return values


def run(
    plan: Plan,
    objective: Objective,
    points: Sequence[Point],
    note: Callable[[str], None] = lambda _: None,
    timer: Timer = untimed,
    *,
    strategy: Strategy | None = None,
) -> Generator[Values]:
    """Yield the values of each point, in order, whatever becomes of an optimization.

    Batches are halved where memory runs out. A plan that fails is given up for its reference, and
    a value that is not finite, or nearly overflows, is computed again by the reference: rewritten
    weights overflow elsewhere than those of the model. The metrics of the model are
    those of the reference's weights.

    Close the generator if it is not exhausted: torch's settings are changed meanwhile.

    Args:
        plan: The plan.
        objective: The objective.
        points: (α, β) of each point.
        note: Receives a message for every change of the plan.
        timer: Measures the parts of the work.
        strategy: The plan's strategy, where making it again would take long.

    Raises:
        MemoryError: The smallest batch does not fit.
        RuntimeError: The model fails for another reason.
        UserCodeError: A metric of the model fails.
    """
    of_model = MetricsOfModel(plan, objective)
    with closing(_run(plan, objective, points, note, timer, strategy)) as evaluated:
        for point, values in zip(points, evaluated, strict=True):
            if objective.model_metrics:
                yield values._replace(metrics={**values.metrics, **of_model(point)})
            else:
                yield values


def _run(
    plan: Plan,
    objective: Objective,
    points: Sequence[Point],
    note: Callable[[str], None],
    timer: Timer,
    strategy: Strategy | None,
) -> Generator[Values]:
    """Yield the values of each point without the metrics of the model, see :func:`run`."""
    done = 0
    while done < len(points):
        with torch_settings(plan.precision):
            try:
                strategy = strategy or plan.on(objective, timer)
                strategy.timer = timer
                exact = _Exact(plan, objective)
                for values in strategy(points[done:]):
                    value = exact(points[done], values) if exact.doubts(values) else values
                    done += 1
                    yield value
            except Exception as error:  # whatever a model or a kernel raises
                plan, reason = _after(plan, error, objective.unit.name)
                strategy = None
                note(f"{reason}; continuing with {plan.described(objective.unit.name)}")
            else:
                return
        release(objective.device)


def _after(plan: Plan, error: Exception, unit: str) -> tuple[Plan, str]:
    """Return the plan that follows after an error, and a text about the error.

    Raises:
        MemoryError: The smallest batch does not fit.
    """
    if not is_out_of_memory(error):
        if plan.reference is None:
            raise error
        return plan.reference, f"{plan.described(unit)} failed ({first_line(error)})"
    smaller = plan.halved() or plan.reference
    if smaller is None:
        raise MemoryError(str(error)) from error
    return smaller, "out of memory"


class _Exact:
    """Computes values again by the reference of a plan, which is made when it is needed."""

    def __init__(self, plan: Plan, objective: Objective) -> None:
        self._plan, self._objective = plan.reference, objective
        self._strategy: Strategy | None = None
        # A loss of such size is the square of numbers near the largest, or of few layers more.
        self._largest = math.sqrt(torch.finfo(single_type(objective.dtype)).max)

    def doubts(self, values: Values) -> bool:
        """Return whether the unmodified model may overflow where a plan has these values."""
        return not values.is_finite or abs(values.loss) > self._largest

    def __call__(self, point: Point, values: Values) -> Values:
        """Return the values of a point; those that are given if the plan has no reference."""
        if self._plan is None:
            return values
        with torch_settings(self._plan.precision):
            self._strategy = self._strategy or self._plan.on(self._objective)
            return next(iter(self._strategy([point])))


class MetricsOfModel:
    """Evaluates the metrics of the model with the weights of a plan's reference.

    Args:
        plan: The plan.
        objective: The objective.
    """

    def __init__(self, plan: Plan, objective: Objective) -> None:
        self._plan, self._objective = plan.reference or plan, objective
        self._strategy: Strategy | None = None

    def __call__(self, point: Point) -> dict[str, float]:
        """Return the metrics at a point, by name.

        Args:
            point: (α, β).

        Raises:
            UserCodeError: One fails, or returns no number.
        """
        with torch.no_grad(), torch_settings(self._plan.precision):
            self._strategy = strategy = self._strategy or self._plan.on(self._objective)
            assert isinstance(strategy, BatchedStrategy)  # noqa: S101  # a reference plan's
            coordinates = torch.tensor([point], dtype=strategy.dtype).to(strategy.device)
            return self._objective.metrics_of_model(strategy.parameters(coordinates))


def even_batch_size(num: int, size: float) -> int:
    """Return a batch size near ``size`` that splits ``num`` examples evenly, at most ``num``."""
    parts = max(1, round(num / max(size, 1.0)))
    even = math.ceil(num / parts)
    while num % even == 1 and even < num:  # one example has no batch statistics
        even += 1
    return even


def single_point(center: Parameters) -> Plane:
    """Return the plane whose directions are zero: the center alone.

    Args:
        center: The point.
    """
    zero = {name: tensor.new_zeros(()).expand(tensor.shape) for name, tensor in center.items()}
    return Plane(center, zero, zero)
