"""The result of a scan: the loss on a grid, and its provenance."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from landscape.curvature_map import Curvature
from landscape.errors import LandscapeError
from landscape.facts import Facts, encodable_facts
from landscape.grid import Grid, part_from
from landscape.interpolation import interpolate_missing
from landscape.overlays import Mark, Trajectory
from landscape.units import Unit, is_per_token, unit_of
from landscape.values import Values

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure
    from plotly import graph_objects as go

_CROSS_ENTROPIES = ("cross_entropy", "CrossEntropyLoss()")

ARRAYS = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
"""Names of the arrays that every surface has, those of metrics not among them."""


POINTS_ERROR = "points_error"
"""Provenance: largest deviation of interpolated points, in units of the picture's height."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Mean loss, accuracy, standard error and metrics of a model on the grid of a plane.

    All arrays have shape ``(len(grid.alphas), len(grid.betas))``; element ``[i, j]``
    belongs to ``(grid.alphas[i], grid.betas[j])``. A loss may be inf or nan: only ``evaluated``
    determines whether a point has been evaluated. Iteration yields ``(alpha, beta, values)`` of
    the evaluated points.

    Attributes:
        grid: Coordinates of the points.
        losses: Mean loss over the examples, float64; nan where not evaluated.
        accuracies: Fraction of correct predictions, 0 to 1; nan where not evaluated or undefined.
        standard_errors: Standard error of the mean loss over the examples; nan where not
            evaluated, or where the loss gives no values per example.
        evaluated: Mask of evaluated points, bool.
        examples: Number of examples behind the values of a point, int64; 0 where not evaluated.
        settings: Facts that the values depend on; a file is resumed only if they are equal.
        provenance: Version, command, hardware, date and the like.
        seconds: Time spent on the evaluated points.
        repeats: The surfaces of further seeds, in order.
        marks: Labeled checkpoints projected onto the plane.
        trajectories: Sequences of checkpoints projected onto the plane.
        curvature: Extreme Hessian eigenvalues on the grid, if requested.
        metrics: Further quantities by name, float64; nan where not evaluated.
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
    trajectories: tuple[Trajectory, ...] = ()
    curvature: Curvature | None = None
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("settings", "provenance"):
            object.__setattr__(self, name, encodable_facts(getattr(self, name)))
        for name in (*ARRAYS, *self.metrics):
            if self.array(name).shape != self.grid.shape:
                raise ValueError(
                    f"{name} has shape {self.array(name).shape}, the grid {self.grid.shape}"
                )

    @classmethod
    def empty(
        cls, grid: Grid, settings: Facts, provenance: Facts, metrics: Iterable[str] = ()
    ) -> "Surface":
        """Return a surface with no point evaluated.

        Args:
            grid: Coordinates of the points.
            settings: Facts that the values depend on.
            provenance: Further facts.
            metrics: Names of the metrics.
        """

        def unknown() -> NDArray[np.float64]:
            return np.full(grid.shape, np.nan)

        evaluated = np.zeros(grid.shape, dtype=bool)
        examples = np.zeros(grid.shape, dtype=np.int64)
        return cls(
            grid,
            unknown(),
            unknown(),
            unknown(),
            evaluated,
            examples,
            settings,
            provenance,
            metrics={name: unknown() for name in metrics},
        )

    def copy(self) -> "Surface":
        """Return a copy with its own arrays; repeats and curvature are shared."""
        arrays = {name: getattr(self, name).copy() for name in ARRAYS}
        metrics = {name: values.copy() for name, values in self.metrics.items()}
        return replace(self, **arrays, metrics=metrics)

    def with_overlays(
        self, *, marks: Sequence[Mark] = (), trajectories: Sequence[Trajectory] = ()
    ) -> "Surface":
        """Return the surface with further marks and trajectories.

        Args:
            marks: Labeled checkpoints projected onto the plane.
            trajectories: Sequences of checkpoints projected onto the plane.

        Example:
            >>> import landscape
            >>> surface = Surface.empty(landscape.Grid.regular(3), {}, {})
            >>> len(surface.with_overlays(marks=[landscape.Mark("b", 0.5, 0.5)]).marks)
            1
        """
        return replace(
            self,
            marks=(*self.marks, *marks),
            trajectories=(*self.trajectories, *trajectories),
        )

    def __iter__(self) -> Iterator[tuple[float, float, Values]]:
        """Yield (alpha, beta, values) of the evaluated points of this seed, in row order."""
        for index in map(int, np.flatnonzero(self.evaluated)):
            yield *self.grid.point(index), self.values(index)

    def values(self, index: int) -> Values:
        """Return the values of a point.

        Args:
            index: Flat index into arrays over the grid.
        """
        return Values(
            float(self.losses.flat[index]),
            float(self.accuracies.flat[index]),
            float(self.standard_errors.flat[index]),
            {name: float(values.flat[index]) for name, values in self.metrics.items()},
        )

    def array(self, name: str) -> NDArray[Any]:
        """Return an array over the grid.

        Args:
            name: ``losses`` and so on, or the name of a metric.

        Example:
            >>> import landscape
            >>> grid = landscape.Grid.regular((3, 2))
            >>> Surface.empty(grid, {}, {}, metrics=["error"]).array("error").shape
            (3, 2)
        """
        if name in self.metrics:
            return self.metrics[name]
        values: NDArray[Any] = getattr(self, name)
        return values

    @property
    def name(self) -> str:
        """Name in figures."""
        return str(self.provenance.get("name", "surface"))

    @property
    def quantity(self) -> str:
        """Name of the losses, with their unit if known."""
        if is_per_token(self.settings):
            return "mean cross-entropy (nats per token)"
        return "mean cross-entropy (nats)" if self.is_cross_entropy else "mean loss"

    @property
    def unit(self) -> Unit:
        """What its examples are called."""
        return unit_of(self.settings, self.provenance)

    @property
    def is_cross_entropy(self) -> bool:
        """Whether the loss is torch's own cross entropy, without label smoothing."""
        return str(self.settings.get("loss", "")) in _CROSS_ENTROPIES

    @property
    def final(self) -> NDArray[np.bool_]:
        """Mask of points evaluated on the largest sample size used so far, shape of the grid."""
        final: NDArray[np.bool_] = self.evaluated & (self.examples == self.examples.max())
        return final

    @property
    def done(self) -> tuple[int, int]:
        """The numbers of finished and of requested evaluations, of all seeds and the curvature.

        Of a surface whose points are refined the total is known at the end.
        """
        if self.is_refined:
            done = int(self.final.sum())
            return done, done if POINTS_ERROR in self.provenance else self.grid.size
        part = part_from(self.settings.get("part"))
        if part is not None:
            wanted = self.grid.part(*part)
            done = sum(int((each.final & wanted).sum()) for each in self.seeds)
            return done, len(self.seeds) * int(wanted.sum())
        parts = [each.final for each in self.seeds]
        parts += [self.curvature.evaluated] if self.curvature is not None else []
        return sum(int(part.sum()) for part in parts), sum(part.size for part in parts)

    @property
    def is_complete(self) -> bool:
        """Whether all evaluations are finished."""
        done, total = self.done
        return done == total

    @property
    def is_refined(self) -> bool:
        """Whether points are left out where the picture does not need them."""
        return bool(self.settings.get("points_tolerance"))

    @property
    def known_losses(self) -> NDArray[np.float64]:
        """Losses of the evaluated points, nan elsewhere.

        Of a complete surface whose points are refined, those left out are interpolated: this
        deviates by no more than the error that is stored.
        """
        if self.is_refined and self.is_complete and self.evaluated.any():
            return self.interpolated()
        return np.where(self.evaluated, self.losses, np.nan)

    @property
    def images_per_point(self) -> str | None:
        """Number of examples behind the losses, as text, if a tolerance determined it."""
        if not self.settings.get("tolerance"):
            return None
        seen = np.stack([each.examples for each in self.seeds])
        low, high = int(seen.min()), int(seen.max())
        return f"{high}" if low == high else f"{low} to {high}"

    @property
    def is_line(self) -> bool:
        """Whether it has points only along δ."""
        return len(self.grid.betas) == 1

    @property
    def seeds(self) -> "tuple[Surface, ...]":
        """The surfaces of all seeds of the scan, this one first."""
        return (self, *self.repeats)

    def stacked(self, name: str = "losses") -> NDArray[np.float64]:
        """Return values of all seeds, shape (seeds, alphas, betas), nan where not evaluated.

        Args:
            name: ``losses``, ``accuracies``, ``standard_errors``, or the name of a metric.
        """
        return np.stack([np.where(s.evaluated, s.array(name), np.nan) for s in self.seeds])

    @property
    def median(self) -> "Surface":
        """The point-wise median over all seeds; itself for a single seed."""
        if not self.repeats:
            return self
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # points that no seed has
            arrays: dict[str, Any] = {
                name: np.nanmedian(self.stacked(name), axis=0)
                for name in ("accuracies", "standard_errors")
            }
            arrays["metrics"] = {
                name: np.nanmedian(self.stacked(name), axis=0) for name in self.metrics
            }
            # A loss that is not a number has diverged.
            losses = [np.where(np.isnan(s.losses), np.inf, s.losses) for s in self.seeds]
            known = [
                np.where(s.evaluated, v, np.nan) for s, v in zip(self.seeds, losses, strict=True)
            ]
            arrays["losses"] = np.nanmedian(known, axis=0)
        evaluated = np.any([each.evaluated for each in self.seeds], axis=0)
        return replace(self, **arrays, evaluated=evaluated, repeats=())

    @property
    def center(self) -> tuple[int, int] | None:
        """The index of the point (0, 0), or None if the grid does not contain it."""
        i = np.flatnonzero(self.grid.alphas == 0)
        j = np.flatnonzero(self.grid.betas == 0)
        return (int(i[0]), int(j[0])) if i.size and j.size else None

    @property
    def center_loss(self) -> float | None:
        """The loss at (0, 0), or None if that is not an evaluated point of the grid."""
        center = self.center
        known = center is not None and self.evaluated[center]
        return float(self.losses[center]) if known else None

    @property
    def center_error(self) -> float | None:
        """The standard error of the loss at (0, 0), or None if it is unknown."""
        center = self.center
        known = center is not None and self.evaluated[center]
        error = float(self.standard_errors[center]) if known else math.nan
        return error if math.isfinite(error) else None

    @property
    def center_perplexity(self) -> float | None:
        """The exponential of the loss at (0, 0), if it is in nats per token; else None."""
        loss = self.center_loss
        if loss is None or not is_per_token(self.settings):
            return None
        with np.errstate(over="ignore"):
            return float(np.exp(loss))

    @property
    def center_accuracy(self) -> float | None:
        """The accuracy at (0, 0), 0 to 1.

        None if that is not an evaluated point of the grid, or the accuracy is undefined.
        """
        center = self.center
        known = center is not None and self.evaluated[center]
        accuracy = float(self.accuracies[center]) if known else math.nan
        return accuracy if math.isfinite(accuracy) else None

    @property
    def center_metrics(self) -> Mapping[str, float]:
        """The metrics at (0, 0) by name; empty if that is not an evaluated point of the grid."""
        center = self.center
        if center is None or not self.evaluated[center]:
            return {}
        return {name: float(values[center]) for name, values in self.metrics.items()}

    @property
    def center_images(self) -> int | None:
        """Number of examples behind the values at (0, 0), or None if it is not evaluated."""
        center = self.center
        known = center is not None and self.evaluated[center]
        return int(self.examples[center]) if known else None

    def loss_at(self, alpha: float, beta: float) -> float:
        """Return the loss at any point, bilinearly interpolated.

        Args:
            alpha: Coordinate along δ.
            beta: Coordinate along η.

        Returns:
            The loss; nan outside the grid, and next to a point that is not finite.
        """
        inside = self.grid.holds(alpha, beta)
        if not inside or not self.evaluated.any():
            return math.nan
        losses = self.interpolated()
        column = [float(np.interp(beta, self.grid.betas, row)) for row in losses]
        loss = float(np.interp(alpha, self.grid.alphas, column))
        return loss if math.isfinite(loss) else math.nan

    def interpolated(self, values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return values for plotting, shape of the grid: unevaluated points are interpolated.

        Evaluated points keep their value, also if it is inf or nan; see
        ``landscape.interpolation.interpolate_missing``.

        Args:
            values: Values over the grid; by default the losses.

        Raises:
            LandscapeError: No point is evaluated.
        """
        if not self.evaluated.any():
            raise LandscapeError(f"{self.name}: no point is evaluated yet")
        values = self.losses if values is None else values
        return interpolate_missing(values, self.evaluated, smooth=self.is_refined)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write an HDF5 file (docs/reference/file-format.md), atomically.

        Args:
            path: The file.
            overwrite: Replace an existing file.

        Raises:
            SurfaceFileError: The file exists and ``overwrite`` is false.
            OSError: It cannot be written.
        """
        from landscape import hdf5

        hdf5.save(self, Path(path), overwrite=overwrite)

    def plot(self, **options: Any) -> "Figure":
        """Draw with matplotlib.

        Args:
            **options: Options of :func:`landscape.plot`.

        Returns:
            A figure of pyplot.
        """
        from landscape import figures

        return figures.plot(self, **options)

    @overload
    def view(self, html: str | Path, **options: Any) -> Path: ...
    @overload
    def view(self, html: None = None, **options: Any) -> Path | None: ...
    def view(self, html: str | Path | None = None, **options: Any) -> Path | None:
        """Open an interactive page, or display it in a notebook.

        Args:
            html: Write the page to this file instead.
            **options: Options of :func:`landscape.view`.

        Returns:
            The file of the page, if one was written.
        """
        from landscape import page

        return page.view(self, html=html, **options)

    def to_plotly(self) -> "go.Figure":
        """Return the median surface as a plotly figure, or the line as a curve.

        Returns:
            A ``plotly.graph_objects.Figure`` with unscaled losses.
        """
        from landscape import exports

        return exports.to_plotly(self)

    def to_xarray(self) -> "xarray.Dataset":
        """Return all seeds as an xarray data set with dimensions seed, alpha and beta.

        Raises:
            ImportError: xarray is not installed.
        """
        from landscape import exports

        return exports.to_xarray(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return the evaluated points of all seeds as rows of a pandas data frame.

        Raises:
            ImportError: pandas is not installed.
        """
        from landscape import exports

        return exports.to_dataframe(self)

    def __repr__(self) -> str:
        """Return one line: name, grid, progress and center loss."""
        done, total = self.done
        facts = [
            repr(self.name),
            str(self.grid),
            *([f"{done} of {total} points done"] if done < total else []),
            *([f"{len(self.seeds)} seeds"] if self.repeats else []),
        ]
        center = self.median.center_loss
        if center is not None:
            facts.append(f"loss {center:.3g} at the center")
        return f"Surface({', '.join(facts)})"

    def _repr_html_(self) -> str:
        """Return a picture and the facts, for notebooks."""
        from landscape import figures

        return figures.html_summary(self)
