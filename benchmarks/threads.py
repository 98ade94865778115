"""How fast small and large steps of training are under different settings of OpenMP's threads.

A thread that waits for its next piece of work either spins, which is fast on an idle machine and
steals the cores of everybody else on a busy one, or sleeps. Each setting is measured in processes
of its own, in turns, on the machine without other load and next to two processes that are busy all
the time.

    python benchmarks/threads.py --out results/benchmarks
"""

import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

_MEASURED = "LANDSCAPE_BENCHMARK_MEASURED"
SETTINGS: dict[str, dict[str, str]] = {
    "default (spin)": {},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "GOMP_SPINCOUNT=100000": {"GOMP_SPINCOUNT": "100000"},
    "GOMP_SPINCOUNT=1000000": {"GOMP_SPINCOUNT": "1000000"},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
# The number of threads is measured as training and scanning do.
SETTINGS |= {
    f"{name}, threads measured": {**setting, _MEASURED: "1"}
    for name, setting in SETTINGS.items()
    if name.endswith((")", "10000", "100000", "passive"))
}
_OWN = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", _MEASURED)

# Steps of about 0.5, 5 and 50 ms on one thread of an AMD EPYC: net, images of 8x8 pixels a step.
STEPS = {"0.5 ms": ("mlp", 128), "5 ms": ("resnet8", 16), "50 ms": ("resnet20", 128)}
_SECONDS = 1.5  # of each measurement


def _measure() -> None:
    """Print the steps per second of every type of step; run in a process of its own."""
    import time

    import torch
    from torch import nn

    from landscape.models import Architecture
    from landscape.threads import fastest_num_threads, num_threads

    rates = {}
    for name, (kind, images) in STEPS.items():
        torch.manual_seed(0)
        if kind == "mlp":
            model: nn.Module = nn.Sequential(
                nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
            )
        else:
            model = Architecture(kind, in_channels=1).build()
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
        x, y = torch.randn(images, 1, 8, 8), torch.randint(10, (images,))

        def step(model: nn.Module = model, x: torch.Tensor = x, y: torch.Tensor = y) -> None:
            nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]

        threads = torch.get_num_threads()
        with num_threads(fastest_num_threads(step) if _MEASURED in os.environ else threads):
            done, began = -3, time.perf_counter()
            while done < 1 or time.perf_counter() - began < _SECONDS:
                optimizer.zero_grad()
                step()
                optimizer.step()
                done += 1
                if done == 0:
                    began = time.perf_counter()
            rates[name] = done / (time.perf_counter() - began)
    sys.stdout.write(json.dumps(rates))


def _rates(setting: dict[str, str]) -> dict[str, float]:
    environment = {key: value for key, value in os.environ.items() if key not in _OWN}
    done = subprocess.run(  # noqa: S603  # this file
        [sys.executable, __file__, "--measure"],
        env={**environment, **setting},
        check=True,
        capture_output=True,
        text=True,
    )
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes busy."""
    others = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    yield
    for other in others:
        other.terminate()
        other.join()


def table(rates: dict[tuple[int, str, str], list[float]], rounds: int) -> str:
    """Return the medians as a table in Markdown."""
    import torch

    lines = [
        f"Steps of training per second, medians of {rounds} rounds in turns; "
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), torch "
        f"{torch.__version__}. A step's name is its time on one thread.",
        "",
        "| setting | " + " | ".join(f"{s}, {where}" for where in _WHERE.values() for s in STEPS),
        "|---" * (1 + len(STEPS) * len(_WHERE)) + "|",
    ]
    lines[-2] += " | lowest part of the best |"
    lines[-1] += "---|"
    middle = {key: statistics.median(values) for key, values in rates.items()}
    columns = [(load, step) for load in _WHERE for step in STEPS]
    best = {(load, s): max(middle[load, name, s] for name in SETTINGS) for load, s in columns}
    for name in SETTINGS:
        values = [middle[load, name, step] for load, step in columns]
        worst = min(value / best[c] for value, c in zip(values, columns, strict=True))
        cells = " | ".join(f"{value:.3g}" for value in values)
        lines.append(f"| {name} | {cells} | {worst:.2f} |")
    return "\n".join(lines) + "\n"


_WHERE = {0: "idle", 2: "next to two busy processes"}


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--measure", is_flag=True, hidden=True)
def main(rounds: int, out: Path | None, measure: bool) -> None:
    """Measure all settings in turns, and print a table."""
    if measure:
        _measure()
        return
    rates: dict[tuple[int, str, str], list[float]] = {}
    for _ in range(rounds):
        for load in _WHERE:
            with busy(load):
                for name, setting in SETTINGS.items():
                    for step, rate in _rates(setting).items():
                        rates.setdefault((load, name, step), []).append(rate)
    text: Any = table(rates, rounds)
    click.echo(text)
    if out is not None:
        (out / "threads.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
