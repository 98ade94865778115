"""One scan from start to end: where plane, evaluation and storage meet."""

import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import nn

import landscape
from landscape import store
from landscape.atomic import check_writable
from landscape.data import as_tensors
from landscape.directions import RECIPE, Normalization
from landscape.errors import DataError
from landscape.evaluate import Choice, Precision, check_precision, kernels, values_at
from landscape.filling import (
    Job,
    Stage,
    fill,
    fill_curvature,
    in_fixed_order,
    label,
    next_stage,
)
from landscape.foreign import load_directions
from landscape.grid import Grid, Interval
from landscape.losses import Loss, name_of, named
from landscape.memory import keep_freed_memory
from landscape.notebook import default_progress
from landscape.objective import Objective, check_same_loss
from landscape.parameters import Parameters, fingerprint
from landscape.plane import Plane
from landscape.progress import Progress, duration
from landscape.surface import Curvature, Facts, Mark, Surface, Trajectory
from landscape.threads import fastest_num_threads, num_threads

Statistics = Literal["keep", "re-estimate"]
STATISTICS: tuple[str, ...] = get_args(Statistics)

# A scan over all images on a CPU that takes longer than this gets a tolerance.
_LONG, _TOLERANCE = 600.0, 0.01
# To find the best number of threads.
_IMAGES_OF_A_TRIAL = 64


def scan(
    model: nn.Module,
    loss: Loss | str = "cross_entropy",
    data: tuple[Any, Any] | None = None,
    *,
    points: int | Sequence[int] = 51,
    alpha: Interval = (-1.0, 1.0),
    beta: Interval | None = None,
    seed: int = 0,
    normalize: Normalization = "filter",
    directions: str | Path | tuple[Parameters, Parameters] | None = None,
    batchnorm: Statistics = "keep",
    repeats: int = 1,
    images_per_batch: int | None = None,
    device: str | torch.device | Sequence[str | torch.device] = "auto",
    precision: Precision = "float32",
    tolerance: float | Literal["auto"] = 0.0,
    path: str | Path | None = None,
    overwrite: bool = False,
    store_directions: bool = False,
    marks: Sequence[Mark] = (),
    paths: Sequence[Trajectory] = (),
    curvature: bool = False,
    name: str | None = None,
    settings: Facts | None = None,
    provenance: Facts | None = None,
    progress: Progress | None = None,
    profile: bool = False,
) -> Surface:
    """Return the loss of a net over a plane through its weights.

    The loss is the mean over the given examples with the net in evaluation mode. The model
    is copied; yours is left exactly as it is.

    Example:
        >>> surface = landscape.scan(model, data=(x, y), points=51, seed=0)
        >>> surface.losses[25, 25]  # at the trained weights

    Args:
        model: Any module, trained; called as ``model(x)``.
        loss: ``cross_entropy``, ``mse``, or a callable, called as ``loss(outputs, targets)``;
            it returns one value per example, or their mean (then no standard error is known).
            Losses of torch do either.
        data: ``(x, y)``, tensors or arrays with one entry per example, as the model takes
            them. Required.
        points: Points per axis, or (along alpha, along beta).
        alpha: First and last coordinate along δ.
        beta: First and last coordinate along η; as ``alpha`` where not given.
        seed: Determines the directions, the same on every device.
        normalize: How directions are scaled to the weights: ``filter`` (Li et al. 2018),
            ``layer``, ``weight`` or ``none``. Biases and normalization layers never move.
        directions: Instead of random ones: δ and η, or a file that stores them (one of our
            surfaces or a direction file of the original program); taken as they are.
            They may move buffers as well.
        batchnorm: ``keep`` leaves the running statistics as they are (or where the
            directions move them), ``re-estimate`` takes those of the data at every point.
        repeats: How many seeds, from ``seed`` on, are scanned into one surface.
        images_per_batch: Examples in one forward pass; changes rounding only, but where
            BatchNorm is re-estimated, as the mean over such batches.
        device: As torch names it, or several, over which the points of a long scan are
            spread, one process each; ``auto`` is all GPUs, or the CPU where there are none.
        precision: Floating-point type of the forward pass; the loss is computed in float64
            for that, else in float32. ``auto`` takes bfloat16 where that is faster and
            deviates from float32 by at most 1 % at some probes; on a GPU also ``tf32``.
        tolerance: Take only as many examples, the same random ones at every point, as bring
            the standard error below this part of the loss (below a tenth of the median loss,
            of that); 0 takes all. ``auto`` takes 0.01 on a CPU where all examples would take
            more than ten minutes.
        path: Write the surface here while it grows, and go on with a file of the same
            settings that is there.
        overwrite: Replace a file at ``path``.
        store_directions: Store δ and η as arrays in the file as well.
        marks: Points of the plane to store with it.
        paths: Sequences of nets beside the plane to store with it.
        curvature: Compute the outermost eigenvalues of the Hessian at every point as well.
        name: What figures call it; by default the model's class.
        settings: Further facts that determine the values; compared on resuming.
        provenance: Further facts to store with the result.
        progress: Where to report to; by default a bar in a notebook, else nowhere.
        profile: Report where the time went as well.

    Raises:
        TypeError: ``data`` is not given.
        ValueError: An argument is out of its range.
        DataError: Data, model and loss do not fit together.
        ParameterMismatchError: Given directions do not fit the model.
        SurfaceFileError: The file at ``path`` holds another scan, or ``directions`` cannot
            be read.
        LandscapeError: The loss is random.
        OSError: The file cannot be written.
    """
    if data is None:
        raise TypeError("scan() needs examples by name: scan(model, data=(x, y))")
    loss = named(loss)
    progress = progress or default_progress()
    grid = Grid.regular(points, alpha, beta)
    _check_choices(tolerance, batchnorm)
    if curvature and (repeats > 1 or batchnorm != "keep"):
        raise ValueError("curvature is computed for one seed, with batchnorm keep")
    if repeats < 1 or (repeats > 1 and directions is not None):
        raise ValueError(f"repeats must be 1 or more, and 1 with given directions, not {repeats}")
    if store_directions and path is None:
        raise ValueError("store_directions needs a path to store them at")
    places = choose_devices(device)
    check_precision(precision, places[0], re_estimates=batchnorm == "re-estimate")
    path = Path(path) if path is not None else None
    keep_freed_memory()

    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError(f"data must be a pair (x, y) of arrays, not {type(data).__name__}")
    x, y = as_tensors(*data, "the data")
    data_sha256 = fingerprint({"x": x, "y": y})
    objective = Objective.of(
        model,
        loss,
        x,
        y,
        device=places[0],
        dtype=torch.float64 if precision == "float64" else torch.float32,
        images_per_batch=images_per_batch,
        re_estimates=batchnorm == "re-estimate",
    )
    threads = _fastest_num_threads(objective)
    planes, origin = _planes(objective, directions, seed, normalize, repeats)
    if curvature and planes[0].center.keys() != objective.center.keys():
        raise ValueError("curvature is not computed where directions move buffers")
    if batchnorm != "keep":
        # The statistics are means over batches.
        size = objective.images_per_batch
        origin = {**origin, "batchnorm": batchnorm, "images_per_batch": size}
    surface = Surface.empty(
        grid,
        {
            **(settings or {}),
            "images": objective.num_images,
            **origin,
            "precision": precision,
            "loss": name_of(loss),
            "data_sha256": data_sha256,
            "weights_sha256": fingerprint(
                {
                    **dict(objective.model.named_parameters()),
                    **dict(objective.model.named_buffers()),
                }
            ),
        },
        {
            "name": name or type(model).__name__,
            **_environment(places[0], threads),
            "images_per_batch": objective.images_per_batch,
            **objective.guess,
            **(provenance or {}),
        },
    )
    surface = replace(
        surface,
        marks=tuple(marks),
        paths=tuple(paths),
        curvature=Curvature.empty(grid) if curvature else None,
    )
    job = Job(objective, planes[0], precision, images_per_batch, 0.0, progress, profile, places)
    with kernels(tf32=False), num_threads(threads):
        return _scan(surface, job, planes, tolerance, path, overwrite, store_directions)


def _check_choices(tolerance: float | str, batchnorm: str) -> None:
    if batchnorm not in STATISTICS:
        raise ValueError(f"batchnorm must be one of {', '.join(STATISTICS)}, not {batchnorm!r}")
    in_range = tolerance == "auto" or (not isinstance(tolerance, str) and 0 <= tolerance < 1)
    if not in_range:
        raise ValueError(f"tolerance must be 0 or more and below 1, or auto, not {tolerance}")


def _planes(
    objective: Objective,
    directions: str | Path | tuple[Parameters, Parameters] | None,
    seed: int,
    normalize: Normalization,
    repeats: int,
) -> tuple[list[Plane], Facts]:
    """Return the plane of every repeat, and the settings that determine them."""
    if directions is None:
        planes = [
            Plane.random(objective.center, seed + number, normalize) for number in range(repeats)
        ]
        origin: Facts = {"seed": seed, "normalize": normalize, "directions": RECIPE}
        return planes, {**origin, **({"repeats": repeats} if repeats > 1 else {})}
    plane = _given_plane(directions, objective)
    pair = {
        f"{axis}/{key}": tensor
        for axis, direction in (("delta", plane.delta), ("eta", plane.eta))
        for key, tensor in direction.items()
    }
    return [plane], {"directions": f"given, {fingerprint(pair)}"}


def _scan(
    surface: Surface,
    job: Job,
    planes: Sequence[Plane],
    tolerance: float | Literal["auto"],
    path: Path | None,
    overwrite: bool,
    store_directions: bool,
) -> Surface:
    """Go on in a file that is there, or begin."""
    found = None
    if path is not None:
        found = store.load(path) if path.exists() and not overwrite else None
        check_writable(path)
    job, stage = _with_tolerance(job, tolerance, found, surface, len(planes))
    surface = _with_repeats(surface, job, len(planes))
    if found is not None and path is not None:
        store.check_same_scan(found, surface, path)
        _check_same_loss(found, job, path)
        found = _amended(found, surface, path, planes[0], store_directions)
        # What auto chose is kept, or the surface would be of two precisions.
        kept: Any = found.provenance.get("computed_in", job.precision)
        job = replace(job, precision=kept)
        return _complete(found, None, job, planes, path, surface.curvature is not None)
    stage = stage or next_stage(surface, job)
    if stage is not None:
        surface = _told(surface, stage.choice)
    if path is not None:
        directions_too = planes[0] if store_directions else None
        store.save(surface, path, directions=directions_too, overwrite=overwrite)
    return _complete(surface, stage, job, planes, path, surface.curvature is not None)


def _amended(
    found: Surface, wanted: Surface, path: Path, plane: Plane, store_directions: bool
) -> Surface:
    """Add to a file what is asked for beside its values, and return its surface."""
    stored = store.stores_directions(path)
    adds_curvature = found.curvature is None and wanted.curvature is not None
    adds_directions = store_directions and not stored
    if not (adds_curvature or adds_directions or wanted.marks or wanted.paths):
        return found

    def fuller(there: Surface) -> Surface:
        store.check_same_scan(there, wanted, path)
        return replace(
            there,
            curvature=there.curvature or wanted.curvature,
            marks=wanted.marks or there.marks,
            paths=wanted.paths or there.paths,
        )

    return store.amend(path, fuller, directions=plane if stored or store_directions else None)


def _with_repeats(surface: Surface, job: Job, repeats: int) -> Surface:
    """Return an empty surface with its repeats, all with their seeds."""
    if job.tolerance:
        surface = replace(surface, settings={**surface.settings, "tolerance": job.tolerance})
    seed = int(surface.settings.get("seed", 0))
    others = [
        replace(surface.copy(), settings={**surface.settings, "seed": seed + number})
        for number in range(1, repeats)
    ]
    return replace(surface, repeats=tuple(others))


def _complete(
    surface: Surface,
    stage: Stage | None,
    job: Job,
    planes: Sequence[Plane],
    path: Path | None,
    curvature: bool,
) -> Surface:
    """Compute all that a surface and its repeats lack, into their file as well.

    Args:
        surface: What is there.
        stage: What comes first, if that is known already.
        job: How.
        planes: One for each repeat.
        path: The file, if there is one.
        curvature: Whether the eigenvalues are wanted as well.
    """
    done = []
    for number, (part, plane) in enumerate(zip(surface.all, planes, strict=True)):
        own = replace(job, plane=plane)
        own_stage = stage or next_stage(part, own)
        stage = None
        if own_stage is None:
            job.progress.note(f"{label(part)}: all losses are there already")
            done.append(part)
        else:
            done.append(_fill(surface, own_stage, own, path, number))
            job = replace(job, precision=own_stage.choice.way.precision)
    whole = replace(done[0], repeats=tuple(done[1:]))
    if not curvature:
        return whole
    job = replace(job, plane=planes[0])
    if path is None:
        return fill_curvature(whole, job, None)
    with closing(store.Writer(path, curvature=True)) as writer:
        found = _found_again(surface, path)
        return fill_curvature(replace(whole, curvature=found.curvature), job, writer)


def _found_again(surface: Surface, path: Path) -> Surface:
    """Return what is in a file that nobody else can write by now, if it is still this scan's."""
    found = store.load(path)
    store.check_same_scan(found, surface, path)
    return found


def _with_tolerance(
    job: Job,
    tolerance: float | Literal["auto"],
    found: Surface | None,
    empty: Surface,
    repeats: int,
) -> tuple[Job, Stage | None]:
    """Return the job with the tolerance decided, and the first stage if that is known by then.

    ``auto`` takes that of a file that is there. Else, on a CPU, a scan over all images that
    would take long gets one, and this is said.
    """
    known = job.objective.loss.per_example and not job.objective.re_estimates
    if tolerance == "auto":
        if found is not None:
            tolerance = float(found.settings.get("tolerance", 0.0))
        elif job.objective.inputs.device.type != "cpu" or not known:
            tolerance = 0.0
        else:
            stage = next_stage(empty, job)
            if stage is None or repeats * stage.seconds <= _LONG:
                return job, stage
            tolerance = _TOLERANCE
            job.progress.note(
                f"{empty.name}: all {job.objective.num_images} images would take about "
                f"{duration(repeats * stage.seconds)}: taking only as many of them as it needs for "
                f"standard errors of {_TOLERANCE:.0%} (--tolerance 0 takes all)"
            )
    if tolerance == 0:
        return job, None
    if not known:
        raise ValueError(
            "a tolerance needs the standard error: give a loss that returns one value per example, "
            "and leave BatchNorm's statistics as they are"
        )
    return replace(job, objective=in_fixed_order(job.objective), tolerance=tolerance), None


def _fill(
    surface: Surface, stage: Stage | None, job: Job, path: Path | None, number: int
) -> Surface:
    """Compute this stage and all that follow of one of the repeats."""
    part = surface.all[number]
    with ExitStack() as opened:
        writer = None
        if path is not None:
            writer = opened.enter_context(closing(store.Writer(path, number)))
            found = _found_again(surface, path).all[number]
            if not np.array_equal(found.examples, part.examples):
                stage = next_stage(found, job)  # somebody has gone on with it
            part = found
        while stage is not None:
            part = fill(part, stage, job, writer)
            # What auto chose is kept, or the surface would be of two precisions.
            job = replace(job, precision=stage.choice.way.precision)
            stage = next_stage(part, job)
    return part


def choose_devices(
    names: str | torch.device | Sequence[str | torch.device],
) -> list[torch.device]:
    """Return the devices of some names (in a text with commas between); ``auto`` is all GPUs.

    Raises:
        ValueError: There is no such device here.
    """
    if names == "auto" and torch.cuda.device_count() > 1:
        return [torch.device("cuda", k) for k in range(torch.cuda.device_count())]
    if isinstance(names, str):
        names = names.split(",")
    elif isinstance(names, torch.device):
        names = [names]
    if not names:
        raise ValueError("expected one device or more, came none")
    return [choose_device(name) for name in names]


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device of a name; for ``auto`` a GPU where there is one.

    Raises:
        ValueError: There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ValueError(f"there is no device {name}: torch sees {count} CUDA devices here")
    return device


def _told(surface: Surface, choice: Choice) -> Surface:
    """Return the surface with how it is computed among its provenance."""
    facts: Facts = {
        "computed_in": choice.way.precision,
        "way": str(choice.way),
        "deviation": choice.deviation,
    }
    return replace(surface, provenance={**surface.provenance, **facts})


def _check_same_loss(surface: Surface, job: Job, path: Path) -> None:
    """Compute a point of a file again: the code of a net or a loss may be another than it was."""
    done = [int(k) for k in surface.grid.order() if surface.evaluated.flat[k]]
    for index in done[-1:]:
        objective = job.objective.part(0, int(surface.examples.flat[index]))
        check_same_loss(
            float(surface.losses.flat[index]),
            values_at(objective, job.plane.at(*surface.grid.point(index))).loss,
            f"{path} was made with another net or loss: choose another --out, or --overwrite it; "
            "a point's loss there and now",
            tolerance=1e-3 + 5 * float(surface.provenance.get("deviation", 0.0)),
        )


def _given_plane(
    directions: str | Path | tuple[Parameters, Parameters], objective: Objective
) -> Plane:
    center = objective.center
    if isinstance(directions, str | Path):
        return load_directions(Path(directions), center, list(objective.model.state_dict()))
    example = next(iter(center.values()))
    delta, eta = directions
    buffers = {name: tensor for name, tensor in objective.buffers.items() if name in delta}
    return Plane({**center, **buffers}, delta, eta).to(example.device, example.dtype)


def _fastest_num_threads(objective: Objective) -> int:
    """Return how many threads are fastest for a forward pass at this moment."""
    some = objective.inputs[: min(objective.images_per_batch, _IMAGES_OF_A_TRIAL)]
    if some.device.type != "cpu":
        return torch.get_num_threads()
    try:
        with torch.no_grad():
            return fastest_num_threads(lambda: objective.model(some))
    except Exception:  # a user's model that does not take so few examples
        return torch.get_num_threads()


def _environment(device: torch.device, threads: int) -> Mapping[str, str | int]:
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "landscape": landscape.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": str(device),
        "hardware": hardware(device),
        "threads": threads,
    }


def hardware(device: torch.device) -> str:
    """Return the name of the chip that computes."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
