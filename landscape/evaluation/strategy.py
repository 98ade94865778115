"""Evaluation strategies: map a sequence of (α, β) points to values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor

from landscape import trees
from landscape.data import Batch
from landscape.devices import Download, entered, is_gpu
from landscape.evaluation.flat_plane import FlatPlane
from landscape.evaluation.profiling import Timer, untimed
from landscape.evaluation.rewrites.network import Network
from landscape.evaluation.streamed_plane import StreamedPlane, is_streamed
from landscape.evaluation.values import ratios, summary
from landscape.memory import free_bytes, release_freed_memory
from landscape.objective import Objective
from landscape.parameters import Parameters, single_type
from landscape.trees import Tree
from landscape.values import Point, Values

# The largest copy of the data in another type or layout, as a part of the free memory.
_COPY = 0.3

Measure = Callable[[Parameters, Tree, Tree], tuple[Tensor, ...]]
"""From parameters, inputs and targets to what :meth:`landscape.Objective.measure` returns."""


class Strategy(ABC):
    """Computes the values of many points.

    Attributes:
        points_per_batch: Points in one step.
        images_per_batch: Images in one forward pass.
        fixed_shape: Whether a step takes no fewer points than that.
        device: Where the coordinates of points are wanted.
        dtype: In which floating-point type.
        metrics: Names of the metrics of examples.
        timer: Measures the parts of the work.
    """

    points_per_batch: int
    images_per_batch: int
    fixed_shape: bool
    device: torch.device
    dtype: torch.dtype
    metrics: Sequence[str]
    timer: Timer

    @abstractmethod
    def step(self, coordinates: Tensor) -> Tensor:
        """Return the values of some points, float64, on the device, shape (points, 3 + metrics).

        Args:
            coordinates: α and β of each, shape (points, 2); at most ``points_per_batch``.
        """

    @torch.no_grad()
    def __call__(self, points: Sequence[Point]) -> Iterator[Values]:
        """Yield the values of each point, in order.

        Nothing waits for the device inside a step. On a GPU the next step has begun
        while the values of one are read.
        """
        if not points:
            return
        with self.timer("transfer"):
            coordinates = torch.tensor(points, dtype=self.dtype).to(self.device)
        under_way: Download | None = None
        for part in torch.split(coordinates, self.points_per_batch):
            missing = self.points_per_batch - len(part) if self.fixed_shape else 0
            padded = torch.cat([part, part[-1:].expand(missing, 2)]) if missing else part
            with entered(self.device):
                values = self.step(padded)[: len(part)]
            if is_gpu(self.device):
                done, under_way = under_way, Download(values)
                if done is not None:
                    yield from self._read(done.arrived())
            else:
                yield from self._read(values)
        if under_way is not None:
            yield from self._read(under_way.arrived())

    def _read(self, values: Tensor) -> list[Values]:
        with self.timer("transfer"):
            return [
                Values(loss, accuracy, error, dict(zip(self.metrics, metrics, strict=True)))
                for loss, accuracy, error, *metrics in values.tolist()
            ]


class BatchedStrategy(Strategy):
    """Runs the net over batches of images.

    The data stays on the device, in the type and layout of the computation where a copy of them
    leaves most of the free memory; else each batch is converted when it is computed.

    Args:
        objective: The objective.
        network: The model, unmodified or rewritten.
        dtype: Floating-point type of the forward pass; the loss is computed in that of the
            objective.
        images_per_batch: Images in one forward pass.
        points_per_batch: Points in one step.
        compiled: Whether ``torch.compile`` fuses the forward pass and the loss.
        timer: Measures the parts of the work.
    """

    def __init__(
        self,
        objective: Objective,
        network: Network,
        *,
        dtype: torch.dtype,
        images_per_batch: int,
        points_per_batch: int = 1,
        compiled: bool = False,
        timer: Timer = untimed,
    ) -> None:
        self.images_per_batch, self.points_per_batch = images_per_batch, points_per_batch
        self.fixed_shape, self.timer = compiled, timer
        self._objective, self._network, self._forward_dtype = objective, network, dtype
        self.device, self.dtype = objective.device, single_type(objective.dtype)
        self.metrics = list(objective.metrics)

        self._batches = objective.data.split(images_per_batch)
        self._is_prepared = _bytes_of(self._batches) < _COPY * free_bytes(objective.device)
        if self._is_prepared:
            self._batches = [
                replace(batch, inputs=self._prepared(batch.inputs)) for batch in self._batches
            ]
        self._measures: dict[int, Measure] = {}
        self._compiled = compiled

    def _prepared(self, inputs: Tree) -> Tree:
        """Return inputs in the type and layout of the computation."""

        def prepared(tensor: Tensor) -> Tensor:
            tensor = tensor.to(self._forward_dtype) if tensor.is_floating_point() else tensor
            if self._network.channels_last and tensor.dim() == 4:
                return tensor.contiguous(memory_format=torch.channels_last)
            return tensor

        return trees.changed(prepared, inputs)

    def _inputs(self) -> Iterator[Tree]:
        """Yield the inputs of every batch."""
        for batch in self._batches:
            yield batch.inputs if self._is_prepared else self._prepared(batch.inputs)

    def examples(self, coordinates: Tensor) -> list[Tensor]:
        """Return what :meth:`landscape.Objective.measure` does of all examples at some points.

        Args:
            coordinates: α and β of each, shape (points, 2).

        Returns:
            Tensors of shape (points, examples).
        """
        parameters = self.parameters(coordinates)
        measured = [
            self._measure(batch.num)(parameters, inputs, batch.targets)
            for batch, inputs in zip(self._batches, self._inputs(), strict=True)
        ]
        with self.timer("loss"):
            return [_joined(each) for each in zip(*measured, strict=True)]

    def step(self, coordinates: Tensor) -> Tensor:  # noqa: D102
        parts = self.examples(coordinates)
        with self.timer("loss"):
            first = len(parts) - 2 * len(self.metrics)
            values = summary(*parts[:first], per_example=self._objective.loss.per_example)
            return torch.cat([values, ratios(*parts[first:])], 1) if self.metrics else values

    def parameters(self, coordinates: Tensor) -> Parameters:
        """Return what the forward pass takes at some points.

        Args:
            coordinates: α and β of each, shape (points, 2).
        """
        with self.timer("weights"):
            parameters = self._weights(coordinates)
        if self._network.prepare is not None:
            with self.timer("forward"):
                parameters = self._network.prepare(parameters, self._inputs())
        return parameters

    def _measure(self, num: int) -> Measure:
        """Return the measurement of a batch of ``num`` examples.

        It has no reference to the strategy: one that is dropped frees its data at once.
        """
        of_batch = partial(_of_batch, self._network, self._objective, self.timer, num)
        if not self._compiled:
            return self._vectorized(of_batch)
        if not self._measures:  # after some functions of the same code torch compiles no more
            torch.compiler.reset()
        if num not in self._measures:
            self._measures[num] = torch.compile(self._vectorized(of_batch), dynamic=False)
        return self._measures[num]

    @abstractmethod
    def _weights(self, coordinates: Tensor) -> Parameters:
        """Return the parameters of some points."""

    @staticmethod
    @abstractmethod
    def _vectorized(measure: Measure) -> Measure:
        """Return the measurement of a batch of images for the points of a step."""


def _bytes_of(batches: Sequence[Batch]) -> int:
    tensors = [tensor for batch in batches for tensor in trees.tensors(batch.inputs)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _of_batch(
    network: Network,
    objective: Objective,
    timer: Timer,
    num: int,
    parameters: Parameters,
    x: Tree,
    y: Tree,
) -> tuple[Tensor, ...]:
    with timer("forward"):
        outputs = network.forward(parameters, x)
    with timer("loss"):
        return objective.measure(outputs, y, num)


def _joined(batches: tuple[Tensor, ...]) -> Tensor:
    """Return all batches as one tensor, without copying a single one."""
    return batches[0] if len(batches) == 1 else torch.cat(batches, -1)


class Looped(BatchedStrategy):
    """Evaluates one point after the other.

    The weights of a point are one pass over memory; those of large networks are formed tensor by
    tensor.
    """

    @cached_property
    def _point(self) -> Callable[[Tensor], Parameters]:
        """From coordinates to parameters."""
        plane, dtype = self._network.plane, self._forward_dtype
        if is_streamed(plane):
            release_freed_memory()  # what the objective and the directions have left
            return StreamedPlane.of(plane, None if dtype == self._objective.dtype else dtype).at
        return partial(FlatPlane.of(plane, self._network.channels_last).at, dtype=dtype)

    def _weights(self, coordinates: Tensor) -> Parameters:
        return self._point(coordinates[0])

    @staticmethod
    def _vectorized(measure: Measure) -> Measure:
        def of_one(parameters: Parameters, x: Tree, y: Tree) -> tuple[Tensor, ...]:
            return tuple(each.unsqueeze(0) for each in measure(parameters, x, y))

        return of_one


class Vmapped(BatchedStrategy):
    """Evaluates several points in one vectorized forward pass (``torch.vmap``)."""

    @cached_property
    def _flat(self) -> FlatPlane:
        return FlatPlane.of(self._network.plane, self._network.channels_last)

    def _weights(self, coordinates: Tensor) -> Parameters:
        return self._flat.at_many(coordinates, self._forward_dtype)

    @staticmethod
    def _vectorized(measure: Measure) -> Measure:
        vectorized: Measure = torch.vmap(measure, in_dims=(0, None, None))
        return vectorized
