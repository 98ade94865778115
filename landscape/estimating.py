"""What a scan would take, without computing it."""

from dataclasses import dataclass

from landscape.compute import Compute
from landscape.evaluation import torch_settings
from landscape.evaluation.decision import Decision
from landscape.evaluation.profiling import operations_per_image, peak
from landscape.evaluation.remote import Parcel
from landscape.hdf5.layout import compose
from landscape.objective import Objective
from landscape.progress import Progress, Silent, duration
from landscape.resuming import begin
from landscape.scanning import AnyGrid, AnyPlane, prepared
from landscape.threads import num_threads
from landscape.units import Unit


@dataclass(frozen=True)
class Estimate:
    """What a scan takes.

    Attributes:
        points: Number of points, of all seeds.
        images: Number of examples at each point.
        unit: What they are called.
        operations: Floating-point operations of one example.
        seconds: Time of all points on one device, with the plan that was chosen.
        rate: Floating-point operations per second of a large product of matrices on this device.
        devices: Number of devices that share the points.
        parcel_bytes: What every process of another device receives.
        file_bytes: Size of the surface file.
        plan: The plan.
        is_bound: Whether fewer points or examples may suffice: a tolerance is set.
    """

    points: int
    images: int
    unit: Unit
    operations: float
    seconds: float
    rate: float
    devices: int
    parcel_bytes: int
    file_bytes: int
    plan: str
    is_bound: bool

    def __str__(self) -> str:
        work = self.points * self.images * self.operations
        used = work / self.seconds / self.rate
        most = "at most about " if self.is_bound else "about "
        return "\n  ".join(
            [
                f"{self.points} points × {self.unit.counted(self.images)} × {self.operations:.3g} "
                f"operations = {work:.3g}",
                f"{most}{duration(self.seconds / self.devices)} on {self.devices} "
                f"device{'s' * (self.devices > 1)} ({self.plan})",
                f"{work / self.seconds:.3g} operations/s a device, {used:.0%} of the rate of a "
                "large product of matrices",
                f"{self.parcel_bytes / 1e6:.3g} MB to each further device, "
                f"{self.file_bytes / 1e6:.3g} MB on disk",
            ]
        )


def estimate(
    objective: Objective,
    plane: AnyPlane = None,
    grid: AnyGrid = 51,
    *,
    compute: Compute = Compute(),  # noqa: B008  # frozen
    progress: Progress | None = None,
) -> Estimate:
    """Return what a scan would take; its plan is chosen and timed as the scan would do.

    Args:
        objective: The objective.
        plane: The plane.
        grid: The grid.
        compute: How it is computed.
        progress: Receives messages.

    Raises:
        LandscapeError: What a scan raises before its first point.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> found = landscape.estimate(objective, grid=5)
        >>> found.points, found.images, found.seconds > 0
        (25, 20, True)
    """
    start = prepared(objective, plane, grid, compute, progress or Silent())
    whole = start.wanted.grid
    with torch_settings("float32"), num_threads(start.threads):
        surface, job, stage = begin(start.wanted, start.planes, start.job, compute.tolerance, None)
        assert stage is not None  # noqa: S101  # no point is evaluated
        points = len(start.planes) * int(whole.part(*job.part).sum() if job.part else whole.size)
        images = job.objective.num_images
        per_image = stage.tuned.seconds_per_point / stage.objective.num_images
        seconds = points * (images * per_image + job.metric_seconds)
        precision = stage.tuned.plan.precision
        rate = peak(objective.device, precision)
    parcel = Parcel.pack(stage.objective, start.planes[0], Decision.from_plan(stage.tuned.plan))
    return Estimate(
        points,
        images,
        objective.unit,
        operations_per_image(objective),
        seconds,
        rate,
        len(job.devices),
        len(parcel.content),
        len(compose(surface)),
        stage.tuned.plan.described(objective.unit.name),
        bool(job.tolerance or job.points_tolerance),
    )
