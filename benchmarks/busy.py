"""How fast the demo's networks are trained and scanned, on an idle machine and on a busy one.

    git worktree add ../before COMMIT
    python benchmarks/busy.py ../before --out results/benchmarks

Compares two checkouts, this one and another, in turns: whole commands, start and choice of
threads included. The busy machine runs a second process with two threads: one that computes
hashes without ever waiting, or one that multiplies matrices with torch.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent.parent
_OWN = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
_HASH = """
import hashlib, threading
def work():
    block = bytes(1 << 24)
    while True:
        hashlib.sha256(block).digest()  # releases the interpreter
threading.Thread(target=work, daemon=True).start()
work()
"""
_TORCH = """
import torch
torch.set_num_threads(2)
a = torch.randn(512, 512)
while True:
    a @ a
"""
LOADS = {"idle": "", "next to two hashing threads": _HASH, "next to two torch threads": _TORCH}


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _OWN}


@contextmanager
def load(program: str) -> Iterator[None]:
    """Run a busy process meanwhile, in a session of its own, if given."""
    if not program:
        yield
        return
    other = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", program], start_new_session=True, env=_environment()
    )
    try:
        time.sleep(5)
        yield
    finally:
        other.kill()
        other.wait()


def seconds(checkout: Path, folder: Path, *arguments: str) -> float:
    """Return the time of a command of the program in a checkout."""
    began = time.perf_counter()
    subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "landscape", *arguments],
        cwd=folder,
        env={**_environment(), "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"},
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
@click.option("--now", type=click.Path(path_type=Path, exists=True), default=HERE)
@click.option("--rounds", default=5, show_default=True, help="On the idle machine.")
@click.option("--busy-rounds", default=3, show_default=True)
@click.option("--epochs", default=6, show_default=True)
@click.option("--busy-epochs", default=2, show_default=True)
@click.option("--points", default=15, show_default=True)
@click.option("--busy-points", default=9, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False))
def main(
    other: Path,
    now: Path,
    rounds: int,
    busy_rounds: int,
    epochs: int,
    busy_epochs: int,
    points: int,
    busy_points: int,
    out: Path | None,
) -> None:
    """Compare this checkout with OTHER."""
    import torch

    checkouts = {"before": other.resolve(), "now": now.resolve()}
    lines = [
        f"Seconds of whole commands, medians in turns ({rounds} rounds idle, {busy_rounds} busy); "
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), torch "
        f"{torch.__version__}.",
        "",
        "| command | machine | before | now | before / now |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        for where, program in LOADS.items():
            size = (busy_epochs, busy_points) if program else (epochs, points)
            for text, arguments in commands(*size).items():
                taken: dict[str, list[float]] = {key: [] for key in checkouts}
                with load(program):
                    for _ in range(busy_rounds if program else rounds):
                        for key, checkout in checkouts.items():
                            folder = Path(name, key)
                            folder.mkdir(exist_ok=True)
                            taken[key].append(seconds(checkout, folder, *arguments))
                a, b = (statistics.median(each) for each in taken.values())
                lines.append(f"| {text} | {where} | {a:.1f} | {b:.1f} | {a / b:.2f} |")
                click.echo(lines[-1])
    if out is not None:
        (out / "busy.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
