"""How much faster a scan is where only the last block of a transformer moves.

    python benchmarks/only.py

A vision transformer on random images of 32×32 pixels: the fastest plan that computes everything at
every point, and the one that keeps the outputs of what does not move, in turns. Medians of the
rounds.
"""

import platform
import statistics
import time

import click
import torch
import torch.nn.functional as F

from landscape import models
from landscape.devices import choose_device, hardware
from landscape.evaluation import torch_settings
from landscape.evaluation.plan import Plan
from landscape.evaluation.rewrites.cached_modules import with_cache
from landscape.evaluation.rewrites.network import unmodified
from landscape.evaluation.rewrites.onednn import with_onednn
from landscape.objective import Objective
from landscape.plane import Plane

_POINTS = [(0.01 * k, -0.02 * k) for k in range(3)]


@click.command()
@click.option("--depth", default=12, show_default=True)
@click.option("--images", default=256, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--device", default="auto", show_default=True)
def main(depth: int, images: int, rounds: int, device: str) -> None:
    """Measure, and print one line."""
    torch.manual_seed(0)
    data = (torch.randn(images, 3, 32, 32), torch.randint(10, (images,)))
    objective = Objective(
        models.create(f"vit{depth}"),
        F.cross_entropy,
        data,
        device=choose_device(device),
        only=f"blocks.{depth - 1}.*",
    )
    plane = Plane.random(objective.center, 0)
    everything = with_onednn(objective, plane) or unmodified(objective, plane)
    cached = with_cache(objective, plane, torch.float32)
    assert cached is not None  # other blocks do not move
    strategies = [Plan(network, "float32", 64).on(objective) for network in (everything, cached)]
    times: tuple[list[float], list[float]] = ([], [])
    with torch_settings("float32"):
        for number in range(rounds + 1):
            for strategy, own in zip(strategies, times, strict=True):
                began = time.perf_counter()
                list(strategy(_POINTS))
                if number > 0:  # the first round warms up
                    own.append((time.perf_counter() - began) / len(_POINTS))
    whole, part = (statistics.median(each) for each in times)
    click.echo(
        f"vit{depth}, {images} images, {hardware(objective.device)}, "
        f"{torch.get_num_threads()} thread(s), torch {torch.__version__}, "
        f"Python {platform.python_version()}: {1000 * whole:.4g} ms a point, "
        f"{1000 * part:.4g} ms with {cached.name}: {whole / part:.1f} times as fast"
    )


if __name__ == "__main__":
    main()
