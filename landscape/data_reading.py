"""Read examples of anything that holds some, once, in a fixed order."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset
from torch.utils.data import Dataset as TorchDataset

from landscape import trees
from landscape.arrays import as_tensors, check_single, with_long_integers
from landscape.data import Batch, Data
from landscape.errors import DataError, first_line
from landscape.trees import Tree

_EXAMPLES_AT_ONCE = 256  # of a Dataset
_READ_AGAIN = 4  # of a Dataset, to see whether it is random: one may be flipped twice, or never

_DRAWN = (
    "the data are drawn at random (augmentation?): the loss is that of the examples drawn this "
    "time, with fixed random numbers; give the data without augmentation"
)


def read(data: Any, *, full_batch: bool = False, num: int | None = None) -> Data:
    """Return the examples of anything that holds some.

    Args:
        data: A pair ``(inputs, targets)`` of arrays, or of nestings of arrays with one entry per
            example; a dictionary of such arrays; a ``Dataset`` or ``DataLoader`` of torch; or a
            list or iterable of batches, each a pair or a dictionary. Data that were read are
            returned.
        full_batch: The examples belong together: one batch that is never split.
        num: Number of examples, from the first on; no others are read. None for all.

    Returns:
        The examples. Random order and augmentation of a loader are fixed by reading once, in
        order, from fixed random numbers.

    Raises:
        DataError: The data hold no examples, too few of them, or have another form.
    """
    if isinstance(data, Data):
        return data
    check_single(data, "the data")
    remarks: list[str] = []
    sizes: tuple[int, ...] = ()
    if _is_pair(data) or isinstance(data, Mapping):
        batches = list(_first([_batch(data, full_batch)], num))
    else:
        with _fixed_random_numbers(_generators(data)):
            every = (_batch(each, full_batch) for each in _batches(data, remarks, num))
            batches = list(_first(every, num))
            if _is_drawn(data):
                remarks.append(_DRAWN)
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


def _first(batches: Iterable[Batch], num: int | None) -> Iterator[Batch]:
    """Yield the batches of the first examples, of which the last one is cut.

    Raises:
        DataError: They hold fewer examples, or a batch cannot be cut.
    """
    found = 0
    for batch in batches:
        rest = batch.num if num is None else min(batch.num, num - found)
        if rest == batch.num:
            yield batch
        elif trees.length((batch.inputs, batch.targets)) == batch.num:
            inputs, targets = (trees.taken(t, slice(rest)) for t in (batch.inputs, batch.targets))
            yield Batch(inputs, targets, rest)
        else:
            raise DataError(
                f"the first {num} examples end in a batch that cannot be cut, since its tensors "
                f"have not one entry per example: ask for {found + batch.num}"
            )
        found += rest
        if found == num:
            return
    if num is not None:
        raise DataError(f"{num} examples asked of data that hold {found}", expected=num, got=found)


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


def _batches(data: Any, remarks: list[str], num: int | None) -> Iterator[Any]:
    """Yield the batches of a loader, a data set or an iterable, in a fixed order.

    Raises:
        DataError: The data are none of these.
    """
    if isinstance(data, DataLoader):
        yield from _of_loader(data, remarks)
    elif _is_dataset(data):
        if num is not None and not isinstance(data, IterableDataset):
            data = Subset(data, range(min(num, len(data))))
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


def _is_drawn(data: Any) -> bool:
    """Return whether examples of a data set, or of a loader's, differ when they are read again."""
    if isinstance(data, DataLoader):
        has_numbers = isinstance(data.sampler, RandomSampler | SequentialSampler)
        data = data.dataset if has_numbers and data.batch_size is not None else None
    if isinstance(data, IterableDataset) or not _is_dataset(data):
        return False
    try:
        indices = range(min(_READ_AGAIN, len(data)))
        pairs = ((trees.as_tree(data[k]), trees.as_tree(data[k])) for k in indices)
        return any(_differ(*map(trees.tensors, pair)) for pair in pairs)
    except Exception:  # of a data set that is read by a loader's processes alone
        return False


def _differ(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) != len(b) or any(
        x.shape != y.shape or not torch.equal(x.nan_to_num(), y.nan_to_num())
        for x, y in zip(a, b, strict=True)
    )


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
        _check_tensors(inputs)
    elif isinstance(value, tuple | list) and len(value) == 2:
        try:
            inputs, targets = trees.as_tree(value[0]), trees.as_tree(value[1])
            _check_tensors(inputs)
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


def _check_tensors(inputs: Tree) -> None:
    """Check that a dictionary is not one of lists, as of a tokenizer.

    Raises:
        DataError: It is.
    """
    if isinstance(inputs, Mapping) and not trees.tensors(inputs):
        lists = [str(key) for key, value in inputs.items() if isinstance(value, list)]
        if lists:
            raise DataError(
                f"the data: expected tensors, {', '.join(lists)} are lists: give "
                "return_tensors='pt' (and padding=True) to the tokenizer, or make them tensors"
            )


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
