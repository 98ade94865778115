"""The fixed examples that a loss is averaged over: read once, in a fixed order."""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler
from torch.utils.data import Dataset as TorchDataset

from landscape import trees
from landscape.arrays import as_tensors, with_long_integers
from landscape.brief import brief
from landscape.errors import DataError, first_line
from landscape.modules import move_tensor
from landscape.trees import Tree

_EXAMPLES_AT_ONCE = 256  # of a Dataset


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples.

    Attributes:
        inputs: A tensor; a tuple of positional arguments of the model; or a dictionary of its
            keyword arguments.
        targets: What the loss compares the outputs with.
        num: Number of examples.
    """

    inputs: Tree
    targets: Tree
    num: int

    __repr__ = brief


@dataclass(frozen=True, eq=False)
class Data:
    """All examples, in a fixed order.

    Attributes:
        batches: One batch with all examples if they can be regrouped, else those that were given.
        can_split: Whether the examples can be regrouped: each is one entry of every tensor.
        remarks: What was changed on reading, for the user.
        sizes: Numbers of examples of the batches that the user gave, if any.
    """

    batches: tuple[Batch, ...]
    can_split: bool
    remarks: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()

    __repr__ = brief

    @property
    def num(self) -> int:
        """Number of examples."""
        return sum(batch.num for batch in self.batches)

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        for batch in self.batches:
            for tensor in trees.tensors((batch.inputs, batch.targets)):
                return tensor.device
        return torch.device("cpu")

    def split(self, size: int) -> list[Batch]:
        """Return batches of ``size`` examples; the batches that were given if they cannot change.

        Args:
            size: Number of examples.
        """
        if not self.can_split:
            return list(self.batches)
        return [self._between(k, min(k + size, self.num)) for k in range(0, self.num, size)]

    def as_given(self, size: int | None) -> "Data | None":
        """Return the examples in batches that are never changed; None if the user gave none.

        Args:
            size: Number of examples in a batch, if given; else the batches as they were given.
        """
        if size is not None:
            batches = self.split(size)
        elif self.sizes:
            ends = list(itertools.accumulate(self.sizes, initial=0))
            batches = [self._between(*pair) for pair in itertools.pairwise(ends)]
        else:
            return None
        remark = "the model takes batches of one size only: the examples are not regrouped"
        return Data(tuple(batches), False, (*self.remarks, remark))

    def part(self, first: int, last: int) -> "Data":
        """Return the examples from ``first`` up to, not including, ``last``.

        Args:
            first: Index of the first example.
            last: Index after the last example. Where batches cannot change, the batches from the
                first one on that hold these examples.
        """
        if self.can_split:
            return Data((self._between(first, min(last, self.num)),), True)
        ends = list(itertools.accumulate(batch.num for batch in self.batches))
        chosen = [
            batch
            for batch, end in zip(self.batches, ends, strict=True)
            if end > first and end - batch.num < last
        ]
        return Data(tuple(chosen), False)

    def at(self, index: Tensor) -> Batch:
        """Return examples by their indices; where batches cannot change, the first batch.

        Args:
            index: Indices, on the device of the data.
        """
        if not self.can_split:
            return self.batches[0]
        whole = self.batches[0]
        return Batch(
            trees.taken(whole.inputs, index), trees.taken(whole.targets, index), len(index)
        )

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> "Data":
        """Return the data on a device; floating-point tensors in another type, if given.

        Args:
            device: The device.
            dtype: Floating-point type; that of targets is at least float32.
        """

        def move(tensor: Tensor, dtype: torch.dtype | None = dtype) -> Tensor:
            return tensor.to(device) if dtype is None else move_tensor(tensor, device, dtype)

        def move_target(tensor: Tensor) -> Tensor:
            return move(tensor, dtype and torch.promote_types(dtype, torch.float32))

        batches = (
            Batch(
                trees.changed(move, each.inputs),
                trees.changed(move_target, each.targets),
                each.num,
            )
            for each in self.batches
        )
        return replace(self, batches=tuple(batches))

    @property
    def named(self) -> Mapping[str, Tensor]:
        """All tensors by a name, for a hash: ``x`` and ``y`` of a pair of arrays."""
        if self.can_split:
            whole = self.batches[0]
            if isinstance(whole.inputs, Tensor) and isinstance(whole.targets, Tensor):
                return {"x": whole.inputs, "y": whole.targets}
        return {
            f"{number}.{part}.{k}": tensor
            for number, batch in enumerate(self.batches)
            for part, tree in (("x", batch.inputs), ("y", batch.targets))
            for k, tensor in enumerate(trees.tensors(tree))
        }

    def _between(self, first: int, last: int) -> Batch:
        whole, some = self.batches[0], slice(first, last)
        return Batch(
            trees.taken(whole.inputs, some), trees.taken(whole.targets, some), last - first
        )


def read(data: Any, *, full_batch: bool = False) -> Data:
    """Return the examples of anything that holds some.

    Args:
        data: A pair ``(inputs, targets)`` of arrays, or of nestings of arrays with one entry per
            example; a dictionary of such arrays; a ``Dataset`` or ``DataLoader`` of torch; or a
            list or iterable of batches, each a pair or a dictionary.
        full_batch: The examples belong together: one batch that is never split.

    Returns:
        The examples. Random order and augmentation of a loader are fixed by reading once, in
        order, from fixed random numbers.

    Raises:
        DataError: The data hold no examples, or have another form.
    """
    remarks: list[str] = []
    sizes: tuple[int, ...] = ()
    if _is_pair(data) or isinstance(data, Mapping):
        batches = [_batch(data, full_batch)]
    else:
        with _fixed_random_numbers(_generators(data)):
            batches = [_batch(each, full_batch) for each in _batches(data, remarks)]
        if not _is_dataset(data):
            sizes = tuple(batch.num for batch in batches)
    if not batches:
        raise DataError("the data hold no batch")
    if full_batch:
        if len(batches) > 1:
            raise DataError(f"full_batch takes one batch, the data hold {len(batches)}")
        return Data(tuple(batches), False, tuple(remarks))
    joined = _joined(batches)
    if joined is not None:
        return Data((joined,), True, tuple(remarks), sizes)
    return Data(tuple(batches), False, tuple(remarks))


def _is_pair(data: Any) -> bool:
    """Return whether data are ``(inputs, targets)``: a pair, or a list of two arrays."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        return False
    return isinstance(data, tuple) or all(isinstance(each, Tensor | np.ndarray) for each in data)


def _is_dataset(data: Any) -> bool:
    """Return whether data are single examples by their index."""
    has_examples = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    is_loader = isinstance(data, DataLoader | Sequence)
    return isinstance(data, TorchDataset) or (has_examples and not is_loader)


def _batches(data: Any, remarks: list[str]) -> Iterator[Any]:
    """Yield the batches of a loader, a data set or an iterable, in a fixed order.

    Raises:
        DataError: The data are none of these.
    """
    if isinstance(data, DataLoader):
        yield from _of_loader(data, remarks)
    elif _is_dataset(data):
        yield from DataLoader(data, batch_size=_EXAMPLES_AT_ONCE)
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes):
        yield from data
    else:
        raise DataError(
            "data must be a pair (x, y) of arrays, a dictionary of arrays, a Dataset, a DataLoader "
            f"or batches, not {type(data).__name__}"
        )


def _of_loader(loader: "DataLoader[Any]", remarks: list[str]) -> Iterator[Any]:
    if isinstance(loader.dataset, IterableDataset):
        remarks.append("the data of an IterableDataset are those of its first pass")
        yield from loader
    elif isinstance(loader.sampler, RandomSampler) and loader.batch_size is not None:
        remarks.append("the loader's shuffling is left out: examples are read in order")
        dataset: Any = loader.dataset
        for k in range(0, len(dataset), loader.batch_size):
            last = min(k + loader.batch_size, len(dataset))
            yield loader.collate_fn([dataset[index] for index in range(k, last)])
    else:
        yield from loader


def _generators(data: Any) -> list[torch.Generator]:
    """Return a loader's own generators of random numbers."""
    owners = (data, getattr(data, "sampler", None), getattr(data, "batch_sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    return [each for each in found if isinstance(each, torch.Generator)]


@contextmanager
def _fixed_random_numbers(own: Sequence[torch.Generator]) -> Iterator[None]:
    """Fix the random numbers of Python, numpy and torch, and restore their state afterwards.

    Args:
        own: Further generators of torch.
    """
    states = random.getstate(), np.random.get_state()  # noqa: NPY002  # a user's transformations
    of_own = [generator.get_state() for generator in own]
    with torch.random.fork_rng(devices=[]):
        for generator in (torch.default_generator, *own):
            generator.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
            for generator, state in zip(own, of_own, strict=True):
                generator.set_state(state)


def _batch(value: Any, full_batch: bool) -> Batch:
    """Return a batch of a pair, or of a dictionary, which model and loss both receive.

    Raises:
        DataError: It is neither, or holds no example.
    """
    if isinstance(value, Mapping):
        inputs = targets = trees.as_tree(value)
    elif isinstance(value, tuple | list) and len(value) == 2:
        try:
            inputs, targets = trees.as_tree(value[0]), trees.as_tree(value[1])
            if not full_batch and not any(map(_is_tree, (inputs, targets))):
                inputs, targets = as_tensors(inputs, targets, "the data")
        except (TypeError, ValueError) as error:
            raise DataError(f"the data: {first_line(error)}") from error
        if isinstance(targets, Tensor):
            targets = with_long_integers(targets)
    else:
        form = f"{len(value)} entries" if isinstance(value, tuple | list) else type(value).__name__
        raise DataError(
            "a batch must be a pair (inputs, targets) or a dictionary; of several inputs give "
            f"((a, b), targets); got {form}"
        )
    num = trees.length((inputs, targets))
    if num is None:
        num = trees.length(targets) or 1  # tensors of other sizes belong to all examples
    if num == 0:
        raise DataError("a batch holds no example")
    return Batch(inputs, targets, num)


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping | tuple) or (
        isinstance(value, list) and any(isinstance(each, Tensor) for each in value)
    )


def _joined(batches: Sequence[Batch]) -> Batch | None:
    """Return batches as one, if every tensor has one entry per example; else None."""
    if any(trees.length((each.inputs, each.targets)) != each.num for each in batches):
        return None
    inputs = trees.concatenated([each.inputs for each in batches])
    targets = trees.concatenated([each.targets for each in batches])
    if inputs is None or targets is None:
        return None
    return Batch(inputs, targets, sum(each.num for each in batches))
