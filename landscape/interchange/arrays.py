"""Arrays of NumPy: of loss-landscapes and of Landscaper to read, of surfaces to write."""

import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.errors import SurfaceFileError, first_line
from landscape.filetypes import is_npy
from landscape.grid import MOST_POINTS, Grid, Interval
from landscape.interchange.parts import left_out
from landscape.numpy_files import check_arrays
from landscape.surface import ARRAYS, Surface

Array = NDArray[np.float64]

_ALTERNATES = 0.5  # of the roughness is left when alternating rows are aligned
_SHORTEST = 4  # rows and columns in which that can be seen


def read_array(
    path: Path, alpha: Interval | None, beta: Interval | None, align_rows: bool
) -> tuple[Surface, list[str]]:
    """Return the surface in an array file.

    Args:
        path: A file of ``numpy.save``: an array ``[i, j]`` of losses at (α_i, β_j), or ``[i]``
            at α_i; or one of ``LossLandscape.save`` of Landscaper, which holds its coordinates.
        alpha: First and last α, of an array without coordinates.
        beta: First and last β, of one with two dimensions.
        align_rows: Every second row lies one step further along β than the others, see
            :func:`aligned`; the coordinates are those of the aligned rows.

    Returns:
        The surface, and notes on what the file leaves open.

    Raises:
        SurfaceFileError: The file is damaged, or holds something else.
        ValueError: A range is missing, or given to a file that has its coordinates.
    """
    losses, grid = _arrays(path)
    if grid is not None:
        if alpha or beta or align_rows:
            raise ValueError(f"{path} has coordinates: give no ranges, and do not align its rows")
        program = "Landscaper"
        notes = ["Landscaper replaces losses that are not finite before it saves them"]
    else:
        grid, losses, notes = _on_ranges(path, losses, alpha, beta, align_rows)
        program = "unknown"
    surface = Surface.empty(grid, {"program": program, "source": path.name}, {"name": path.stem})
    surface.losses[:], surface.evaluated[:] = losses, True
    return surface, notes


def aligned(losses: Array) -> Array:
    """Return rows of which every second one lies one step further along β, on common coordinates.

    ``random_plane`` and ``planar_interpolation`` of loss-landscapes walk over the plane: rows 0,
    2, … are one step ahead of rows 1, 3, …. Each row loses the point that the others lack.

    Args:
        losses: Shape (rows, columns).

    Returns:
        Shape (rows, columns - 1).

    Example:
        >>> aligned(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]]))
        array([[1., 2.],
               [1., 2.]])
    """
    rows = np.arange(len(losses))[:, None] % 2 == 0
    return np.where(rows, losses[:, :-1], losses[:, 1:])


def write_npz(surface: Surface, path: Path) -> list[str]:
    """Write all seeds as arrays; docs/how-to/exchange.md lists their names.

    Args:
        surface: The surface.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.
    """
    seeds = surface.seeds
    arrays: dict[str, NDArray[np.generic]] = {
        "alphas": surface.grid.alphas,
        "betas": surface.grid.betas,
        "seeds": np.array([int(s.settings.get("seed", k)) for k, s in enumerate(seeds)]),
        **{name: np.stack([each.array(name) for each in seeds]) for name in ARRAYS},
        "settings": np.array(json.dumps(dict(surface.settings))),
        "provenance": np.array(json.dumps(dict(surface.provenance))),
    }
    if surface.metrics:
        arrays["metric_names"] = np.array(list(surface.metrics))
        arrays["metrics"] = np.stack([surface.stacked(name) for name in surface.metrics])
    if surface.curvature is not None:
        names = ("lowest", "highest", "evaluated", "converged")
        arrays.update({f"curvature_{key}": getattr(surface.curvature, key) for key in names})
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # numpy's stubs
    path.write_bytes(content.getvalue())
    held = ("accuracies", "standard errors", "numbers of images", "metrics", "curvature")
    return left_out(surface, (*held, "settings"))


def _arrays(path: Path) -> tuple[Array, Grid | None]:
    """Return the losses of a file, and the grid if it has coordinates.

    Raises:
        SurfaceFileError: The file is damaged, or holds something else.
    """
    grid = None
    try:
        check_arrays(path)
        found = np.load(path, allow_pickle=False)
        if is_npy(path):
            losses = found
        else:
            losses, grid = found["loss"], Grid(*found["coordinates"])
    except KeyError as error:
        raise SurfaceFileError(
            f"{path}: expected the arrays loss and coordinates of Landscaper, found "
            f"{', '.join(found) or 'none'}: save one array of losses with numpy.save",
            path=path,
        ) from error
    except Exception as error:  # damaged files raise nearly anything
        raise SurfaceFileError(
            f"{path} is damaged, or not of two dimensions: {first_line(error)}", path=path
        ) from error
    if losses.dtype.kind not in "fiu" or losses.ndim not in (1, 2):
        raise SurfaceFileError(
            f"{path}: expected real losses with one or two dimensions, found {losses.dtype} of "
            f"shape {losses.shape}",
            path=path,
        )
    if not 1 <= min(losses.shape) <= max(losses.shape) <= MOST_POINTS:
        raise SurfaceFileError(
            f"{path}: expected 1 to {MOST_POINTS:,} points along each axis, found an array of "
            f"shape {losses.shape}",
            path=path,
        )
    if grid is not None and grid.shape != losses.shape:
        raise SurfaceFileError(
            f"{path}: losses have shape {losses.shape}, the coordinates {grid.shape}", path=path
        )
    return losses.astype(np.float64), grid


def _on_ranges(
    path: Path, losses: Array, alpha: Interval | None, beta: Interval | None, align_rows: bool
) -> tuple[Grid, Array, list[str]]:
    """Return grid, losses and notes of an array without coordinates.

    Raises:
        ValueError: A range is missing or has no meaning.
    """
    is_line = losses.ndim == 1
    if alpha is None or (beta is None) != is_line:
        expected = "alpha alone" if is_line else "alpha and beta"
        raise ValueError(
            f"{path} has no coordinates, and an array of shape {losses.shape}: give the first "
            f"and last {expected}, as alpha=(-1, 1)"
        )
    if is_line:
        if align_rows:
            raise ValueError(f"{path} has one dimension: it has no rows to align")
        line = Grid.regular((len(losses), 1), alpha, (-1.0, 1.0))
        return line, losses[:, None], []
    notes = []
    if align_rows:
        losses = aligned(losses)
        notes.append("rows are aligned: the point that only every second row has is left out")
    elif _alternates(losses):
        notes.append(
            "every second row seems to lie one step further along β, as in random_plane of "
            "loss-landscapes, which draws a zigzag: align_rows=True aligns them"
        )
    return Grid.regular(losses.shape, alpha, beta), losses, notes


def _alternates(losses: Array) -> bool:
    """Return whether neighboring rows are much more alike when every second one is moved."""
    if min(losses.shape) < _SHORTEST:
        return False

    def roughness(rows: Array) -> float:
        differences = np.abs(np.diff(rows, 2, axis=0))
        return float(np.median(differences[np.isfinite(differences)]))

    with np.errstate(invalid="ignore", over="ignore"):
        return roughness(aligned(losses)) < _ALTERNATES * roughness(losses)
