"""How much memory and time a scan of a large network takes, on a CPU.

    python benchmarks/large.py --out results/benchmarks

Networks as GPT-2 with random weights, on 4 sequences of 64 tokens. Each is scanned in a process of
its own, whose peak of resident memory the system reports (``VmHWM`` of Linux), from the moment when
the network exists. Times are those of the processor, which other work on the machine changes
little.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

import landscape
from landscape import models
from landscape.evaluation import reference_plan, torch_settings
from landscape.evaluation.activation_memory import bytes_per_image
from landscape.evaluation.strategy import BatchedStrategy
from landscape.memory import keep_freed_memory
from landscape.objective import Objective
from landscape.plane import Plane

SEQUENCES, TOKENS, ROUNDS = 4, 64, 3


@dataclass(frozen=True)
class Case:
    """A network: depth, width, vocabulary, and the type of its weights."""

    depth: int
    width: int
    vocabulary: int
    dtype: str = "float32"

    def model(self) -> torch.nn.Module:
        """Return the network."""
        torch.manual_seed(0)
        options = {"width": self.width, "heads": self.width // 64, "vocabulary": self.vocabulary}
        model = models.create(f"gpt{self.depth}", context=TOKENS, **options)
        return model.to(getattr(torch, self.dtype))


# The first shows what libraries and kernels take without any weights to speak of.
CASES = {
    "0": Case(1, 64, 256),
    "10": Case(6, 384, 256),
    "100": Case(12, 768, 50257),
    "500": Case(23, 1280, 50257),
    "500-bfloat16": Case(23, 1280, 50257, "bfloat16"),
}


def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy of the tokens of each sequence."""
    values = torch.nn.functional.cross_entropy(
        outputs.flatten(0, 1), targets.flatten(), reduction="none"
    )
    return values.view(targets.shape).mean(1)


def _memory(key: str) -> float:
    """Return a value of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * int(next(line for line in lines if line.startswith(key)).split()[1])


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def _measure(case: Case, points: int) -> dict[str, Any]:
    """Return what a scan of one network takes; runs in a process of its own."""
    model = case.model()
    numbers = sum(parameter.numel() for parameter in model.parameters())
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    tokens = torch.randint(case.vocabulary, (SEQUENCES, TOKENS + 1))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = _memory("VmRSS")
    keep_freed_memory()
    objective = Objective(model, loss, (tokens[:, :-1], tokens[:, 1:]), device="cpu")
    began = time.process_time()
    plane = Plane.random(objective.center)
    drawing = time.process_time() - began
    plan = reference_plan(objective, plane)
    activations = SEQUENCES * bytes_per_image(objective, plan.network)
    began = time.perf_counter()
    surface = landscape.scan(objective, plane, points)
    scan = time.perf_counter() - began
    peak = _memory("VmHWM") - before
    strategy, coordinates = plan.on(objective), torch.tensor([[0.1, 0.2]])

    assert isinstance(strategy, BatchedStrategy)

    def form() -> None:
        for tensor in strategy._weights(coordinates).values():
            tensor.detach()  # which forms it

    with torch.no_grad(), torch_settings("float32"):
        list(strategy([(0.1, 0.2)]))
        point, forming = _seconds(lambda: list(strategy([(0.1, 0.2)]))), _seconds(form)
    return {
        "parameters": numbers,
        "weights": weights,
        "peak": peak,
        "activations": activations,
        "drawing": drawing,
        "point": point,
        "forming": forming,
        "scan": scan,
        "plan": surface.provenance["plan"],
        "precision": surface.settings["precision"],
        "threads": surface.provenance["threads"],
    }


def _row(each: dict[str, Any], libraries: float) -> list[str]:
    numbers = each["parameters"]
    own = (each["peak"] - each["activations"] - libraries) / numbers
    return [
        f"{numbers / 1e6:.1f} million, {each['precision']}",
        f"{each['weights'] / 1e9:.2f}",
        f"{each['activations'] / 1e9:.2f}",
        f"{each['peak'] / 1e9:.2f}",
        f"{own:.1f}" if own else "",
        f"{each['drawing']:.1f}",
        f"{each['point']:.2f}",
        f"{each['forming']:.2f}",
        f"{each['forming'] / each['point']:.0%}",
    ]


def table(results: list[dict[str, Any]], points: int) -> str:
    """Return the results as a table in Markdown."""
    header = [
        "parameters, type of the point",
        "weights (GB)",
        "activations (GB)",
        "peak in addition to the weights (GB)",
        "bytes for each parameter",
        "directions, once (s)",
        "a point (s)",
        "of which its weights (s)",
        "share",
    ]
    libraries = results[0]["peak"] - results[0]["activations"]
    lines = [
        f"Scans of {points}×{points} points over {SEQUENCES} sequences of {TOKENS} tokens; "
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), torch "
        f"{torch.__version__}, {results[0]['threads']} thread(s). Seconds are those of the "
        "processor.",
        "",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
        *(f"| {' | '.join(_row(each, libraries))} |" for each in results),
    ]
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--points", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--measure", type=click.Choice(list(CASES)), hidden=True)
def main(names: tuple[str, ...], points: int, out: Path | None, measure: str | None) -> None:
    """Measure networks of so many million parameters, all by default, and print a table."""
    if measure is not None:
        click.echo(json.dumps(_measure(CASES[measure], points)))
        return
    results = []
    for name in ["0", *(name for name in names or CASES if name != "0")]:
        done = subprocess.run(  # noqa: S603  # this file
            [sys.executable, __file__, "--measure", name, "--points", str(points)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        results.append(json.loads(done.stdout))
        click.echo(f"{name}: {done.stdout.strip()}", err=True)
    text = table(results, points)
    click.echo(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "large.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
