"""How fast the engine is: each way to compute a surface against the loop one writes by hand.

    python benchmarks/engine.py --out results/benchmarks

All ways take turns in one run; numbers are medians over the rounds. The loop sets the weights in
place, then evaluates float32 images in batches of 256, as most programs of the field do.
"""

import copy
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor, nn

from landscape import data, figures
from landscape.evaluate import choose, kernels, slow_way
from landscape.evaluate.folding import folded
from landscape.evaluate.strategy import Strategy
from landscape.evaluate.values import Point
from landscape.models import Net
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.scanning import choose_device, hardware


class Transformer(nn.Module):
    """A small language model: 2 layers of width 64 over 32 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(64, 50)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self.embed(tokens))).transpose(1, 2)
        return logits


@dataclass(frozen=True)
class Case:
    """What is scanned."""

    name: str
    make: Callable[[], tuple[nn.Module, Tensor, Tensor]]
    points: int  # per turn
    total_points: int = 51 * 51  # of the scan that the chooser is asked for


def _images(net: str, num: int) -> tuple[nn.Module, Tensor, Tensor]:
    model = Net(net).build()
    model.train()(torch.randn(64, 3, 32, 32))
    return model, torch.randn(num, 3, 32, 32), torch.randint(10, (num,))


def _digits() -> tuple[nn.Module, Tensor, Tensor]:
    digits = data.load("digits", "all")
    assert digits.preprocessing is not None
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, digits.preprocessing(digits.x).flatten(1), digits.y


def _tokens() -> tuple[nn.Module, Tensor, Tensor]:
    return Transformer(), torch.randint(50, (512, 32)), torch.randint(50, (512, 32))


def cases(images: int) -> list[Case]:
    """Return the five standard cases."""
    return [
        Case("resnet20", lambda: _images("resnet20", images), 1),
        Case("resnet56", lambda: _images("resnet56", images), 1),
        Case("plain56", lambda: _images("plain56", images), 1),
        Case("mlp 64-64-10 on digits", _digits, 400),
        Case("transformer", _tokens, 16),
    ]


def loop(
    model: nn.Module, x: Tensor, y: Tensor, plane: Plane
) -> Callable[[Sequence[Point]], list[float]]:
    """Return the loop one writes by hand."""
    own = copy.deepcopy(model).to(x.device).eval()

    @torch.no_grad()
    def run(points: Sequence[Point]) -> list[float]:
        losses = []
        for alpha, beta in points:
            for name, parameter in own.named_parameters():
                step = alpha * plane.delta[name] + beta * plane.eta[name]
                parameter.copy_(plane.center[name] + step)
            total = 0.0
            for i in range(0, len(x), 256):
                outputs = own(x[i : i + 256])
                total += F.cross_entropy(outputs, y[i : i + 256]).item() * len(outputs)
            losses.append(total / len(x))
        return losses

    return run


def _listed(strategy: Strategy) -> Callable[[Sequence[Point]], Any]:
    return lambda points: list(strategy(points))


def measure(case: Case, device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """Return one row per way: its median time, and its ratio to the loop."""
    torch.manual_seed(0)
    model, x, y = case.make()
    objective = Objective.of(model, F.cross_entropy, x, y, device=device)
    plane = Plane.random(objective.center, 0)
    base = slow_way(objective, plane)
    probes = [(0.0, 0.0), (-1.0, 1.0), (0.37, -0.21)]
    chosen = {
        precision: choose(
            objective, plane, probes, case.total_points, precision=precision, note=click.echo
        )
        for precision in ("float32", "bfloat16")
    }
    network = folded(objective, plane)
    tried: dict[str, Callable[[Sequence[Point]], Any]] = {
        "hand-written loop": loop(model, objective.inputs, objective.targets, plane)
    }
    named = {"one point at a time": base, "32 points at once": replace(base, points_per_batch=32)}
    if network is not None:
        named = {
            "one point at a time": base,
            "BatchNorm folded": replace(base, network=network, images_per_batch=64),
        }
    for precision, choice in chosen.items():
        named[f"{precision}, chosen: {choice.way}"] = choice.way
    for name, way in named.items():
        tried[name] = _listed(way.on(objective))
    points = [(0.001 * k, -0.002 * k) for k in range(case.points)]
    times: dict[str, list[float]] = {name: [] for name in tried}
    for number in range(rounds + 1):
        for name, compute in tried.items():
            began = time.perf_counter()
            losses = compute(points)
            if number > 0:  # the first round warms up
                times[name].append((time.perf_counter() - began) / len(points))
            assert len(losses) == len(points)
    medians = {name: statistics.median(each) for name, each in times.items()}
    return [
        {
            "case": case.name,
            "way": name,
            "ms per point": 1000 * seconds,
            "images per second": objective.num_images / seconds,
            "ratio": medians["hand-written loop"] / seconds,
        }
        for name, seconds in medians.items()
    ]


def peak(device: torch.device, dtype: torch.dtype, size: int = 4096) -> float:
    """Return the floating-point operations per second of a large matrix product."""
    a = torch.randn(size, size, device=device).to(dtype)
    times = []
    for _ in range(4):
        began = time.perf_counter()
        float((a @ a)[0, 0])  # waits for the device
        times.append(time.perf_counter() - began)
    return float(2 * size**3 / min(times))


@click.command()
@click.option("--images", default=2000, show_default=True, help="Of the convolutional nets.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each way.")
@click.option("--only", help="One case, by a part of its name.")
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the table and the figure.")
def main(images: int, rounds: int, only: str | None, device: str, out: Path | None) -> None:
    """Measure, print a table, and write it with a figure."""
    place = choose_device(device)
    rows = []
    with kernels(tf32=False):
        rates = {
            str(t).removeprefix("torch."): peak(place, t) for t in (torch.float32, torch.bfloat16)
        }
        for case in cases(images):
            if only is None or only in case.name:
                rows += measure(case, place, rounds)
    where = (
        f"{hardware(place)}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}; product of 4096² matrices: "
        + ", ".join(f"{kind} {rate / 1e9:.0f} GFLOP/s" for kind, rate in rates.items())
    )
    lines = ["| net | way | ms per point | images/s | ratio to the loop |", "|---|---|---|---|---|"]
    lines += [
        f"| {r['case']} | {r['way']} | {r['ms per point']:.3g} | {r['images per second']:.0f} "
        f"| {r['ratio']:.2f} |"
        for r in rows
    ]
    text = "\n".join([f"{where}; medians of {rounds} rounds, taken in turns.", "", *lines, ""])
    click.echo(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"engine-{place.type}.md").write_text(f"# Engine, {place.type}\n\n{text}")
        figures.save(_draw(rows), out / f"engine-{place.type}.png")


def _draw(rows: list[dict[str, Any]]) -> Any:
    figure, axes = plt.subplots(figsize=(9, 0.38 * len(rows) + 1), layout="constrained")
    labels = [f"{r['case']}: {r['way'].split(':')[0]}" for r in rows]
    axes.barh(range(len(rows)), [r["ratio"] for r in rows], color="C0")
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="k", linewidth=0.8)
    axes.set_xlabel("speed, hand-written loop = 1")
    return figure


if __name__ == "__main__":
    main()
