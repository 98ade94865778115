"""``landscape scan``."""

import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from landscape import progress
from landscape.atomic import check_writable
from landscape.captions import center
from landscape.commands import shards
from landscape.commands.compute_options import COMPUTE_OPTIONS, ComputeOptions, compute_options
from landscape.commands.doctor import self_check
from landscape.commands.info import as_one_line, facts_of
from landscape.commands.input_options import INPUT_OPTIONS, input_options
from landscape.commands.inputs import Inputs
from landscape.commands.live import watched
from landscape.commands.loaded import LoadedModel, load_metrics
from landscape.commands.messages import usage_errors
from landscape.commands.options import PATH
from landscape.commands.output_options import OUTPUT_OPTIONS, OutputOptions, output_options
from landscape.commands.plane_options import PLANE_OPTIONS, plane_options
from landscape.commands.selection_options import SELECTION_OPTIONS, Selection, selection_options
from landscape.commands.tasks import PlaneOptions, Task, stored
from landscape.commands.verb import Verb
from landscape.diagnostics import warnings
from landscape.estimating import estimate
from landscape.figures import terminal
from landscape.hdf5 import SurfaceFile
from landscape.metrics import Metric
from landscape.plane import Plane
from landscape.progress import Progress
from landscape.scanning import Quantity, scan
from landscape.surface import Surface
from landscape.threads import use_free_cores

_GROUPS = {
    "Network and data": (*INPUT_OPTIONS, "metric_references"),
    "Plane": (*PLANE_OPTIONS, *SELECTION_OPTIONS, "curvature"),
    "Precision and speed": (*COMPUTE_OPTIONS, "checks_devices", "estimates"),
    "Output": OUTPUT_OPTIONS,
}
_ESSENTIAL = (
    "model_reference",
    "loss_reference",
    "data_name",
    "images",
    "kind",
    "points",
    "both",
    "line",
    "device",
    "out",
)


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("paths", metavar="CHECKPOINT...", nargs=-1, required=True, type=PATH)
@input_options
@plane_options
@selection_options
@click.option(
    "--curvature",
    is_flag=True,
    help="Also compute the extreme Hessian eigenvalues at every point (relative accuracy 5 %, all "
    "images). Expensive: use few points and images.",
)
@click.option(
    "--metric",
    "metric_references",
    multiple=True,
    metavar="FILE.py:CALLABLE",
    help="Further height, called as metric(outputs, targets) for one value per example, or as "
    "metric(model) for a number of the whole data set; may be repeated. Draw it with plot "
    "--quantity CALLABLE.",
)
@compute_options
@click.option(
    "--self-check",
    "checks_devices",
    is_flag=True,
    help="First check what the devices compute, as landscape doctor does.",
)
@click.option(
    "--estimate",
    "estimates",
    is_flag=True,
    help="Print the time that the scan would take, from a few trials, without computing it.",
)
@output_options
def command(
    paths: tuple[Path, ...],
    inputs: Inputs,
    plane: PlaneOptions,
    selection: Selection,
    curvature: bool,
    metric_references: tuple[str, ...],
    computing: ComputeOptions,
    checks_devices: bool,
    estimates: bool,
    output: OutputOptions,
) -> None:
    """Evaluate the loss on a plane through trained parameters, and write an HDF5 file.

    The plane is θ* + α δ + β η with random, filter-normalized directions δ and η (Li et al.
    2018), or another --plane. random, eigenvectors and FILE write one surface for each CHECKPOINT;
    through defines one plane by all of them, towards a line to each after the first; for pca they
    are run folders. Interrupted scans resume when the same command is given again.

    \b
    Example:
      landscape scan runs/plain56/last.pt runs/resnet56/last.pt --points 51
      landscape scan mine.pt --model mine.py:make --loss mine.py:loss --data mine.py:data
      landscape scan runs/resnet56/last.pt --metric mine.py:margin --metric mine.py:success_rate
      landscape scan runs/resnet56/last.pt --line --repeats 3
      landscape scan --plane through a.pt b.pt c.pt
      landscape scan --plane towards model.pt tuned.pt --normalize none --range=-0.02:0.02
      landscape scan --plane pca runs/sgd runs/adamw
      landscape scan hf:my-gpt2 --text corpus.txt --sequence-length 128 --only '*.mlp.*'
    """
    plane.check(selection)
    if computing.shard:
        shards.check_options(plane)
    use_free_cores()
    report = progress.Silent() if output.as_json else progress.for_terminal()
    metrics = load_metrics(metric_references)
    tasks = plane.tasks(paths, inputs)
    if output.is_file and len(tasks) > 1:
        raise click.UsageError("--out FILE.h5 is for one surface; give a folder")
    part = "-part-{}-of-{}".format(*computing.part) if computing.part else ""
    targets = [output.target(task.title, f"{task.suffix}{part}") for task in tasks]
    for target in targets:
        check_writable(target)
    if checks_devices:
        self_check(computing.device, report)
    with (
        watched(targets) if output.view else nullcontext(),
        computing.workers() as executor,
        computing.rank() as device,
    ):
        surface = None
        if not shards.is_first():
            report = progress.Silent()
        for task, target in zip(tasks, targets, strict=True):
            net = inputs.networks.net(task.checkpoint)
            with usage_errors(), computing.spread(net, plane.seed, device) as own:
                if own is None:
                    continue
                surface = _scan(
                    own,
                    task,
                    target,
                    inputs,
                    plane,
                    selection,
                    curvature,
                    metrics,
                    computing,
                    executor,
                    device,
                    output,
                    report,
                    estimates=estimates,
                )
            if surface is None:
                continue
            if output.as_json:
                click.echo(as_one_line({"path": str(target), **facts_of(surface)}))
            else:
                _report(surface, target, report)
    if surface is not None and not output.as_json and not output.view:
        verb = "plot" if surface.is_line or 1 in surface.grid.shape else "view"
        click.echo(f"see it: {shlex.join(['landscape', verb, *map(str, targets)])}", err=True)


def _scan(
    net: LoadedModel,
    task: Task,
    target: Path,
    inputs: Inputs,
    options: PlaneOptions,
    selection: Selection,
    curvature: bool,
    metrics: Mapping[str, Metric],
    computing: ComputeOptions,
    executor: Executor | None,
    device: torch.device,
    output: OutputOptions,
    report: Progress,
    *,
    estimates: bool,
) -> Surface | None:
    examples = inputs.data(net, report)
    objective = inputs.objective(
        net,
        examples,
        device=device,
        dtype=computing.dtype,
        batchnorm=options.batchnorm,
        images_per_batch=computing.images_per_batch,
        only=selection.patterns,
        metrics=metrics,
    ).described(name=output.name(task.title), settings=shards.settings_of(net.model))
    task.check(inputs, examples)
    quantities: tuple[Quantity, ...] = ("loss", "curvature") if curvature else ("loss",)
    with SurfaceFile(target, overwrite=output.overwrite) as file:
        plane: Any = shards.plane_of(net.model) or options.plane(task, objective, file, report)
        grid = options.grid(plane if isinstance(plane, Plane) else plane[0])
        compute = replace(
            computing.compute(all_images=inputs.images is None),
            points_tolerance=options.points_tolerance,
            executor=executor,
        )
        if estimates:
            found = estimate(objective, plane, grid, compute=compute, progress=report)
            click.echo(f"{objective.name}: {found}")
            return None
        return scan(
            objective,
            stored(plane) if output.store_directions else plane,
            grid,
            file=file,
            quantities=quantities,
            compute=compute,
            progress=report,
        )


def _report(surface: Surface, target: Path, report: Progress) -> None:
    for text in center(surface, error=True):
        report.note(f"{surface.name}: {text}")
    for finding in warnings(surface):
        report.note(f"warning: {surface.name}: {finding}")
    if sys.stderr.isatty():
        terminal.show(surface)
    click.echo(target)
