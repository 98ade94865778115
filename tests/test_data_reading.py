"""Examples of data sets, loaders and batches, against the examples themselves."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from landscape.data_reading import read
from landscape.errors import DataError

X, Y = torch.randn(23, 3), torch.randint(4, (23,))


class Counting(Dataset[Any]):
    """Notes which examples are read."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.asked.append(index)
        return X[index], Y[index]


class Flipped(Counting):
    """Flips half of the examples."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = super().__getitem__(index)
        return (x.flip(0) if torch.rand(()) < 0.5 else x), y


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(zip(X, Y, strict=True))


def pieces(size: int) -> list[tuple[Tensor, Tensor]]:
    return [(X[k : k + size], Y[k : k + size]) for k in range(0, len(X), size)]


SOURCES: dict[str, Callable[[], Any]] = {
    "pair": lambda: (X, Y),
    "pair of dictionaries": lambda: ({"x": X}, {"labels": Y}),
    "dataset": Counting,
    "stream": Stream,
    "loader": lambda: DataLoader(TensorDataset(X, Y), 5),
    "shuffled loader": lambda: DataLoader(TensorDataset(X, Y), 5, shuffle=True),
    "loader of a stream": lambda: DataLoader(Stream(), 5),
    "batches": lambda: pieces(6),
    "generator": lambda: iter(pieces(6)),
}


def tensor(tree: Any) -> Tensor:
    found = next(iter(tree.values())) if isinstance(tree, dict) else tree
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("num", [1, 5, 7, 23])
@pytest.mark.parametrize("name", SOURCES)
def test_the_first_examples(name: str, num: int) -> None:
    found = read(SOURCES[name](), num=num)
    assert found.num == num
    torch.testing.assert_close(tensor(found.batches[0].inputs), X[:num])
    torch.testing.assert_close(tensor(found.batches[0].targets), Y[:num])
    assert not any("at random" in remark for remark in found.remarks)
    assert read(found) is found


@pytest.mark.parametrize("name", SOURCES)
def test_too_few_examples(name: str) -> None:
    with pytest.raises(DataError, match="24 examples asked of data that hold 23"):
        read(SOURCES[name](), num=24)


def test_no_others_are_read() -> None:
    data = Counting()
    read(data, num=9)
    assert set(data.asked) == set(range(9))


def test_a_batch_that_cannot_be_cut() -> None:
    batches = [((torch.randn(4, 3), torch.eye(7)), torch.zeros(4)) for _ in range(3)]
    assert read(batches, num=8).num == 8
    with pytest.raises(DataError, match="first 6 examples end in a batch .*: ask for 8"):
        read(batches, num=6)


@pytest.mark.parametrize(
    "load", [lambda d: d, lambda d: DataLoader(d, 5), lambda d: DataLoader(d, 5, shuffle=True)]
)
def test_random_data_are_noted(load: Any) -> None:
    torch.manual_seed(3)
    found = read(load(Flipped()))
    assert any("drawn at random (augmentation?)" in remark for remark in found.remarks)
    again = read(load(Flipped()))  # from the same random numbers
    torch.testing.assert_close(again.batches[0].inputs, found.batches[0].inputs)
    assert not any("drawn" in remark for remark in read(load(Counting())).remarks)


@pytest.mark.parametrize("kind", [tuple, list, lambda each: dict(enumerate(each))])
def test_one_of_several_loaders_is_to_be_given(kind: Callable[[Any], Any]) -> None:
    loader = DataLoader(TensorDataset(X, Y), 5)
    with pytest.raises(
        DataError, match=r"expected one DataLoader or Dataset, got 2 .*: return one"
    ):
        read(kind([loader, loader]))


def test_outputs_of_a_tokenizer_that_are_lists() -> None:
    rows = [list(range(100, 150)) for _ in range(4)]
    outputs = {"input_ids": rows, "attention_mask": rows}
    for data in (outputs, (outputs, torch.zeros(4)), [outputs, outputs, outputs]):
        with pytest.raises(DataError, match="input_ids, attention_mask are lists") as found:
            read(data)
        assert "return_tensors='pt'" in str(found.value)
        assert "101" not in str(found.value)
