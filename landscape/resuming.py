"""Start a scan, or resume the one in a file: everything is decided here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from landscape.checks import is_same_loss
from landscape.errors import SurfaceFileError
from landscape.evaluation import (
    decisions_from,
    decisions_to,
    reference_plan,
    run,
    torch_settings,
)
from landscape.facts import Facts
from landscape.hdf5 import SurfaceFile
from landscape.plane import Plane
from landscape.progress import duration
from landscape.refinement import expected_points
from landscape.sampling import Job, Stage, in_random_order, next_stage
from landscape.scan_facts import facts_of_batchnorm, facts_of_plane
from landscape.surface import Surface

DECIDED = "plans"
"""Provenance: the plans of the stages by their names, as a text."""

# A scan over all examples on a CPU that takes longer than this gets a tolerance.
_LONG, _TOLERANCE = 600.0, 0.01


def begin(
    wanted: Surface,
    planes: Sequence[Plane],
    job: Job,
    tolerance: float | Literal["auto"],
    output: SurfaceFile | None,
) -> tuple[Surface, Job, Stage | None]:
    """Resume the scan in the file, or start a new one, with everything decided.

    Returns:
        The surface so far, the job, and the first stage if it is tuned already.

    Raises:
        DifferentScanError: The file holds another scan.
        SurfaceFileError: It was computed with a different model or loss, or cannot be written.
        ValueError: The tolerance needs a standard error that the loss does not have.
        OSError: The file cannot be written.
    """
    found = output.found if output is not None else None
    job, stage = _with_tolerance(job, tolerance, found, wanted, planes)
    wanted = _with_repeats(wanted, job, planes)
    if found is not None and output is not None:
        output.check_same(wanted)
        _check_same_loss(found, planes, job, output)
        surface = _amended(found, wanted, planes[0], output)
        precision: Any = found.provenance.get("computed_in", job.precision)
        # One surface has one precision.
        decided = decisions_from(found.provenance.get(DECIDED))
        return surface, replace(job, precision=precision, decided=decided), None
    stage = stage or next_stage(wanted, planes[0], job)
    if stage is not None:
        job = job.after(stage)
        facts: Facts = {
            "computed_in": stage.tuned.plan.precision,
            "plan": stage.tuned.plan.described(job.objective.unit.name),
            "deviation": stage.tuned.deviation,
            DECIDED: decisions_to(job.decided),
        }
        checked_by = {**facts_of_plane(planes[0]), **facts_of_batchnorm(job.objective)}
        wanted = replace(wanted, provenance={**wanted.provenance, **facts, **checked_by})
    if output is not None:
        first = planes[0]
        output.write(wanted, (first.delta, first.eta) if first.stored else None)
    return wanted, job, stage


def _with_tolerance(
    job: Job,
    tolerance: float | Literal["auto"],
    found: Surface | None,
    wanted: Surface,
    planes: Sequence[Plane],
) -> tuple[Job, Stage | None]:
    """Decide the tolerance: ``auto`` is that of the file, or depends on the expected time.

    Returns:
        The job, and the first stage if it had to be tuned for the decision.

    Raises:
        ValueError: The standard error of the loss is unknown.
    """
    objective = job.objective
    is_known = objective.can_subsample and objective.batchnorm != "recomputed"
    if tolerance == "auto":
        if found is not None:
            tolerance = float(found.settings.get("tolerance", 0.0))
        elif objective.device.type != "cpu" or not is_known or job.part is not None:
            tolerance = 0.0
        else:
            stage = next_stage(wanted, planes[0], job)
            num = expected_points(wanted.grid) if job.points_tolerance else wanted.grid.size
            seconds = 0.0 if stage is None else len(planes) * num * stage.tuned.seconds_per_point
            if seconds <= _LONG:
                return job, stage
            tolerance = _TOLERANCE
            every = objective.unit.counted(objective.num_images)
            job.progress.note(
                f"{wanted.name}: all {every} would take about "
                f"{duration(seconds)}: subsampling them for a relative "
                f"standard error of {_TOLERANCE:.0%} (tolerance 0 uses all)"
            )
    if tolerance == 0:
        return job, None
    if not is_known:
        raise ValueError(
            "a tolerance needs the plain mean of one value per example, over examples that can be "
            "regrouped: use such a loss, metrics and data, and do not recompute BatchNorm"
        )
    return replace(job, objective=in_random_order(objective), tolerance=tolerance), None


def _with_repeats(surface: Surface, job: Job, planes: Sequence[Plane]) -> Surface:
    """Return an empty surface with those of the further seeds."""
    more: Facts = {
        **({"points_tolerance": job.points_tolerance} if job.points_tolerance else {}),
        **({"part": "{}/{}".format(*job.part)} if job.part else {}),
    }
    surface = replace(surface, settings={**surface.settings, **more})
    if job.tolerance:
        surface = replace(surface, settings={**surface.settings, "tolerance": job.tolerance})
    others = [
        replace(surface.copy(), settings={**surface.settings, **plane.settings}, curvature=None)
        for plane in planes[1:]
    ]
    return replace(surface, repeats=tuple(others))


def _amended(found: Surface, wanted: Surface, plane: Plane, output: SurfaceFile) -> Surface:
    """Return the surface of a file, having added what is requested besides the losses."""
    full = replace(
        found,
        curvature=found.curvature or wanted.curvature,
        marks=wanted.marks or found.marks,
        trajectories=wanted.trajectories or found.trajectories,
    )
    adds_directions = plane.stored and not output.stores_directions
    adds = adds_directions or full.curvature is not found.curvature
    changes = full.marks != found.marks or full.trajectories is not found.trajectories
    is_resumed = not (full.is_complete or output.is_current)  # values are written by version 3
    if adds or changes or is_resumed:
        output.write(full, (plane.delta, plane.eta) if plane.stored else None)
    return full


def _check_same_loss(
    surface: Surface, planes: Sequence[Plane], job: Job, output: SurfaceFile
) -> None:
    """Evaluate one point of a file again: the code of the model or the loss may have changed.

    Raises:
        SurfaceFileError: It has another value.
    """
    done = [int(k) for k in surface.grid.order() if surface.evaluated.flat[k]]
    for index in done[-1:]:
        alpha, beta = surface.grid.point(index)
        objective = job.objective.part(0, int(surface.examples.flat[index]))
        with torch_settings("float32"):
            (again,) = run(reference_plan(objective, planes[0]), objective, [(alpha, beta)])
        before, tolerance = (
            surface.values(index),
            1e-3 + 5 * float(surface.provenance.get("deviation", 0.0)),
        )
        pairs = {"model or loss": (before.loss, again.loss)}
        pairs |= {f"metric {n!r}": (v, again.metrics[n]) for n, v in before.metrics.items()}
        for what, (there, now) in pairs.items():
            if not is_same_loss(there, now, tolerance):
                raise SurfaceFileError(
                    f"{output.path} was computed with a different {what}: at (α, β) = "
                    f"({alpha:.3g}, {beta:.3g}) the file has {there:.6g}, recomputing gives "
                    f"{now:.6g}. Pass overwrite=True or another path.",
                    path=output.path,
                )
