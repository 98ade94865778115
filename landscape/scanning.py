"""One scan from start to end: where plane, evaluation and storage meet."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

import landscape
from landscape import store
from landscape.atomic import check_writable
from landscape.data import as_tensors
from landscape.directions import RECIPE, Normalization
from landscape.errors import DataError
from landscape.evaluate import PRECISIONS, Choice, Precision, kernels, slow_way
from landscape.filling import Job, Stage, fill, in_fixed_order, next_stage
from landscape.foreign import load_directions
from landscape.grid import Grid, Interval
from landscape.losses import Loss
from landscape.memory import keep_freed_memory
from landscape.objective import Objective, check_same_loss
from landscape.parameters import Parameters, fingerprint
from landscape.plane import Plane
from landscape.progress import Progress, Silent, duration
from landscape.surface import Facts, Surface

# A scan over all images on a CPU that takes longer than this gets a tolerance.
_LONG, _TOLERANCE = 600.0, 0.01


def scan(
    model: nn.Module,
    loss: Loss,
    data: tuple[Any, Any],
    *,
    points: int | Sequence[int] = 51,
    alpha: Interval = (-1.0, 1.0),
    beta: Interval | None = None,
    seed: int = 0,
    normalize: Normalization = "filter",
    directions: str | Path | tuple[Parameters, Parameters] | None = None,
    images_per_batch: int | None = None,
    device: str | torch.device | Sequence[str | torch.device] = "auto",
    precision: Precision = "float32",
    tolerance: float | Literal["auto"] = 0.0,
    path: str | Path | None = None,
    overwrite: bool = False,
    store_directions: bool = False,
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
        >>> surface = landscape.scan(model, loss, (x, y), points=51, seed=0)
        >>> surface.losses[25, 25]  # at the trained weights

    Args:
        model: Any module, trained; called as ``model(x)``.
        loss: Called as ``loss(outputs, targets)``; returns one value per example, or their
            mean (then no standard error is known). Losses of torch do either.
        data: ``(x, y)``, tensors or arrays with one entry per example, as the model takes
            them.
        points: Points per axis, or (along alpha, along beta).
        alpha: First and last coordinate along δ.
        beta: First and last coordinate along η; as ``alpha`` where not given.
        seed: Determines the directions, the same on every device.
        normalize: How directions are scaled to the weights: ``filter`` (Li et al. 2018),
            ``layer``, ``weight`` or ``none``. Biases and normalization layers never move.
        directions: Instead of random ones: δ and η, or a file that stores them (one of our
            surfaces or a direction file of the original program); taken as they are.
        images_per_batch: Examples in one forward pass; changes rounding only.
        device: As torch names it, or several, over which the points of a long scan are
            spread, one process each; ``auto`` is all GPUs, or the CPU where there are none.
        precision: Floating-point type of the forward pass; the loss is computed in float64
            for that, else in float32. ``auto`` takes bfloat16 where that is faster and
            deviates from float32 by at most 1 % at some probes.
        tolerance: Take only as many examples, the same random ones at every point, as bring
            the standard error below this part of the loss (below a tenth of the median loss,
            of that); 0 takes all. ``auto`` takes 0.01 on a CPU where all examples would take
            more than ten minutes.
        path: Write the surface here while it grows, and go on with a file of the same
            settings that is there.
        overwrite: Replace a file at ``path``.
        store_directions: Store δ and η as arrays in the file as well.
        name: What figures call it; by default the model's class.
        settings: Further facts that determine the values; compared on resuming.
        provenance: Further facts to store with the result.
        progress: Where to report to.
        profile: Report where the time went as well.

    Raises:
        ValueError: An argument is out of its range.
        DataError: Data, model and loss do not fit together.
        ParameterMismatchError: Given directions do not fit the model.
        SurfaceFileError: The file at ``path`` holds another scan, or ``directions`` cannot
            be read.
        LandscapeError: The loss is random.
        OSError: The file cannot be written.
    """
    progress = progress or Silent()
    grid = Grid.regular(points, alpha, beta)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if tolerance != "auto" and not 0 <= tolerance < 1:
        raise ValueError(f"tolerance must be 0 or more and below 1, not {tolerance}")
    places = choose_devices(device)
    place = places[0]
    keep_freed_memory()
    dtype = torch.float64 if precision == "float64" else torch.float32
    path = Path(path) if path is not None else None
    if store_directions and path is None:
        raise ValueError("store_directions needs a path to store them at")

    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError(f"data must be a pair (x, y) of arrays, not {type(data).__name__}")
    x, y = as_tensors(*data, "the data")
    data_sha256 = fingerprint({"x": x, "y": y})
    objective = Objective.of(
        model, loss, x, y, device=place, dtype=dtype, images_per_batch=images_per_batch
    )
    if directions is None:
        plane = Plane.random(objective.center, seed, normalize)
        origin: dict[str, Any] = {"seed": seed, "normalize": normalize, "directions": RECIPE}
    else:
        plane = _given_plane(directions, objective)
        pair = {
            f"{axis}/{key}": tensor
            for axis, direction in (("delta", plane.delta), ("eta", plane.eta))
            for key, tensor in direction.items()
        }
        origin = {"directions": f"given, {fingerprint(pair)}"}
    job = Job(objective, plane, precision, images_per_batch, 0.0, progress, profile, places)
    surface = Surface.empty(
        grid,
        {
            **(settings or {}),
            "images": objective.num_images,
            **origin,
            "precision": precision,
            "loss": _loss_name(loss),
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
            **_environment(place),
            "images_per_batch": objective.images_per_batch,
            **(provenance or {}),
        },
    )
    with kernels(tf32=False):
        if path is None:
            job, stage = _with_tolerance(job, tolerance, None, surface)
            return _fill(surface, stage or next_stage(surface, job), job, None)
        found = store.load(path) if path.exists() and not overwrite else None
        check_writable(path)
        job, stage = _with_tolerance(job, tolerance, found, surface)
        if job.tolerance:
            surface = replace(surface, settings={**surface.settings, "tolerance": job.tolerance})
        if found is not None:
            return _go_on(found, surface, job, path, store_directions=store_directions)
        stage = stage or next_stage(surface, job)
        if stage is None:
            return surface
        surface = _told(surface, stage.choice)
        directions_too = plane if store_directions else None
        store.save(surface, path, directions=directions_too, overwrite=True)
        return _fill_file(surface, stage, job, path)


def _go_on(
    found: Surface, surface: Surface, job: Job, path: Path, *, store_directions: bool
) -> Surface:
    """Complete what a file holds, if it is of the scan that is asked for."""
    store.check_same_scan(found, surface, path)
    _check_same_loss(found, job, path)
    if store_directions and not store.stores_directions(path):
        store.save(found, path, directions=job.plane, overwrite=True)
    # What auto chose is kept here as well.
    kept: Any = found.provenance.get("computed_in", job.precision)
    job = replace(job, precision=kept)
    stage = next_stage(found, job)
    return found if stage is None else _fill_file(surface, stage, job, path)


def _fill_file(surface: Surface, stage: Stage, job: Job, path: Path) -> Surface:
    """Compute this stage and all that follow into a file."""
    writer = store.Writer(path)
    try:
        # Only now, when nobody else can write it, it is known to be this scan's.
        found = store.load(path)
        store.check_same_scan(found, surface, path)
        return _fill(found, stage, job, writer)
    finally:
        writer.close()


def _with_tolerance(
    job: Job, tolerance: float | Literal["auto"], found: Surface | None, empty: Surface
) -> tuple[Job, Stage | None]:
    """Return the job with the tolerance decided, and the first stage if that is known by then.

    ``auto`` takes that of a file that is there. Else, on a CPU, a scan over all images that
    would take long gets one, and this is said.
    """
    known = job.objective.loss.per_example
    if tolerance == "auto":
        if found is not None:
            tolerance = float(found.settings.get("tolerance", 0.0))
        elif job.objective.inputs.device.type != "cpu" or not known:
            tolerance = 0.0
        else:
            stage = next_stage(empty, job)
            if stage is None or stage.seconds <= _LONG:
                return job, stage
            tolerance = _TOLERANCE
            job.progress.note(
                f"{empty.name}: all {job.objective.num_images} images would take about "
                f"{duration(stage.seconds)}: taking only as many of them as it needs for standard "
                f"errors of {_TOLERANCE:.0%} (--tolerance 0 takes all)"
            )
    if tolerance == 0:
        return job, None
    if not known:
        raise ValueError(
            "a tolerance needs the standard error: give a loss that returns one value per example"
        )
    return replace(job, objective=in_fixed_order(job.objective), tolerance=tolerance), None


def _fill(surface: Surface, stage: Stage | None, job: Job, writer: store.Writer | None) -> Surface:
    """Compute this stage and all that follow."""
    if writer is None and stage is not None:
        surface = _told(surface, stage.choice)
    while stage is not None:
        surface = fill(surface, stage, job, writer)
        # What auto chose is kept, or the surface would be of two precisions.
        kept: Any = stage.choice.way.precision
        job = replace(job, precision=kept)
        stage = next_stage(surface, job)
    return surface


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
        strategy = slow_way(objective, job.plane).on(objective)
        values = next(strategy([surface.grid.point(index)]))
        check_same_loss(
            float(surface.losses.flat[index]),
            values.loss,
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
    return Plane(center, delta, eta).to(example.device, example.dtype)


def _loss_name(loss: Loss) -> str:
    """Return a name that is the same in every process (an address is not)."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(getattr(loss, "__qualname__", None) or loss))


def _environment(device: torch.device) -> Mapping[str, str | int]:
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "landscape": landscape.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": str(device),
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
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
