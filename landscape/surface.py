"""The result of a scan: the loss on a grid, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError
from landscape.grid import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Facts = Mapping[str, str | int | float]
"""Named facts, as they stand in a file's attributes."""


ARRAYS = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
"""What a surface has at every point."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss surface over a plane.

    All arrays have shape ``(len(grid.alphas), len(grid.betas))``; element ``[i, j]``
    belongs to ``(grid.alphas[i], grid.betas[j])``. A value may truly be inf or nan: whether
    a point has been computed is told by ``evaluated`` alone.

    Attributes:
        grid: Where the loss was sampled.
        losses: Mean loss over the examples, float64; nan where not evaluated.
        accuracies: Fraction of right labels, 0 to 1; nan where not evaluated or not defined.
        standard_errors: Standard error of the mean loss over the examples; nan where not
            evaluated, or where the loss gives no values per example.
        evaluated: Which points have been computed, bool.
        examples: How many examples the values of a point are from, int64; 0 where not evaluated.
        settings: What determines the values. A scan goes on in a file of equal settings.
        provenance: How they came about: version, command, hardware, date.
        seconds: Time spent on the evaluated points.
    """

    grid: Grid
    losses: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    evaluated: NDArray[np.bool_]
    examples: NDArray[np.int64]
    settings: Facts = field(default_factory=dict)
    provenance: Facts = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        for name in ARRAYS:
            if getattr(self, name).shape != self.grid.shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, the grid {self.grid.shape}"
                )

    @classmethod
    def empty(cls, grid: Grid, settings: Facts, provenance: Facts) -> "Surface":
        """Return a surface of which no point is evaluated."""

        def unknown() -> NDArray[np.float64]:
            return np.full(grid.shape, np.nan)

        evaluated = np.zeros(grid.shape, dtype=bool)
        examples = np.zeros(grid.shape, dtype=np.int64)
        return cls(grid, unknown(), unknown(), unknown(), evaluated, examples, settings, provenance)

    def copy(self) -> "Surface":
        """Return the same with arrays of its own."""
        arrays = {name: getattr(self, name).copy() for name in ARRAYS}
        return replace(self, **arrays)

    @property
    def name(self) -> str:
        """What the figures call it."""
        return str(self.provenance.get("name", "surface"))

    @property
    def is_complete(self) -> bool:
        """Whether every point is evaluated."""
        return bool(self.evaluated.all())

    @property
    def center_loss(self) -> float | None:
        """The loss at (0, 0), or None where that is not an evaluated point of the grid."""
        i = np.flatnonzero(self.grid.alphas == 0)
        j = np.flatnonzero(self.grid.betas == 0)
        if not (i.size and j.size and self.evaluated[i[0], j[0]]):
            return None
        return float(self.losses[i[0], j[0]])

    def filled(self, values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return values for drawing, shape of the grid, without gaps of an unfinished scan.

        Points that are not evaluated get the mean of their nearest neighbors that are;
        points that are evaluated keep their value, also where it is inf or nan.

        Args:
            values: By default the losses.

        Raises:
            LandscapeError: No point is evaluated.
        """
        values = np.array(self.losses if values is None else values)
        known = self.evaluated.copy()
        if not known.any():
            raise LandscapeError(f"{self.name}: no point is evaluated yet")
        while not known.all():
            sums, counts = np.zeros(values.shape), np.zeros(values.shape)
            usable = np.pad(np.where(known, values, 0.0), 1)
            weight = np.pad(known.astype(float), 1)
            for i, j in ((0, 1), (2, 1), (1, 0), (1, 2)):
                window = np.s_[i : i + values.shape[0], j : j + values.shape[1]]
                sums += usable[window]
                counts += weight[window]
            reached = ~known & (counts > 0)
            values[reached] = sums[reached] / counts[reached]
            known |= reached
        return values

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write an HDF5 file (docs/FORMAT.md); the file appears complete or not at all.

        Raises:
            SurfaceFileError: The file exists and ``overwrite`` is false.
            OSError: It cannot be written.
        """
        from landscape import store

        store.save(self, Path(path), overwrite=overwrite)

    def plot(self, **options: Any) -> "Figure":
        """Draw with matplotlib and return the figure; see :func:`landscape.figures.plot`."""
        from landscape import figures

        return figures.plot([self], **options)

    def view(self, html: str | Path | None = None, **options: Any) -> Path:
        """Open an interactive page; see :func:`landscape.interactive.view`."""
        from landscape import interactive

        return interactive.view([self], html, **options)
