"""Kill scans and trainings at random moments, and check that nothing acknowledged is lost.

    python tools/stress_kills.py --kills 300 --minutes 1 --out kills.md

Every run is a process that is killed (SIGKILL), half of them at a random system call of a write
(between two calls, or after half of one), half at a random time, and started again until it
completes. After every kill the file must be readable, hold every point that a commit, or every
epoch that a report had acknowledged, and no other value than the uninterrupted run's; at the end
it must equal that run bit for bit, and stand alone in its folder. Then four scans are written for
some minutes, each with two readers. Exits with 1 if a check fails.

The processes are forks of this one, so that a start takes milliseconds. The system's cache
outlives them: a loss of power is not tested.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

import landscape
from landscape import checkpoints, datasets, scan_loop
from landscape.hdf5.transaction import SurfaceFile
from landscape.hdf5.writer import Writer
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Silent
from landscape.surface import Surface
from landscape.training import Recipe, train

_FORK = multiprocessing.get_context("fork")
_SECONDS_MOST = 120.0  # of a run that is not killed

Report = Callable[[object], None]
"""Receives what is acknowledged."""


@dataclass(frozen=True)
class Subject:
    """What is run and killed.

    Attributes:
        name: In the table.
        act: Runs it into a file, and reports what it has acknowledged.
        check: Raises AssertionError unless the file holds what was acknowledged, and nothing
            wrong; with ``whole``, all of the uninterrupted run.
    """

    name: str
    act: Callable[[Path, Report | None], None]
    check: Callable[..., None]


def scan(name: str, grid: int = 7, seeds: int = 1, **options: Any) -> Subject:
    """Return a scan of a small network, which commits after every point."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
    data = torch.randn(300, 7), torch.randint(3, (300,))
    objective = Objective(model, data=data, device="cpu")
    planes = [Plane.random(objective.center, seed=seed) for seed in range(seeds)]
    plane = planes[0] if seeds == 1 else planes
    whole = landscape.scan(objective, plane, grid, **options)

    def act(path: Path, report: Report | None) -> None:
        scan_loop._SECONDS_PER_COMMIT = 0.0
        commit = SurfaceFile.commit

        def reported(file: SurfaceFile) -> None:
            commit(file)
            if report is not None and file._file is not None:
                report([part.evaluated for part in landscape.load(path).seeds])

        SurfaceFile.commit = reported  # type: ignore[assignment,method-assign]
        landscape.scan(objective, plane, grid, file=path, **options)

    def check(path: Path, acknowledged: Sequence[np.ndarray] | None, *, whole_: bool) -> None:
        if not path.exists():
            assert acknowledged is None, "the file is gone"
            return
        found = landscape.load(path)
        for k, (part, expected) in enumerate(zip(found.seeds, whole.seeds, strict=True)):
            _check_values(part, expected)
            if acknowledged is not None:
                assert not (acknowledged[k] & ~part.evaluated).any(), "a point is lost"
        if whole_:
            _check_equal(found, whole)

    return Subject(name, act, check)


def _check_values(found: Surface, whole: Surface) -> None:
    assert (found.examples[found.evaluated] > 0).all(), "a point without a value"
    final = found.evaluated & (found.examples == whole.examples)
    assert np.array_equal(found.losses[final], whole.losses[final]), "a wrong value"


def _check_equal(found: Surface, whole: Surface) -> None:
    for part, expected in zip(found.seeds, whole.seeds, strict=True):
        assert part.is_complete, "incomplete"
        for array in ("losses", "accuracies", "standard_errors", "examples"):
            assert np.array_equal(getattr(part, array), getattr(expected, array), equal_nan=True), (
                f"other {array}"
            )
    if whole.curvature is not None:
        assert found.curvature is not None
        assert np.array_equal(found.curvature.highest, whole.curvature.highest), "other curvature"


def training(name: str, folder: Path, **options: Any) -> Subject:
    """Return a training of a small network, which saves after every epoch."""
    net = Architecture("resnet8", in_channels=1)
    data = datasets.load("digits").first(40)
    recipe = Recipe(epochs=5, images_per_batch=20, **options)
    whole = train(net, data, None, recipe, folder)

    class Reporting(Silent):
        def __init__(self, report: Report | None) -> None:
            self._report = report

        def update(self, done: int, detail: str = "") -> None:
            if self._report is not None:
                self._report(done // recipe.steps_per_epoch(len(data.x)))

    def act(path: Path, report: Report | None) -> None:
        train(net, data, None, recipe, path.parent, save_every=2, progress=Reporting(report))

    def check(path: Path, acknowledged: int | None, *, whole_: bool) -> None:
        for each in path.parent.glob("*.pt"):
            checkpoints.load(each)
        found = checkpoints.load(path) if path.exists() else None
        epoch = 0 if found is None else found.epoch or 0
        assert epoch >= (acknowledged or 0), "an epoch is lost"
        if whole_:
            assert found is not None
            assert found.history == whole.history, "another history"
            same = [torch.equal(found.state[key], whole.state[key]) for key in whole.state]
            assert all(same), "other weights"

    return Subject(name, act, check)


def _run(subject: Subject, path: Path, calls: int | None, pipe: Connection) -> None:
    """Run in a fork; killed at a system call of a write if ``calls`` are given."""
    torch.set_num_threads(1)
    if calls is not None:
        _die_at(calls)
    subject.act(path, pipe.send)
    pipe.send("done")
    os._exit(0)


def _die_at(calls: int) -> None:
    left = iter(range(calls - 1, -1, -1))

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(function: Callable[..., Any], half: Callable[..., Any] | None) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(left) == 0:
                if half is not None:
                    half(*arguments, **options)
                die()
            return function(*arguments, **options)

        return call

    write, write_bytes = Writer._write, Path.write_bytes

    def half_of_value(writer: Writer, layer: str, name: str, position: int, data: bytes) -> None:
        write(writer, layer, name, position, data[: len(data) // 2])

    def half_of_file(path: Path, data: bytes) -> None:
        write_bytes(path, bytes(data)[: len(data) // 2])

    Writer._write = dying(write, half_of_value)  # type: ignore[method-assign]
    Path.write_bytes = dying(write_bytes, half_of_file)  # type: ignore[method-assign]
    os.fsync = dying(os.fsync, None)
    os.link = dying(os.link, os.link)
    Path.replace = dying(Path.replace, None)  # type: ignore[method-assign]
    Path.unlink = dying(Path.unlink, None)  # type: ignore[method-assign]


def _once(subject: Subject, path: Path, calls: int | None, delay: float | None) -> tuple[bool, Any]:
    """Run a subject once; return whether it was killed, and what it acknowledged last."""
    mine, its = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_run, args=(subject, path, calls, its))
    process.start()
    its.close()
    last, done = None, False
    end = time.monotonic() + (_SECONDS_MOST if delay is None else delay)
    while True:
        if not mine.poll(max(0.0, end - time.monotonic())):
            assert delay is not None, "it hangs"
            process.kill()
            end = time.monotonic() + _SECONDS_MOST
            delay = None
            continue
        try:
            message = mine.recv()
        except EOFError:
            break
        if isinstance(message, str):
            done = True
        else:
            last = message
    process.join()
    mine.close()
    killed = process.exitcode == -signal.SIGKILL
    assert killed or (done and process.exitcode == 0), f"exit code {process.exitcode}"
    return not done, last


def kills(subject: Subject, num: int, folder: Path, chance: np.random.Generator) -> Counter[str]:
    """Kill runs of a subject; return how often it was killed, and what the checks have found."""
    found: Counter[str] = Counter()
    number = 0
    while found["at a write"] + found["at a time"] < num:
        number += 1
        path = folder / f"{subject.name.replace(' ', '-')}-{number}" / "last.pt"
        try:
            _until_complete(subject, path, chance, found, num)
        except (AssertionError, landscape.LandscapeError) as error:
            found[f"fault: {error}"] += 1
        found["runs"] += 1
    return found


def _until_complete(
    subject: Subject, path: Path, chance: np.random.Generator, found: Counter[str], num: int
) -> None:
    before, is_killed = None, True
    while is_killed:
        left = num - found["at a write"] - found["at a time"]
        calls = int(chance.integers(1, 150)) if left > 0 and chance.random() < 0.7 else None
        delay = chance.uniform(0.0, 1.0) if left > 0 and calls is None else None
        is_killed, acknowledged = _once(subject, path, calls, delay)
        before = acknowledged if acknowledged is not None else before
        if is_killed:
            found["at a time" if calls is None else "at a write"] += 1
        subject.check(path, before, whole_=not is_killed)
        found["checks"] += 1
    names = [each.name for each in path.parent.iterdir() if each.suffix != ".pt"]
    assert not names, f"left over: {names[0]}"


def watched(minutes: float, folder: Path) -> Counter[str]:
    """Write four surfaces for some minutes, each with two readers that check every value."""
    subject, end = scan("watched", grid=15), time.monotonic() + 60 * minutes
    stop, answers = _FORK.Event(), _FORK.Queue()

    def write(path: Path) -> None:
        subject.act(path, None)
        subject.check(path, None, whole_=True)
        # Kept, since a reader may be about to open it.
        path.rename(path.with_name(f"complete-{os.getpid()}-{time.monotonic_ns()}.h5"))

    def see(path: Path) -> None:
        before = path.stat().st_ino if path.exists() else 0
        try:
            subject.check(path, None, whole_=False)
        except (AssertionError, landscape.LandscapeError):
            if path.exists() and path.stat().st_ino == before:
                raise

    def repeat(name: str, act: Callable[[Path], None], path: Path) -> None:
        torch.set_num_threads(1)
        num = 0
        while not stop.is_set():
            try:
                act(path)
                num += 1
            except Exception as error:  # whatever is wrong is counted
                answers.put((f"fault: {error}", 1))
            while name == "readings" and not path.exists() and not stop.is_set():
                time.sleep(0.01)
        answers.put((name, num))

    paths = [folder / f"watched-{number}.h5" for number in range(4)]
    acts = (("scans", write), ("readings", see), ("readings", see))
    jobs = [(name, act, path) for path in paths for name, act in acts]
    processes = [_FORK.Process(target=repeat, args=job) for job in jobs]
    for each in processes:
        each.start()
    time.sleep(max(0.0, end - time.monotonic()))
    stop.set()
    found: Counter[str] = Counter()
    while found["processes"] < len(processes):
        name, num = answers.get(timeout=_SECONDS_MOST)
        found[name] += num
        found["processes"] += not name.startswith("fault")
    for each in processes:
        each.join()
    return found


def subjects(folder: Path) -> Iterator[Subject]:
    """Yield what is killed."""
    yield scan("scan")
    yield scan("scan of two seeds", seeds=2)
    yield scan("scan with a tolerance", compute=landscape.Compute(tolerance=0.05))
    yield scan("scan with curvature", grid=3, quantities=("loss", "curvature"))
    yield training("training (sgd)", folder / "sgd")
    yield training("training (adam)", folder / "adam", optimizer="adam", learning_rate=1e-3)


def table(rows: dict[str, Counter[str]]) -> str:
    """Return the results as a table in Markdown."""
    columns = ("runs", "at a write", "at a time", "checks")
    lines = [
        "| subject | completed runs | killed at a write | killed at a time | checks | faults |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for name, found in rows.items():
        counts = " | ".join(str(found[column]) for column in columns)
        lines.append(f"| {name} | {counts} | {', '.join(_faults(found)) or 'none'} |")
    return "\n".join(lines) + "\n"


def _faults(found: Counter[str]) -> list[str]:
    return [f"{num} × {name[7:]}" for name, num in found.items() if name.startswith("fault: ")]


@click.command()
@click.option("--kills", "num", default=300, show_default=True, help="Number of kills.")
@click.option("--minutes", default=1.0, show_default=True, help="Of scans with readers.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table to this file.")
def main(num: int, minutes: float, seed: int, out: Path | None) -> None:
    """Kill scans and trainings, and check what they leave."""
    torch.set_num_threads(1)
    chance, rows = np.random.default_rng(seed), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        each = list(subjects(folder))
        for k, subject in enumerate(each):
            part = (k + 1) * num // len(each) - k * num // len(each)
            rows[subject.name] = kills(subject, part, folder, chance)
            click.echo(f"{subject.name}: {dict(rows[subject.name])}", err=True)
        text = table(rows)
        if minutes:
            seen = watched(minutes, folder)
            text += (
                f"\nFour scans, each with two readers, for {minutes:g} minutes: {seen['scans']} "
                f"scans, {seen['readings']} readings, {len(_faults(seen))} faults.\n"
            )
            rows["readers"] = seen
    click.echo(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    sys.exit(any(_faults(found) for found in rows.values()))


if __name__ == "__main__":
    main()
