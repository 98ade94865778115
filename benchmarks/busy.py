"""How fast the demo's nets are trained and scanned, on an idle machine and beside a busy process.

    git worktree add ../before COMMIT
    python benchmarks/busy.py ../before --out results/benchmarks

Compares two checkouts, this one and another, in turns: whole commands, start and choice of
threads included. The busy process has two threads that compute all the time.
"""

import hashlib
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent.parent
_WHERE = {False: "idle", True: "beside two busy threads"}
_OWN = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def _hash() -> None:
    block = bytes(1 << 24)
    while True:
        hashlib.sha256(block).digest()  # releases the interpreter


def _two_threads() -> None:
    threading.Thread(target=_hash, daemon=True).start()
    _hash()


@contextmanager
def load(busy: bool) -> Iterator[None]:
    """Run the busy process meanwhile, if it is wanted."""
    other = multiprocessing.Process(target=_two_threads, daemon=True)
    if busy:
        other.start()
    yield
    if busy:
        other.terminate()
        other.join()


def seconds(checkout: Path, folder: Path, *arguments: str) -> float:
    """Return the time of a command of the program in a checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in _OWN}
    began = time.perf_counter()
    subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "landscape", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def commands(epochs: int, points: int) -> dict[str, list[str]]:
    """Return what is measured: training and scanning the pair of the demo."""
    nets = ["plain56", "resnet56"]
    train = ["train", *nets, "--data", "digits", "--epochs", str(epochs), "--overwrite"]
    scan = ["scan", *(f"runs/{net}/last.pt" for net in nets), "--images", "256"]
    return {
        f"train, {epochs} epochs each": train,
        f"scan, {points}×{points} points each": [*scan, "--points", str(points), "--overwrite"],
    }


@click.command()
@click.argument("other", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--rounds", default=5, show_default=True)
@click.option("--busy-rounds", default=3, show_default=True)
@click.option("--epochs", default=3, show_default=True)
@click.option("--points", default=9, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False))
def main(
    other: Path, rounds: int, busy_rounds: int, epochs: int, points: int, out: Path | None
) -> None:
    """Compare this checkout with OTHER."""
    import torch

    checkouts = {"before": other.resolve(), "now": HERE}
    lines = [
        f"Seconds of whole commands, medians in turns ({rounds} rounds idle, {busy_rounds} busy); "
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), torch "
        f"{torch.__version__}.",
        "",
        "| command | machine | before | now | ratio |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        for busy, times in ((False, rounds), (True, busy_rounds)):
            for text, arguments in commands(epochs, points).items():
                taken: dict[str, list[float]] = {key: [] for key in checkouts}
                with load(busy):
                    for _ in range(times):
                        for key, checkout in checkouts.items():
                            taken[key].append(seconds(checkout, Path(name), *arguments))
                before, now = (statistics.median(each) for each in taken.values())
                lines.append(
                    f"| {text} | {_WHERE[busy]} | {before:.1f} | {now:.1f} | {before / now:.2f} |"
                )
                click.echo(lines[-1])
    if out is not None:
        (out / "busy.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
