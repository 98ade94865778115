"""The fixed examples that a loss is averaged over, in a fixed order."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from landscape import trees
from landscape.brief import brief
from landscape.modules import move_tensor
from landscape.trees import Tree


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
