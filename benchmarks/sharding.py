"""What a rank of a sharded network takes of memory, and what one process takes for the whole.

    python benchmarks/sharding.py --out results/benchmarks

The network has 100 million parameters (100 layers of 1,000 × 1,000) in a file that is mapped into
memory; each process reports the most of its own (anonymous) memory while it scans 3x3 points.
Mapped pages of the file, which the system may drop and all processes share, are not counted.
"""

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import click
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape.environment import PLAIN_VARIABLE as PLAIN
from landscape.sharding import sharded

_WIDTH, _DEPTH, _POINTS = 1000, 100, 3


class Net(nn.Module):
    """Residual blocks of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.Tanh()) for _ in range(_DEPTH)
        )
        self.head = nn.Linear(_WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + 0.1 * block(x)
        y: Tensor = self.head(x)
        return y


def _anonymous() -> float:
    """Return the megabytes of anonymous memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1e3


class _Peak:
    """Watches the memory of this process."""

    def __init__(self) -> None:
        self.before = self.most = _anonymous()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.most = max(self.most, _anonymous())
            time.sleep(0.005)


def _work(folder: Path, *, shares: bool) -> None:
    """Scan in this process, whole or its shards; write what it took."""
    x = torch.randn(32, _WIDTH, generator=torch.Generator().manual_seed(1))
    data = x, torch.arange(32) % 10
    state = torch.load(folder / "net.pt", mmap=True, weights_only=True)
    with torch.device("meta"):
        net = Net()
    peak = _Peak()
    if shares:
        dist.init_process_group("gloo")
        with sharded(net, state) as network:
            if network is not None:
                objective = landscape.Objective(network, F.cross_entropy, data, device="cpu")
                objective = objective.described(settings=network.settings)
                surface = landscape.scan(objective, network.plane, _POINTS)
                np.save(folder / "shards.npy", surface.losses)
        name = f"rank {dist.get_rank()} of {dist.get_world_size()}"
        dist.destroy_process_group()
    else:
        net.load_state_dict(state, assign=True)
        objective = landscape.Objective(net, F.cross_entropy, data, device="cpu", share=True)
        surface = landscape.scan(objective, landscape.Plane.random(objective.center), _POINTS)
        np.save(folder / "whole.npy", surface.losses)
        name = "one process, unmodified" if os.environ.get(PLAIN) else "one process"
    text = f"| {name} | {peak.before:,.0f} | {peak.most:,.0f} |\n"
    (folder / f"{name}.txt").write_text(text)


@click.command()
@click.option("--out", type=click.Path(path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), hidden=True)
@click.option("--shares", is_flag=True, hidden=True)
def main(out: Path | None, work: Path | None, shares: bool) -> None:
    """Compare two ranks with one process."""
    if work is not None:
        _work(work, shares=shares)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(0)
        torch.save(Net().state_dict(), folder / "net.pt")
        own = [__file__, "--work", name]
        run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
        for plain, command in (
            ("", [sys.executable, *own]),
            ("1", [sys.executable, *own]),
            ("1", [*run, *own, "--shares"]),
        ):
            environment = {**os.environ, PLAIN: plain}
            subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603
        rows = [file.read_text() for file in sorted(folder.glob("*.txt"))]
        whole, shards = (np.load(folder / f"{each}.npy") for each in ("whole", "shards"))
    most = [float(row.split("|")[3].replace(",", "")) for row in rows]
    unmodified, usual, *ranks = most
    deviation = float(np.abs(shards / whole - 1).max())
    text = f"""# Memory of a sharded network

{platform.machine()}, torch {torch.__version__}; 100 million parameters (400 MB in float32), 32
examples, 3x3 points, two ranks (gloo) on one machine. Written by `benchmarks/sharding.py`.

| process | MB before | most MB |
|---|---|---|
{"".join(rows)}
A rank takes {max(ranks) / usual:.2f} of the memory of one process, and
{max(ranks) / unmodified:.2f} of one that evaluates the unmodified network point by point, as ranks
do; the losses differ by at most {deviation:.0e}. Only the processes' own memory is counted, not the
mapped file.
"""
    click.echo(text)
    if out is not None:
        (out / "sharding.md").write_text(text)


if __name__ == "__main__":
    main()
