"""How a scan is computed: precision, sample size, batches, devices."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

import torch

from landscape.devices import choose_devices
from landscape.evaluation import Precision, check_precision, own_precision
from landscape.objective import Objective

Devices = str | torch.device | Sequence[str | torch.device]


@dataclass(frozen=True)
class Compute:
    """How a scan is computed; affects speed and accuracy, not what is scanned.

    Attributes:
        precision: Precision of the forward pass: ``float32``, ``float64``, ``float16``,
            ``bfloat16``, ``tf32`` (GPUs), or ``auto``: a low one where it is faster and deviates
            from float32 by at most 1 % at some probes, if need be corrected by a few percent of
            the examples in float32. By default the objective's type.
        tolerance: Target relative standard error. Examples are subsampled (one random subset
            shared by all points) until it is reached at every point; below a tenth of the
            median loss it is relative to that. 0 uses all examples; ``auto`` is 0.01 on a CPU
            if all examples would take more than ten minutes, else 0.
        images_per_batch: The only batch size to try; by default several are timed.
        devices: Devices that a long scan is spread over, one process each; by default the
            objective's alone.
        profile: Report where the time went.
        points_tolerance: Evaluate the grid from coarse to fine, and only where the picture needs
            it: points left out are interpolated, and at random ones of them this deviates by at
            most this fraction of the picture's height, on its scale. 0 evaluates all points.
        executor: Computes the points, as that of a Dask cluster,
            ``Client.get_executor(pure=False, retries=3)``. Its workers import this package; the
            plan is chosen here, on a device like theirs.
        part: (k, n) evaluates the k-th of n parts of the points alone, from 1;
            :func:`landscape.merge` joins the files.

    Raises:
        ValueError: A value is out of its range, or a device does not exist.
    """

    precision: Precision | None = None
    tolerance: float | Literal["auto"] = 0.0
    images_per_batch: int | None = None
    devices: Devices | None = None
    profile: bool = False
    points_tolerance: float = 0.0
    executor: Executor | None = None
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        tolerance = self.tolerance
        is_fraction = not isinstance(tolerance, str) and 0 <= tolerance < 1
        if tolerance != "auto" and not is_fraction:
            raise ValueError(f"tolerance must be in [0, 1), or auto, not {tolerance}")
        if not 0 <= self.points_tolerance < 1:
            raise ValueError(f"points_tolerance must be in [0, 1), not {self.points_tolerance}")
        if self.part is not None and not 1 <= self.part[0] <= self.part[1]:
            raise ValueError(f"part must be (k, n) with 1 <= k <= n, not {self.part}")
        if self.part is not None and (self.points_tolerance or tolerance not in (0, "auto")):
            raise ValueError("a part of the points has all examples: take tolerances of 0")
        if self.images_per_batch is not None and self.images_per_batch < 1:
            raise ValueError(f"images_per_batch must be 1 or more, not {self.images_per_batch}")
        if self.devices is not None:
            object.__setattr__(self, "devices", tuple(choose_devices(self.devices)))

    def precision_for(self, objective: Objective) -> Precision:
        """Return the precision for an objective.

        Args:
            objective: The objective.

        Raises:
            ValueError: The precision is unknown, or not available for the objective.
        """
        own = own_precision(objective.dtype)
        precision = self.precision or own
        check_precision(precision, objective.device, recomputes=objective.batchnorm == "recomputed")
        if own in ("bfloat16", "float16"):
            if precision not in (own, "auto"):
                raise ValueError(
                    f"the weights are of type {own}, got precision {precision}: pass share=False "
                    "to Objective, which copies them in float32"
                )
            return own
        if (precision == "float64") != (own == "float64"):
            raise ValueError(
                f"precision {precision} needs an objective of that type, got {own}: pass "
                f"dtype=torch.{'float64' if precision == 'float64' else 'float32'} to Objective"
            )
        return precision

    def devices_for(self, objective: Objective) -> Sequence[torch.device]:
        """Return the devices for an objective, its own first.

        Args:
            objective: The objective.
        """
        if self.devices is None:
            return [objective.device]
        return [torch.device(each) for each in self.devices]  # type: ignore[union-attr]
