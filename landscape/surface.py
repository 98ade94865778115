"""The result of a scan: the loss on a grid, and where it comes from."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.errors import LandscapeError
from landscape.gaps import fill
from landscape.grid import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROUNDING = 1e-5  # of float32 weights

Facts = Mapping[str, str | int | float]
"""Named facts, as they stand in a file's attributes."""


@dataclass(frozen=True)
class Mark:
    """A point of a plane that has a name: a solution, a bend of a curve.

    Attributes:
        name: What figures call it.
        alpha: Its coordinate along δ.
        beta: Its coordinate along η.
        distance: How far off the plane it lies, in the Euclidean norm of the weights.
        loss: Its own mean loss, with its own buffers; nan where not known.
    """

    name: str
    alpha: float
    beta: float
    distance: float = 0.0
    loss: float = math.nan

    @property
    def title(self) -> str:
        """The name; with the loss of one that is not on the plane."""
        is_off = self.distance > _OFF_THE_PLANE
        return f"{self.name} (off the plane, {self.loss:.3g})" if is_off else self.name


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A sequence of nets beside a plane: an optimizer's path, or a curve between solutions.

    All arrays have shape (nets,).

    Attributes:
        name: What figures call it.
        steps: Where each net is on the path: epochs of a training, or the parameter of a curve.
        alphas: Coordinates along δ of the nearest point of the plane.
        betas: Coordinates along η of that.
        distances: Euclidean distance from it: a path does not lie on the plane.
        losses: The nets' own mean losses; nan where not known.
        plane_losses: The losses at the nearest points of the plane; nan where not known.
        unit: What ``steps`` count.
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

    @property
    def is_off_plane(self) -> bool:
        """Whether its distances are more than the rounding of float32 weights."""
        return bool(self.distances.max(initial=0) > _ROUNDING * self.length)

    @property
    def length(self) -> float:
        """The sum of its steps' lengths along the axes, in units of coordinates."""
        return float(np.abs(np.diff(self.alphas)).sum() + np.abs(np.diff(self.betas)).sum())


@dataclass(frozen=True, eq=False)
class Curvature:
    """The outermost eigenvalues of the Hessian of the mean loss at every point of a grid.

    All arrays have the shape of the grid.

    Attributes:
        lowest: Smallest eigenvalue, float64; nan where not evaluated.
        highest: Largest eigenvalue, float64; nan where not evaluated.
        state: 0 where not evaluated, 1 where both converged, 2 where one did not.
        seconds: Time spent on them.
    """

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    state: NDArray[np.uint8]
    seconds: float = 0.0

    __repr__ = brief

    @classmethod
    def empty(cls, grid: Grid) -> "Curvature":
        """Return one of which nothing is evaluated."""
        return cls(
            np.full(grid.shape, np.nan),
            np.full(grid.shape, np.nan),
            np.zeros(grid.shape, dtype=np.uint8),
        )

    @property
    def ratio(self) -> NDArray[np.float64]:
        """|λ_min / λ_max|: small where the loss is nearly convex (Li et al. 2018, section 6)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: NDArray[np.float64] = np.abs(self.lowest / self.highest)
        return ratio


_OFF_THE_PLANE = 1e-4
_CROSS_ENTROPIES = ("cross_entropy", "CrossEntropyLoss()")

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
        repeats: The same with other seeds, in order; empty where there is but one.
        marks: Points of the plane that have names.
        paths: Sequences of nets beside the plane.
        curvature: Eigenvalues on the grid, where they were asked for.
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
    repeats: tuple["Surface", ...] = ()
    marks: tuple[Mark, ...] = ()
    paths: tuple[Trajectory, ...] = ()
    curvature: Curvature | None = None

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
        """Return the same with arrays of its own; its repeats and curvature are shared."""
        arrays = {name: getattr(self, name).copy() for name in ARRAYS}
        return replace(self, **arrays)

    @property
    def name(self) -> str:
        """What the figures call it."""
        return str(self.provenance.get("name", "surface"))

    @property
    def quantity(self) -> str:
        """What the losses are, with their unit where it is known."""
        return "mean cross-entropy (nats)" if self.is_cross_entropy else "mean loss"

    @property
    def is_cross_entropy(self) -> bool:
        """Whether the loss is torch's own cross entropy, without label smoothing."""
        return str(self.settings.get("loss", "")) in _CROSS_ENTROPIES

    @property
    def final(self) -> NDArray[np.bool_]:
        """Which points are evaluated and have seen as many examples as any, shape of the grid.

        Until a scan with a tolerance is finished, some have seen fewer.
        """
        final: NDArray[np.bool_] = self.evaluated & (self.examples == self.examples.max())
        return final

    @property
    def done(self) -> tuple[int, int]:
        """How many points are final, of how many: of all repeats, and curvature if asked for."""
        parts = [each.final for each in self.all]
        parts += [self.curvature.state > 0] if self.curvature is not None else []
        return sum(int(part.sum()) for part in parts), sum(part.size for part in parts)

    @property
    def is_complete(self) -> bool:
        """Whether all points are done."""
        done, total = self.done
        return done == total

    @property
    def images_per_point(self) -> str | None:
        """How many images the losses are from, as a text, where a tolerance decided that."""
        if not self.settings.get("tolerance"):
            return None
        seen = np.stack([each.examples for each in self.all])
        low, high = int(seen.min()), int(seen.max())
        return f"{high}" if low == high else f"{low} to {high}"

    @property
    def is_line(self) -> bool:
        """Whether it has points along δ alone."""
        return len(self.grid.betas) == 1

    @property
    def all(self) -> "tuple[Surface, ...]":
        """This and its repeats."""
        return (self, *self.repeats)

    def stacked(self, name: str = "losses") -> NDArray[np.float64]:
        """Return values of all repeats, shape (repeats, alphas, betas), nan where not evaluated.

        Args:
            name: ``losses``, ``accuracies`` or ``standard_errors``.
        """
        return np.stack([np.where(s.evaluated, getattr(s, name), np.nan) for s in self.all])

    @property
    def median(self) -> "Surface":
        """The point-wise median of all repeats; itself where there are none."""
        if not self.repeats:
            return self
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # points that no repeat has
            arrays: dict[str, Any] = {
                name: np.nanmedian(self.stacked(name), axis=0)
                for name in ("accuracies", "standard_errors")
            }
            # A loss that is not a number has diverged.
            losses = [np.where(np.isnan(s.losses), np.inf, s.losses) for s in self.all]
            known = [
                np.where(s.evaluated, v, np.nan) for s, v in zip(self.all, losses, strict=True)
            ]
            arrays["losses"] = np.nanmedian(known, axis=0)
        evaluated = np.any([each.evaluated for each in self.all], axis=0)
        return replace(self, **arrays, evaluated=evaluated, repeats=())

    @property
    def center(self) -> tuple[int, int] | None:
        """The index of the point (0, 0), or None where the grid has no such point."""
        i = np.flatnonzero(self.grid.alphas == 0)
        j = np.flatnonzero(self.grid.betas == 0)
        return (int(i[0]), int(j[0])) if i.size and j.size else None

    @property
    def center_loss(self) -> float | None:
        """The loss at (0, 0), or None where that is not an evaluated point of the grid."""
        center = self.center
        known = center is not None and self.evaluated[center]
        return float(self.losses[center]) if known else None

    @property
    def center_accuracy(self) -> float | None:
        """The accuracy at (0, 0), 0 to 1.

        None where that is not an evaluated point of the grid, or the accuracy is not defined.
        """
        center = self.center
        known = center is not None and self.evaluated[center]
        accuracy = float(self.accuracies[center]) if known else math.nan
        return accuracy if math.isfinite(accuracy) else None

    @property
    def center_images(self) -> int | None:
        """How many images the values at (0, 0) are from, or None where there are none."""
        center = self.center
        known = center is not None and self.evaluated[center]
        return int(self.examples[center]) if known else None

    def loss_at(self, alpha: float, beta: float) -> float:
        """Return the loss between the points of the grid, linear along both axes.

        nan outside of it, and where a point beside it is not finite.
        """
        inside = self.grid.holds(alpha, beta)
        if not inside or not self.evaluated.any():
            return math.nan
        losses = self.filled()
        column = [float(np.interp(beta, self.grid.betas, row)) for row in losses]
        loss = float(np.interp(alpha, self.grid.alphas, column))
        return loss if math.isfinite(loss) else math.nan

    def filled(self, values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return values for drawing, shape of the grid, without gaps of an unfinished scan.

        Points that are evaluated keep their value, also where it is inf or nan; the others
        lie between their neighbors (:func:`landscape.gaps.fill`).

        Args:
            values: By default the losses.

        Raises:
            LandscapeError: No point is evaluated.
        """
        if not self.evaluated.any():
            raise LandscapeError(f"{self.name}: no point is evaluated yet")
        return fill(self.losses if values is None else values, self.evaluated)

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

    @overload
    def view(self, html: str | Path, **options: Any) -> Path: ...
    @overload
    def view(self, html: None = None, **options: Any) -> Path | None: ...
    def view(self, html: str | Path | None = None, **options: Any) -> Path | None:
        """Open an interactive page, or display it in a notebook.

        See :func:`landscape.interactive.view`.
        """
        from landscape import interactive

        return interactive.view([self], html, **options)

    def __repr__(self) -> str:
        """Return one line: name, grid, and what is known of the losses."""
        done, total = self.done
        facts = [
            repr(self.name),
            str(self.grid),
            *([f"{done} of {total} points done"] if done < total else []),
            *([f"{len(self.all)} seeds"] if self.repeats else []),
        ]
        center = self.median.center_loss
        if center is not None:
            facts.append(f"loss {center:.3g} at the center")
        return f"Surface({', '.join(facts)})"

    def _repr_html_(self) -> str:
        """Return a picture and the facts, for notebooks."""
        from landscape import summary

        return summary.html(self)
