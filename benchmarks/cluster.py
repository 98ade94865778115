"""How much faster two Dask workers are than one, on one machine.

    python benchmarks/cluster.py --out results/benchmarks

Each worker is a process with one thread. Scans are made in turns, with one worker and with two;
the time of a scan is counted from its first finished point to its last, and what comes before
(the model travels, workers load it and choose nothing) is the start-up, which is reported. For
comparison, a whole scan runs in two processes of their own at a time, and in one: what the machine
itself allows.
"""

import contextlib
import logging
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import click
import torch

import landscape
from landscape import models
from landscape.compute import Compute
from landscape.progress import Silent


class _Clock(Silent):
    """Notes when points are finished."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.finished: list[tuple[float, int]] = []

    def update(self, done: int, detail: str = "") -> None:
        if done and (not self.finished or done > self.finished[-1][1]):
            self.finished.append((time.perf_counter() - self.began, done))

    @property
    def startup(self) -> float:
        """Seconds before the first point."""
        return self.finished[0][0]

    @property
    def rate(self) -> float:
        """Points per second after the first."""
        (first, before), (last, after) = self.finished[0], self.finished[-1]
        return (after - before) / (last - first)


def _objective(net: str, images: int) -> landscape.Objective:
    torch.manual_seed(0)
    data = torch.randn(images, 3, 32, 32), torch.randint(10, (images,))
    model = models.create(net).train()
    with torch.no_grad():
        model(data[0][:64])
    return landscape.Objective(model.eval(), "cross_entropy", data, device="cpu")


def _clocked(net: str, images: int, points: int, executor: Any = None) -> _Clock:
    clock = _Clock()
    compute = Compute(executor=executor)
    landscape.scan(_objective(net, images), grid=points, compute=compute, progress=clock)
    return clock


def _rate(net: str, images: int, points: int) -> float:
    return _clocked(net, images, points).rate


def _ceiling(net: str, images: int, points: int) -> float:
    """Return the speed of two independent processes over that of one."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        alone = pool.apply(_rate, (net, images, points))
        both = pool.starmap(_rate, [(net, images, points)] * 2, chunksize=1)
    return sum(both) / alone


@contextlib.contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    import distributed

    dask: Any = distributed  # has no types

    with (
        dask.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        dask.Client(cluster) as client,
    ):
        yield client.get_executor(pure=False, retries=3)


@click.command()
@click.option("--net", default="resnet20", show_default=True)
@click.option("--images", default=128, show_default=True)
@click.option("--points", default=15, show_default=True, help="Points of an axis.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path))
def main(net: str, images: int, points: int, rounds: int, out: Path | None) -> None:
    """Compare one worker with two."""
    torch.set_num_threads(1)
    clocks: dict[int, list[_Clock]] = {1: [], 2: []}
    engine: dict[int, float] = {}
    for turn in range(rounds + 1):
        for workers in (1, 2):
            began = time.perf_counter()
            with _cluster(workers) as executor:
                engine[workers] = time.perf_counter() - began
                clock = _clocked(net, images, points, executor)
            if turn:  # the first warms the disk's cache
                clocks[workers].append(clock)
    ceiling = statistics.median(_ceiling(net, images, points) for _ in range(rounds))
    rates = {each: statistics.median(c.rate for c in clocks[each]) for each in clocks}
    startups = {each: statistics.median(c.startup for c in clocks[each]) for each in clocks}
    ratios = [b.rate / a.rate for a, b in zip(clocks[1], clocks[2], strict=True)]
    text = f"""# Two Dask workers against one

{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}; {net}, {images} images of
32x32 pixels, {points}x{points} points; workers with one thread each; medians of {rounds} scans in
turns. Written by `benchmarks/cluster.py`.

| | one worker | two workers |
|---|---|---|
| cluster started, s | {engine[1]:.1f} | {engine[2]:.1f} |
| first point after, s | {startups[1]:.1f} | {startups[2]:.1f} |
| points per second from there on | {rates[1]:.2f} | {rates[2]:.2f} |

Two workers are {rates[2] / rates[1]:.2f} times as fast as one
({min(ratios):.2f} to {max(ratios):.2f}); two processes that share nothing but the machine are
{ceiling:.2f} times as fast as one.
"""
    click.echo(text)
    if out is not None:
        (out / "cluster.md").write_text(text)


if __name__ == "__main__":
    main()
