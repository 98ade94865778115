"""``landscape scan``."""

import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

from landscape import preview, progress
from landscape.atomic import check_writable
from landscape.checks import warnings
from landscape.commands import aims
from landscape.commands.aims import Aim, Scene
from landscape.commands.info import as_one_line, facts_of
from landscape.commands.options import (
    DEVICES,
    INTERVAL,
    PART_OR_AUTO,
    PATH,
    POINTS,
    given,
    usage_errors,
)
from landscape.commands.source import SOURCE_OPTIONS, Source, source_options
from landscape.commands.verb import Verb
from landscape.commands.watching import watched
from landscape.directions import NORMALIZATIONS
from landscape.evaluate import PRECISIONS
from landscape.notes import center
from landscape.scanning import scan

_POINTS_OF_A_LINE = 401
_LINE = (-1.0, 1.0)  # one point lies in the middle, at 0
_GROUPS = {
    "Network and data": SOURCE_OPTIONS,
    "Plane": (
        "points",
        "both",
        "alpha",
        "beta",
        "seed",
        "normalize",
        "directions",
        "line",
        "through",
        "paths",
        "plane",
        "batchnorm",
        "repeats",
        "curvature",
    ),
    "Precision and speed": ("device", "precision", "tolerance", "images_per_batch", "profile"),
    "Output": ("out", "overwrite", "store_directions", "view", "as_json"),
}
_ESSENTIAL = (
    "model_reference",
    "loss_reference",
    "data_name",
    "images",
    "points",
    "both",
    "line",
    "device",
    "out",
    "view",
)


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("checkpoint_paths", metavar="CHECKPOINT...", nargs=-1, required=True, type=PATH)
@source_options
@click.option(
    "--points",
    type=POINTS,
    default="51",
    show_default=True,
    help="Points per axis, or along alpha x along beta.",
)
@click.option(
    "--range",
    "both",
    type=INTERVAL,
    default="-1:1",
    show_default=True,
    help="Of both coordinates; at 1 a filter has moved by its own norm.",
)
@click.option("--alpha", type=INTERVAL, help="Of alpha alone.")
@click.option("--beta", type=INTERVAL, help="Of beta alone.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Determines the directions, the same for matched nets.",
)
@click.option(
    "--normalize",
    type=click.Choice(NORMALIZATIONS),
    default="filter",
    show_default=True,
    help="How directions are scaled to the weights.",
)
@click.option(
    "--directions",
    type=PATH,
    help="Take δ and η from this surface (made with --store-directions) or "
    "direction file of the original program.",
)
@click.option("--line", is_flag=True, help="Along alpha alone, with beta 0.  [default: 401 points]")
@click.option(
    "--through",
    is_flag=True,
    help="One plane through all the checkpoints: two span a line, three a plane; further ones "
    "are marked.",
)
@click.option(
    "--paths",
    is_flag=True,
    help="The arguments are folders of runs with epoch-*.pt: one plane along the principal "
    "components of all their nets, through the last of the first.",
)
@click.option(
    "--plane",
    type=click.Choice(["random", "eigenvectors"]),
    default="random",
    show_default=True,
    help="eigenvectors: along those of the two largest eigenvalues of the Hessian.",
)
@click.option(
    "--batchnorm",
    type=click.Choice(["keep", "interpolate", "re-estimate"]),
    default="keep",
    show_default=True,
    help="Its statistics: those of the first net, or (--through two) on the line between, or "
    "of the data at every point.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Scan so many seeds, from --seed on, into one file.",
)
@click.option(
    "--curvature",
    is_flag=True,
    help="Also the lowest and the highest eigenvalue of the Hessian at every point, to 5 %, over "
    "all images (slow: take few points and images).",
)
@click.option(
    "--store-directions",
    is_flag=True,
    help="Store δ and η in the surface's file; for --through, --paths and --plane always.",
)
@click.option(
    "--images-per-batch",
    type=click.IntRange(1),
    help="Images in one forward pass.  [default: 256 on a CPU, 2048 on a GPU]",
)
@click.option(
    "--device",
    type=DEVICES,
    default="auto",
    show_default=True,
    help="Where to compute; a long scan is spread over several GPUs. auto is all GPUs, or the "
    "CPU where there are none.",
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True)
@click.option(
    "--tolerance",
    type=PART_OR_AUTO,
    default="auto",
    show_default=True,
    help="Take only as many images, the same random ones at every point, as bring the standard "
    "error below this part of the loss; 0 takes all. auto: all on a GPU; on a CPU 1% where all "
    "would take more than ten minutes and no --images is given.",
)
@click.option("--profile", is_flag=True, help="Print where the time went.")
@click.option(
    "--out",
    type=PATH,
    default="surfaces",
    show_default=True,
    help="Folder of the surfaces, or FILE.h5 for one checkpoint.",
)
@click.option("--overwrite", is_flag=True, help="Start anew where a surface is there.")
@click.option(
    "--view", is_flag=True, help="Open a page on which the surfaces are seen to grow, until Ctrl-C."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print facts as JSON, a line a surface, no progress."
)
def command(
    checkpoint_paths: tuple[Path, ...],
    source: Source,
    points: tuple[int, int],
    both: tuple[float, float],
    alpha: tuple[float, float] | None,
    beta: tuple[float, float] | None,
    line: bool,
    through: bool,
    paths: bool,
    plane: str,
    batchnorm: str,
    directions: Path | None,
    device: list[torch.device],
    tolerance: Any,
    store_directions: bool,
    images_per_batch: int | None,
    out: Path,
    overwrite: bool,
    view: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Sample the loss over a plane through trained weights, and write an HDF5 file.

    The plane is θ* + α δ + β η with random directions δ, η, normalized filter by filter (Li
    et al. 2018), or one of those that --through, --paths and --plane stand for. A scan that
    was interrupted goes on when the command is given again.

    \b
    Example:
      landscape scan runs/plain56/last.pt runs/resnet56/last.pt --points 51
      landscape scan mine.pt --model mine.py:make --loss mine.py:loss --data mine.py:data
      landscape scan runs/resnet56/last.pt --line --repeats 3
      landscape scan --through a.pt b.pt c.pt
      landscape scan --paths runs/sgd runs/adamw
    """
    if sum([through, paths, plane != "random", directions is not None]) > 1:
        raise click.UsageError("--through, --paths, --plane and --directions exclude each other")
    if (line or (through and len(checkpoint_paths) == 2)) and beta is not None:
        raise click.UsageError("a line has beta 0: leave out --beta")
    if batchnorm == "interpolate" and not through:
        raise click.UsageError("--batchnorm interpolate is for --through with two checkpoints")
    chosen = through or paths or plane != "random" or directions is not None
    if chosen and (given("seed") or given("normalize") or given("repeats")):
        raise click.UsageError("--seed, --normalize and --repeats are for random directions")
    report = progress.Silent() if as_json else progress.for_terminal()
    tasks = _tasks(checkpoint_paths, source, through, paths, plane, directions, out, "-line" * line)
    for task in tasks:
        check_writable(task.target)
    with watched([task.target for task in tasks]) if view else nullcontext():
        for task in tasks:
            net = source.net(task.checkpoint)
            examples = source.data(net, report)
            with usage_errors():
                scene = Scene(
                    net,
                    examples,
                    source,
                    batchnorm,
                    device[0],
                    report,
                    target=None if overwrite else task.target,
                    images_per_batch=images_per_batch,
                )
                aim = task.aim(scene)
                flat = line or aim.is_line
                spans = _spans(aim, flat, both, alpha, beta)
                surface = scan(
                    net.model,
                    source.loss,
                    (examples.x, examples.y),
                    points=_points(points, flat),
                    alpha=spans[0],
                    beta=spans[1],
                    directions=aim.directions,
                    batchnorm="re-estimate" if batchnorm == "re-estimate" else "keep",
                    tolerance=0.0 if tolerance == "auto" and source.images else tolerance,
                    device=device,
                    path=task.target,
                    overwrite=overwrite,
                    images_per_batch=images_per_batch,
                    store_directions=store_directions or aim.is_computed,
                    name=task.name,
                    marks=aim.marks,
                    paths=aim.paths,
                    settings={**examples.facts, **aim.facts},
                    provenance={
                        "command": shlex.join(["landscape", *sys.argv[1:]]),
                        **net.facts,
                        **examples.provenance,
                    },
                    progress=report,
                    **options,
                )
            if as_json:
                click.echo(as_one_line({"path": str(task.target), **facts_of(surface)}))
                continue
            for text in center(surface):
                report.note(f"{surface.name}: {text}")
            for finding in warnings(surface):
                report.note(f"warning: {surface.name}: {finding}")
            if sys.stderr.isatty():
                preview.show(surface)
            click.echo(task.target)
    if not as_json and not view:
        verb = "plot" if line or 1 in surface.grid.shape else "view"
        names = [str(task.target) for task in tasks]
        click.echo(f"see it: {shlex.join(['landscape', verb, *names])}", err=True)


def _spans(
    aim: Aim,
    line: bool,
    both: tuple[float, float],
    alpha: tuple[float, float] | None,
    beta: tuple[float, float] | None,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of both coordinates: as they were asked for, or as the aim wants them."""
    usual = (both, both) if given("both") else (aim.alpha or both, aim.beta or both)
    return alpha or usual[0], _LINE if line else beta or usual[1]


def _points(points: tuple[int, int], line: bool) -> tuple[int, int]:
    if not line:
        return points
    if not given("points"):
        return _POINTS_OF_A_LINE, 1
    if points[1] not in (1, points[0]):
        raise click.UsageError("a line has points along alpha alone: give --points N")
    return points[0], 1


@dataclass(frozen=True)
class _Task:
    """One surface to make.

    Attributes:
        checkpoint: The net at its center.
        target: The file.
        name: What figures call the surface.
        aim: Returns the directions and what is drawn with them.
    """

    checkpoint: Path
    target: Path
    name: str
    aim: Callable[[Scene], Aim]


def _tasks(
    given_paths: tuple[Path, ...],
    source: Source,
    through: bool,
    paths: bool,
    plane: str,
    directions: Path | None,
    out: Path,
    suffix: str,
) -> list[_Task]:
    """Return the surfaces that are asked for; fail before any is begun."""
    if len(set(given_paths)) < len(given_paths):
        raise click.UsageError("the same checkpoint is given twice")
    if through:
        nets = source.nets(given_paths)
        title = "-".join(net.title for net in nets)
        return [_task(given_paths[0], out, title, suffix, partial(aims.through, nets))]
    if paths:
        runs = aims.Run.all_of(given_paths)
        source.nets([run.checkpoints[-1] for run in runs])
        title = "-".join(run.name for run in runs)
        last = runs[0].checkpoints[-1]
        return [_task(last, out, title, suffix, partial(aims.along, runs))]
    aim: Callable[[Scene], Aim] = aims.random
    if directions is not None:
        aim = partial(aims.given, directions)
    if plane == "eigenvectors":
        aim, suffix = aims.eigenvectors, f"-eigenvectors{suffix}"
    if out.suffix in (".h5", ".hdf5") and len(given_paths) > 1:
        raise click.UsageError("--out FILE.h5 is for one checkpoint; give a folder")
    # A mistake in the last should not cost the time of the others.
    titles = {path: source.net(path).title for path in given_paths}
    if len(set(titles.values())) < len(given_paths):
        raise click.UsageError("two checkpoints have one name: scan them with --out FILE.h5")
    return [_task(path, out, titles[path], suffix, aim) for path in given_paths]


def _task(
    checkpoint: Path, out: Path, title: str, suffix: str, aim: Callable[[Scene], Aim]
) -> _Task:
    if out.suffix in (".h5", ".hdf5"):
        return _Task(checkpoint, out, out.stem, aim)
    return _Task(checkpoint, out / f"{title}{suffix}.h5", title, aim)
