"""Checkpoints and trajectories projected onto a plane."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.facts import encodable

# Rounding of float32 weights: as a distance, as a fraction of a length, and along β.
_DISTANCE, _RELATIVE, _BETA = 1e-4, 1e-5, 1e-6


@dataclass(frozen=True)
class Mark:
    """A labeled checkpoint projected onto the plane.

    Attributes:
        name: Name in figures.
        alpha: Coordinate along δ of the nearest point of the plane.
        beta: Coordinate along η of that point.
        distance: Euclidean distance of the checkpoint from the plane.
        loss: Its own mean loss, with its own buffers; nan if unknown.
        plane_loss: Loss at the nearest point of the plane; nan if unknown.
    """

    name: str
    alpha: float
    beta: float
    distance: float = 0.0
    loss: float = math.nan
    plane_loss: float = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", encodable(self.name))

    @property
    def is_off_plane(self) -> bool:
        """Whether its distance is more than rounding."""
        return self.distance > _DISTANCE

    @property
    def is_off_line(self) -> bool:
        """Whether it lies off the line β = 0 by more than rounding."""
        return abs(self.beta) > _BETA

    @property
    def title(self) -> str:
        """The name; with the loss of an off-plane checkpoint."""
        return f"{self.name} (off the plane, {self.loss:.3g})" if self.is_off_plane else self.name


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A sequence of checkpoints projected onto the plane: an optimization path or a curve.

    All arrays have shape (checkpoints,).

    Attributes:
        name: Name in figures.
        steps: Position of each checkpoint: its epoch, or the parameter t of a curve.
        alphas: Coordinates along δ of the nearest points of the plane.
        betas: Coordinates along η of those points.
        distances: Euclidean distances from the plane.
        losses: Their own mean losses; nan if unknown.
        plane_losses: Losses at the nearest points of the plane; nan if unknown.
        unit: Unit of ``steps``.
    """

    name: str
    steps: NDArray[np.float64]
    alphas: NDArray[np.float64]
    betas: NDArray[np.float64]
    distances: NDArray[np.float64]
    losses: NDArray[np.float64]
    plane_losses: NDArray[np.float64]
    unit: str = "epoch"

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", encodable(self.name))

    @property
    def is_off_plane(self) -> bool:
        """Whether its distances are more than rounding."""
        return bool(self.distances.max(initial=0) > _RELATIVE * self.length)

    @property
    def length(self) -> float:
        """Length of the projected path, summed along the axes, in units of coordinates."""
        return float(np.abs(np.diff(self.alphas)).sum() + np.abs(np.diff(self.betas)).sum())
