import io
import random

import pytest

from landscape import progress
from landscape.progress import Bar, Lines, TimeLeft, duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("landscape.progress.time.monotonic", lambda: now[0])
    return now


def test_lines_come_each_5_percent_or_30_seconds(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("net", 1000)
    for done in range(1, 201):  # 2 s a step: 5 % are 100 s
        clock[0] += 2
        lines.update(done)
    text = stream.getvalue().splitlines()
    assert len(text) == 13
    assert text[0] == "net 15/1000, 0.5/s, 32 min 50 s left"


def test_quick_work_writes_few_lines(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("net", 1000)
    for done in range(1, 1001):
        clock[0] += 0.002
        lines.update(done, "loss 1")
    assert stream.getvalue().splitlines()[-1] == "net 1000/1000, loss 1, took 2.0 s"
    assert len(stream.getvalue().splitlines()) == 2


def test_the_time_left_counts_this_runs_steps_only(clock: list[float]) -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("net", 100, done=90)
    clock[0] += 50
    lines.update(95)
    assert stream.getvalue() == "net 95/100, 0.1/s, 50 s left\n"


@pytest.mark.parametrize("seed", range(20))
def test_the_time_left_is_steady_on_a_busy_machine(clock: list[float], seed: int) -> None:
    noise, steps = random.Random(seed), 2000
    # Steps of 0.3 s, a fiftieth of them stalled for ten seconds by other processes.
    taken = [
        noise.uniform(5, 15) if noise.random() < 0.02 else noise.lognormvariate(-1.5, 0.8)
        for _ in range(steps)
    ]
    time_left, before = TimeLeft(steps), 0.0
    for done, seconds in enumerate(taken[:-1], 1):
        clock[0] += seconds
        time_left.update(done)
        if done >= steps // 10:
            estimate, true = (steps - done) / time_left.rate, sum(taken[done:])
            assert true / 2.5 - 30 < estimate < 2.5 * true + 30
            assert before == 0 or 0.5 < time_left.rate / before < 2
            before = time_left.rate


def test_the_time_left_follows_a_lasting_change_of_speed(clock: list[float]) -> None:
    time_left = TimeLeft(10_000)
    for done in range(1, 3001):
        clock[0] += 0.1 if done <= 1000 else 1.0
        time_left.update(done)
    assert str(time_left) == duration(7000 * 1.0) + " left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    assert isinstance(progress.for_terminal(stream), Lines)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    bar = progress.for_terminal(stream)
    assert isinstance(bar, Bar)
    bar.note("hello [not markup]")
    bar.start("net", 10)
    bar.update(10, "loss 1")
    bar.stop()
    assert "hello [not markup]" in stream.getvalue()
    assert "10/10" in stream.getvalue()
