"""The first run on a GPU: rates of the card, landscape doctor, the tests, a whole scan.

    python benchmarks/first_gpu.py --out results/benchmarks/gpu.json

Takes at most eight minutes. Every part runs in a process of its own; one that fails is reported in
the file. Needs torch, numpy, h5py and click alone, and pytest for the part ``tests``. With
``--device cpu`` everything is run once, small.
"""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from torch import Tensor

from landscape import Compute, Objective, Plane, Silent, doctor, models, scan
from landscape.devices import choose_device, hardware
from landscape.evaluation import torch_settings
from landscape.evaluation.plan import Plan
from landscape.evaluation.precision import DTYPES
from landscape.evaluation.profiling import operations_per_image, peak
from landscape.evaluation.rewrites.batchnorm_folding import folded
from landscape.evaluation.rewrites.convolution import convolve, convolve_by_cudnn
from landscape.evaluation.rewrites.fastest_convolution import convolve_by_fastest, has_triton
from landscape.evaluation.rewrites.network import unmodified
from landscape.models import Architecture

_TESTS = (
    "tests/evaluation",
    "tests/curvature",
    "tests/test_scanning.py",
    "tests/test_objective.py",
)

PRECISIONS = ("float32", "tf32", "bfloat16", "float16")
POINTS = [(0.0, 0.0), (0.02, 0.03), (0.05, 0.0), (-0.4, 0.3), (1.0, -1.0), (0.7, 0.1)]


def seconds_of(work: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """Return the shortest time of some work, after a warm-up."""

    def once() -> float:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once()
    return min(once() for _ in range(rounds))


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the numbers were measured on."""
    facts: dict[str, Any] = {
        "hardware": hardware(device),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        facts["cuda"] = torch.version.cuda
        facts["cudnn"] = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        facts["capability"] = torch.cuda.get_device_capability(device)
        facts["memory"] = torch.cuda.mem_get_info(device)
    return facts


def rates(device: torch.device) -> dict[str, float]:
    """Return the rates of a copy (bytes/s, read and written) and of products of matrices."""
    numbers = 2**28 if device.type == "cuda" else 2**22
    source = torch.randn(numbers, device=device)
    target = torch.empty_like(source)
    found = {"copy": 8 * numbers / seconds_of(lambda: target.copy_(source), device, 10)}
    kinds = PRECISIONS if device.type == "cuda" else ("float32",)
    return {**found, **{kind: peak(device, kind) for kind in kinds}}


def resnet(name: str, num: int, device: torch.device, dtype: torch.dtype) -> Objective:
    """Return a network of random weights with BatchNorm statistics, on random images."""
    torch.manual_seed(0)
    model = Architecture(name).build()
    with torch.no_grad():
        model.train()(torch.randn(64, 3, 32, 32))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num, 3, 32, 32, generator=generator)
    y = torch.randint(10, (num,), generator=generator)
    return Objective(model.eval(), F.cross_entropy, (x, y), device=device, dtype=dtype)


def plans(objective: Objective, plane: Plane, sizes: tuple[int, ...]) -> Iterator[Plan]:
    """Yield every plan of every precision."""
    gpu = objective.device.type == "cuda"
    for precision in PRECISIONS:
        if not gpu and precision in ("tf32", "float16"):
            continue
        dtype = DTYPES[precision]
        networks = [unmodified(objective, plane, dtype), folded(objective, plane, dtype)]
        if gpu:
            networks.append(folded(objective, plane, dtype, kernels="cudnn"))
            if has_triton(objective.device) and precision in ("bfloat16", "float16"):
                networks.append(folded(objective, plane, dtype, kernels="triton"))
        for network in networks:
            for size in sizes:
                if network is not None:
                    yield Plan(network, precision, size)  # type: ignore[arg-type]


def checks(device: torch.device) -> list[dict[str, Any]]:
    """Return the findings of ``landscape doctor``."""
    return [asdict(finding) for finding in doctor.examine([device])]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def table(device: torch.device, num: int, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the speed of every plan on ResNet-56."""
    objective = resnet("resnet56", num, device, torch.float32)
    plane = Plane.random(objective.center, 0)
    operations = operations_per_image(objective)
    rows = []
    for plan in plans(objective, plane, sizes):
        slow = (
            device.type == "cuda" and plan.precision == "float32" and plan.images_per_batch > 2048
        )
        if slow:
            continue
        row: dict[str, Any] = {"plan": str(plan)}
        try:
            with torch_settings(plan.precision):
                strategy = plan.on(objective)
                seconds = seconds_of(lambda: list(strategy([POINTS[1]])), device, 2)  # noqa: B023
            row["images per second"] = num / seconds
            row["operations per second"] = operations * num / seconds
        except Exception as error:  # reported
            row["error"] = _said(error)
        rows.append(row)
        click.echo(json.dumps(row))
    return rows


def layers(device: torch.device, images: int) -> list[dict[str, Any]]:
    """Return the time of the distinct convolutions of ResNet-56, by layout, type and kernel."""
    if device.type != "cuda":
        return []
    rows = []
    shapes = [(3, 16, 32, 1), (16, 16, 32, 1), (16, 32, 32, 2), (32, 32, 16, 1), (32, 64, 16, 2)]
    for inside, outside, side, stride in [*shapes, (64, 64, 8, 1)]:
        for precision in ("tf32", "float16"):
            for last in (False, True):
                for kernel in (convolve, convolve_by_cudnn, convolve_by_fastest):
                    row: dict[str, Any] = {
                        "layer": f"{inside}-{outside}, {side}x{side}, stride {stride}",
                        "precision": precision,
                        "channels last": last,
                        "kernel": kernel.__name__,
                    }
                    try:
                        row.update(
                            _layer(
                                device,
                                images,
                                inside,
                                outside,
                                side,
                                stride,
                                precision,
                                last,
                                kernel,
                            )
                        )
                    except Exception as error:  # reported
                        row["error"] = _said(error)
                    rows.append(row)
    return rows


def _layer(
    device: torch.device,
    images: int,
    inside: int,
    outside: int,
    side: int,
    stride: int,
    precision: str,
    last: bool,
    kernel: Callable[..., Tensor],
) -> dict[str, float]:
    layout = torch.channels_last if last else torch.contiguous_format
    dtype = DTYPES[precision]
    x = torch.randn(images, inside, side, side, device=device, dtype=dtype).contiguous(
        memory_format=layout
    )
    w = torch.randn(outside, inside, 3, 3, device=device, dtype=dtype).contiguous(
        memory_format=layout
    )
    bias = torch.randn(outside, device=device, dtype=dtype)
    with torch_settings(precision), torch.no_grad():

        def call() -> Tensor:
            return kernel(x, w, bias, None, True, (stride, stride), (1, 1), (1, 1), 1)

        def many() -> None:
            for _ in range(10):
                call()

        seconds = seconds_of(many, device) / 10
        out = call()
    moved = (x.numel() + out.numel()) * x.element_size()
    operations = 2 * out.numel() * inside * 9
    return {
        "seconds": seconds,
        "bytes per second": moved / seconds,
        "operations per second": operations / seconds,
    }


def whole(device: torch.device, num: int, points: int, precision: str) -> dict[str, Any]:
    """Return the time of a whole scan of ResNet-56, with its trials and notes."""
    objective = resnet("resnet56", num, device, torch.float32)
    notes: list[str] = []

    class Progress(Silent):
        def note(self, text: str) -> None:
            notes.append(f"{time.perf_counter() - began:.1f} s: {text}")

    began = time.perf_counter()
    scan(objective, grid=points, compute=Compute(precision=precision), progress=Progress())  # type: ignore[arg-type]
    taken = time.perf_counter() - began
    return {
        "images": num,
        "points": points**2,
        "precision": precision,
        "seconds": taken,
        "notes": notes,
    }


def large(device: torch.device, depth: int, width: int, dtype: torch.dtype) -> dict[str, Any]:
    """Return the memory and time of a scan of a language model on 4 sequences of 64 tokens."""
    torch.manual_seed(0)
    options = {"width": width, "heads": max(1, width // 64), "vocabulary": 50257}
    with torch.device(device):
        model = models.create(f"gpt{depth}", context=64, **options).to(dtype)
        tokens = torch.randint(50257, (4, 65))
    numbers = sum(parameter.numel() for parameter in model.parameters())
    gpu = device.type == "cuda"
    before = torch.cuda.memory_allocated(device) if gpu else 0
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    objective = Objective(model, _token_loss, (tokens[:, :-1], tokens[:, 1:]), device=device)
    plane = Plane.random(objective.center)
    drawn = time.perf_counter()
    surface = scan(objective, plane, 5)
    ended = time.perf_counter()
    peak = torch.cuda.max_memory_allocated(device) - before if gpu else 0
    return {
        "parameters": numbers,
        "type": str(dtype),
        "plan": surface.provenance["plan"],
        "peak bytes for each parameter": peak / numbers,
        "seconds for the directions": drawn - began,
        "seconds for 25 points": ended - drawn,
        "finite": bool(surface.is_complete),
    }


def _token_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)


def tests() -> dict[str, Any]:
    """Return what the tests for CUDA say."""
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "-q", "--no-header", "--tb=short"]
    command += [
        "-p",
        "no:cacheprovider",
        "--maxfail=20",
        "--continue-on-collection-errors",
        "--durations=8",
        *_TESTS,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return {"exit code": ended.returncode, "output": ended.stdout[-9000:] + ended.stderr[-1000:]}


def parts(device: torch.device) -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    gpu = device.type == "cuda"
    num, sizes = (8192, (2048, 8192)) if gpu else (64, (32,))
    return {
        "environment": lambda: environment(device),
        "rates": lambda: rates(device),
        "doctor": lambda: checks(device),
        "layers": lambda: layers(device, 4096),
        "table": lambda: table(device, num, sizes),
        "large": lambda: large(device, 23 if gpu else 2, 1280 if gpu else 64, torch.float32),
        "large, bfloat16": lambda: large(
            device, 23 if gpu else 2, 1280 if gpu else 64, torch.bfloat16
        ),
        "tests": tests,
        "whole": lambda: whole(device, num, 11 if gpu else 3, "auto"),
        "goal": lambda: whole(device, 50_000 if gpu else 64, 51 if gpu else 3, "auto"),
    }


@click.command()
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--only", help="Names of parts, separated by commas.")
@click.option("--part", help="Run this part alone, in this process.")
def main(device: str, out: Path, only: str | None, part: str | None) -> None:
    """Run each part in a process of its own, and write what they found after each."""
    place = choose_device(device)
    if part is not None:
        out.write_text(json.dumps(parts(place)[part](), default=str))
        return
    found: dict[str, Any] = {"seconds": {}}
    for name in parts(place):
        if only and name not in only.split(","):
            continue
        began = time.perf_counter()
        answer = out.with_name(f"{out.stem}-{name}.json")
        command = [sys.executable, __file__, "--device", device, "--part", name]
        ended = subprocess.run(  # noqa: S603
            [*command, "--out", str(answer)], stderr=subprocess.PIPE, text=True, check=False
        )
        if ended.returncode == 0:
            found[name] = json.loads(answer.read_text())
            answer.unlink()
        else:
            found[name] = {"error": ended.stderr[-2000:]}
        found["seconds"][name] = time.perf_counter() - began
        out.write_text(json.dumps(found, indent=1))
        click.echo(f"{name}: {found['seconds'][name]:.1f} s, exit code {ended.returncode}")


if __name__ == "__main__":
    main()
