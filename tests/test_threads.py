import time
from collections.abc import Iterator

import pytest
import torch

from landscape.threads import _candidates, fastest_num_threads, num_threads


@pytest.fixture(autouse=True)
def _four_threads() -> Iterator[None]:
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def takes(seconds: dict[int, float], asked: list[int]) -> None:
    asked.append(torch.get_num_threads())
    time.sleep(seconds[asked[-1]])


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({4: 0.010, 2: 0.020, 1: 0.040}, 4),
        ({4: 0.040, 2: 0.010, 1: 0.020}, 2),
        ({4: 0.100, 2: 0.080, 1: 0.010}, 1),
        ({4: 0.0100, 2: 0.0100, 1: 0.0100}, 1),  # fewer threads disturb others less
    ],
)
def test_the_fastest_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], fastest: int
) -> None:
    monkeypatch.setattr("landscape.threads._candidates", lambda: [4, 2, 1])
    monkeypatch.setattr("landscape.threads._ALL", 1.0)
    asked: list[int] = []
    # Slower by far than the resolution of the clock, also on a busy machine.
    assert fastest_num_threads(lambda: takes(seconds, asked)) == fastest
    assert set(asked) <= {4, 2, 1}
    assert torch.get_num_threads() == 4


def test_long_steps_are_not_measured_with_fewer_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape.threads._candidates", lambda: [4, 2, 1])
    asked: list[int] = []
    assert fastest_num_threads(lambda: takes({4: 0.3, 2: 0.4, 1: 0.8}, asked)) == 4
    assert asked == [4, 4]  # the first of all is not measured


@pytest.mark.parametrize(
    ("seconds", "candidates"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.35}, [4, 2, 1]),
        ({1: 1.0, 2: 0.6, 4: 50.0}, [2, 1]),  # two cores are taken by other processes
        ({1: 1.0, 2: 20.0, 4: 50.0}, [1]),
    ],
)
def test_numbers_of_threads_without_free_cores_are_excluded(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], candidates: list[int]
) -> None:
    """A step with them may take seconds."""

    def timed(_step: object, _at_least: float = 0.0) -> float:
        return seconds[torch.get_num_threads()]

    monkeypatch.setattr("landscape.threads._seconds", timed)
    assert _candidates() == candidates
    if candidates == [1]:
        asked: list[int] = []
        assert fastest_num_threads(lambda: asked.append(1)) == 1
        assert not asked


def test_one_thread_is_not_measured() -> None:
    asked: list[int] = []
    with num_threads(1):
        assert fastest_num_threads(lambda: takes({1: 0.0}, asked)) == 1
    assert not asked


def test_the_number_of_threads_comes_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), num_threads(2) as num:
        _ = 1 / (torch.get_num_threads() - num)
    assert torch.get_num_threads() == 4
