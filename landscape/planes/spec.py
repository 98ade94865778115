"""Planes that take time to compute: what determines them, and how to build or restore them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from landscape.brief import brief
from landscape.facts import Facts
from landscape.grid import Interval
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.plane import Plane

if TYPE_CHECKING:
    from landscape.hdf5 import SurfaceFile

_MEASURED = "explained_variation"  # facts that follow from the others

Frame = Callable[[Sequence[Mark], Sequence[Trajectory]], tuple[Interval | None, Interval | None]]
"""From what is marked to the ranges of α and β that show it."""


@dataclass(frozen=True, eq=False)
class PlaneSpec:
    """A plane to be built when a scan begins, or restored from the file of a resumed scan.

    Attributes:
        origin: Facts that determine the plane.
        build: Builds it.
        frame: Ranges that show what is marked on it.
    """

    origin: Facts
    build: Callable[[], Plane]
    frame: Frame = lambda _marks, _trajectories: (None, None)

    __repr__ = brief

    def resolve(self, objective: Objective, output: "SurfaceFile | None" = None) -> Plane:
        """Return the plane, on the objective's device and of its type.

        Args:
            objective: The objective.
            output: The file of the scan; a plane of equal origin is restored from it.
        """
        plane = stored(self.origin, objective, output) or self.build()
        alpha, beta = plane.alpha, plane.beta
        if plane.marks or plane.trajectories:
            alpha, beta = self.frame(plane.marks, plane.trajectories)
        moved = plane.to(objective.device, objective.dtype)
        return replace(moved, alpha=alpha, beta=beta)


def stored(origin: Facts, objective: Objective, output: "SurfaceFile | None") -> Plane | None:
    """Return the plane of a file if it has the same origin and its directions are stored.

    Used when a scan is resumed, because recomputing the directions on other hardware would
    round differently.

    Args:
        origin: Facts that determine the plane.
        objective: The objective.
        output: The file.
    """
    found = output.found if output is not None else None
    if found is None or output is None:
        return None
    determined = {key: value for key, value in origin.items() if not key.startswith(_MEASURED)}
    if any(found.settings.get(key) != value for key, value in determined.items()):
        return None
    directions = output.directions()
    if directions is None:
        return None
    measured = {k: v for k, v in found.settings.items() if k.startswith(_MEASURED)}
    zero = objective.center
    plane = Plane(zero, zero, zero, origin={**determined, **measured}, stored=True)
    return replace(
        plane.with_directions(*directions), marks=found.marks, trajectories=found.trajectories
    )


def interval(
    values: Sequence[float], margin: float = 0.2, at_least: float = 0.0
) -> Interval | None:
    """Return the range of coordinates, with a margin at both ends.

    Args:
        values: The coordinates.
        margin: Margin, as a fraction of their range.
        at_least: Smallest width of the result, for coordinates close together.
    """
    low, high = min(values), max(values)
    reach = max(margin * (high - low), (at_least - (high - low)) / 2)
    return (low - reach, high + reach) if high + reach > low - reach else None
