"""How fast the engine is: each plan to compute a surface against the loop one writes by hand.

    python benchmarks/engine.py --out results/benchmarks

All plans take turns in one run; numbers are medians over the rounds. The loop sets the weights in
place, then evaluates float32 images in batches of 256, as most programs of the field do. It runs in
processes of its own, as scripts would: ours changes how the process allocates memory. In several of
them, because the same loop takes half as long again in one process as in another, by the luck of
the allocator. So does the peer, the package ``loss-landscapes`` (left out where it is not
installed).
"""

import copy
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import Tensor, nn

from landscape import datasets, figures
from landscape.devices import choose_device, hardware
from landscape.evaluation import autotune, reference_plan, torch_settings
from landscape.evaluation.plan import Plan
from landscape.evaluation.profiling import operations_per_image, peak
from landscape.evaluation.rewrites.batchnorm_folding import folded
from landscape.evaluation.strategy import Strategy
from landscape.memory import keep_freed_memory
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.scanning import scan
from landscape.values import Point

_TOKENS = 8192

LOOP, LOOPS = "hand-written loop", 3
WHOLE = "float32, a whole scan with its trials"


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


class ClassesSecond(nn.Module):
    """A language model with its logits in the order that torch's cross entropy takes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.model(tokens).transpose(1, 2)
        return logits


@dataclass(frozen=True)
class Case:
    """What is scanned."""

    name: str
    make: Callable[[], tuple[nn.Module, Tensor, Tensor]]
    points: int  # per turn
    total_points: int = 51 * 51  # of the scan that the chooser is asked for
    compiles: bool = False  # whether torch.compile is tried
    whole: bool = False  # whether a whole scan is short enough to be timed, trials and all
    large: bool = False  # whether a point fills the machine: several at once are not tried

    def turn(self) -> list[Point]:
        """Return the points of one turn."""
        return [(0.001 * k, -0.002 * k) for k in range(self.points)]


def _images(net: str, num: int) -> tuple[nn.Module, Tensor, Tensor]:
    model = Architecture(net).build()
    model.train()(torch.randn(64, 3, 32, 32))
    return model, torch.randn(num, 3, 32, 32), torch.randint(10, (num,))


def _digits() -> tuple[nn.Module, Tensor, Tensor]:
    digits = datasets.load("digits", "all")
    assert digits.preprocessing is not None
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, digits.preprocessing(digits.x).flatten(1), digits.y


def _tokens() -> tuple[nn.Module, Tensor, Tensor]:
    return Transformer(), torch.randint(50, (512, 32)), torch.randint(50, (512, 32))


def _gpt() -> tuple[nn.Module, Tensor, Tensor]:
    # Four of the twelve blocks of GPT-2 small, and a sixth of its vocabulary.
    model = Architecture("gpt4", vocabulary=_TOKENS, context=128, width=768, heads=12).build()
    x, y = torch.randint(_TOKENS, (2, 16, 128))
    return ClassesSecond(model), x, y


def _vit() -> tuple[nn.Module, Tensor, Tensor]:
    # As wide as ViT-S, with half of its blocks.
    model = Architecture("vit6", width=384, heads=6, patch=4).build()
    return model, torch.randn(64, 3, 32, 32), torch.randint(10, (64,))


def cases(images: int) -> list[Case]:
    """Return the seven standard cases."""
    return [
        Case("resnet20", lambda: _images("resnet20", images), 1),
        Case("resnet56", lambda: _images("resnet56", images), 1),
        Case("plain56", lambda: _images("plain56", images), 1),
        Case("mlp 64-64-10 on digits", _digits, 400, compiles=True, whole=True),
        Case("transformer", _tokens, 16),
        Case("gpt4, width 768", _gpt, 1, large=True),
        Case("vit6, width 384", _vit, 1, large=True),
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


class Rival:
    """A program of others at work in a process of its own.

    Args:
        kind: ``loop`` or ``peer``.
        case: What it scans.
        images: Of the convolutional nets.
        device: Where.
    """

    def __init__(self, kind: str, case: str, images: int, device: torch.device) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(
            target=_rival, args=(there, kind, case, images, str(device)), daemon=True
        )
        self._process.start()
        there.close()

    def seconds_per_point(self) -> float:
        """Let it work for one turn."""
        self._connection.send("go")
        return float(self._connection.recv())

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._process.join()


def _rival(connection: Any, kind: str, name: str, images: int, device: str) -> None:
    case = next(case for case in cases(images) if case.name == name)
    torch.manual_seed(0)
    model, x, y = case.make()
    place = torch.device(device)
    turn = _loop_turn if kind == "loop" else _peer_turn
    with torch_settings("float32"):
        work = turn(case, model, x.to(place), y.to(place))
        try:
            while connection.recv():
                connection.send(work())
        except EOFError:
            return


def _loop_turn(case: Case, model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], float]:
    objective = Objective(model, F.cross_entropy, (x, y), device=x.device)
    run = loop(model, x, y, Plane.random(objective.center, 0))

    def turn() -> float:
        began = time.perf_counter()
        run(case.turn())
        return (time.perf_counter() - began) / case.points

    return turn


def _peer_turn(case: Case, model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], float]:
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    steps = max(2, round(case.points**0.5))
    times: list[float] = []

    class Timed(Loss):  # type: ignore[misc]
        def __call__(self, wrapper: Any) -> float:
            value = float(super().__call__(wrapper))
            times.append(time.perf_counter())
            return value

    model = copy.deepcopy(model).to(x.device).eval()

    @torch.no_grad()
    def turn() -> float:
        times.clear()
        # Its "filter" divides by zero where a bias is zero; how it scales does not matter here.
        loss_landscapes.random_plane(
            model, Timed(F.cross_entropy, x, y), steps=steps, normalization="model"
        )
        return (times[-1] - times[0]) / (len(times) - 1)  # without making the directions

    return turn


def _listed(strategy: Strategy) -> Callable[[Sequence[Point]], Any]:
    return lambda points: list(strategy(points))


def _plans(
    case: Case, objective: Objective, plane: Plane, device: torch.device
) -> dict[str, tuple[str, Plan]]:
    """Return our plans by name, each with the precision whose peak it is compared with."""
    base = reference_plan(objective, plane)
    probes = [(0.0, 0.0), (-1.0, 1.0), (0.37, -0.21)]
    named = {"one point at a time": ("float32", base)}
    network = folded(objective, plane)
    if network is None and not case.large:
        named["32 points at once"] = ("float32", replace(base, points_per_batch=32))
    elif network is not None:
        plan = replace(base, network=network, images_per_batch=64 if device.type == "cpu" else 2048)
        named["BatchNorm folded"] = ("float32", plan)
    for precision in ("float32", *(["tf32"] if device.type == "cuda" else []), "bfloat16"):
        plan = autotune(
            objective,
            plane,
            probes,
            case.total_points,
            precision=precision,  # type: ignore[arg-type]
            note=click.echo,
        ).plan
        named[f"{precision}, chosen: {plan}"] = (precision, plan)
        if case.compiles and precision == "float32" and plan.network.compiles:
            named["float32, chosen, compiled"] = ("float32", replace(plan, compiled=True))
    return named


def measure(case: Case, images: int, device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """Return one row per plan: its median time, its ratio to the loop, its part of the peak."""
    torch.manual_seed(0)
    model, x, y = case.make()
    objective = Objective(model, F.cross_entropy, (x, y), device=device)
    plane = Plane.random(objective.center, 0)
    plans = _plans(case, objective, plane, device)
    ours = {name: _listed(plan.on(objective)) for name, (_, plan) in plans.items()}
    rivals = {
        f"{LOOP} {number}": Rival("loop", case.name, images, device) for number in range(LOOPS)
    }
    if find_spec("loss_landscapes"):
        name = f"loss-landscapes {version('loss-landscapes')}"
        rivals[name] = Rival("peer", case.name, images, device)
    points = case.turn()

    def work(name: str) -> float:
        if name in rivals:
            return rivals[name].seconds_per_point()
        began = time.perf_counter()
        if name == WHOLE:
            scan(Objective(model, F.cross_entropy, (x, y), device=device), grid=51)
            return (time.perf_counter() - began) / 51**2
        ours[name](points)
        return (time.perf_counter() - began) / len(points)

    names = [*rivals, *ours, *([WHOLE] if case.whole else [])]
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names:
            seconds = work(name)
            if number > 0:  # the first round warms up
                times[name].append(seconds)
    for rival in rivals.values():
        rival.close()
    loops = [times.pop(f"{LOOP} {number}") for number in range(LOOPS)]
    times = {LOOP: [seconds for each in loops for seconds in each], **times}
    medians = {name: statistics.median(each) for name, each in times.items()}
    ends = [statistics.median(each) for each in loops]
    operations = operations_per_image(objective) * objective.num_images
    return [
        {
            "case": case.name,
            "plan": name
            if name != LOOP
            else f"{LOOP} ({1000 * min(ends):.3g} to {1000 * max(ends):.3g} by process)",
            "precision": plans[name][0] if name in plans else "float32",
            "ms per point": 1000 * seconds,
            "images per second": objective.num_images / seconds,
            "ratio": medians[LOOP] / seconds,
            "operations per second": operations / seconds,
        }
        for name, seconds in medians.items()
    ]


@click.command()
@click.option("--images", default=2000, show_default=True, help="Of the convolutional nets.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each plan.")
@click.option("--only", help="One case, by a part of its name.")
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the table and the figure.")
def main(images: int, rounds: int, only: str | None, device: str, out: Path | None) -> None:
    """Measure, print a table, and write it with a figure."""
    place = choose_device(device)
    rows = []
    keep_freed_memory()
    with torch_settings("float32"):
        kinds = ("float32", *(["tf32"] if place.type == "cuda" else []), "bfloat16")
        rates = {kind: peak(place, kind) for kind in kinds}
        for case in cases(images):
            if only is None or only in case.name:
                rows += measure(case, images, place, rounds)
    where = (
        f"{hardware(place)}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}; large product of matrices: "
        + ", ".join(f"{kind} {rate / 1e9:.0f} GFLOP/s" for kind, rate in rates.items())
    )
    lines = [
        "| net | plan | ms per point | points × images/s | ratio to the loop | of peak |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['case']} | {r['plan']} | {r['ms per point']:.3g} | {r['images per second']:.0f} "
        f"| {r['ratio']:.2f} | {r['operations per second'] / rates[r['precision']]:.0%} |"
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
    labels = [f"{r['case']}: {r['plan'].split(':')[0]}" for r in rows]
    axes.barh(range(len(rows)), [r["ratio"] for r in rows], color="C0")
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="k", linewidth=0.8)
    axes.set_xlabel("speed, hand-written loop = 1")
    return figure


if __name__ == "__main__":
    main()
