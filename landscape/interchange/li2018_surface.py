"""Surfaces, Hessians and projected trajectories of the code of Li et al. (2018).

Their files, of tomgoldstein/loss-landscape, have no attributes. An array has the shape
``(len(xcoordinates), len(ycoordinates))``, but its values are in the order of a meshgrid: all x for
the first y, then for the second. A square grid comes out transposed and another one scrambled if
its indices are taken at their word.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from landscape.curvature_map import Curvature
from landscape.errors import SurfaceFileError, first_line
from landscape.grid import Grid
from landscape.hdf5.opening import open_hdf5
from landscape.hdf5.parts import numbers
from landscape.interchange.percentages import to_fractions
from landscape.overlays import Trajectory
from landscape.surface import Surface

Split = Literal["train", "test"]
Array = NDArray[np.float64]

PROGRAM = "code of Li et al. (2018)"

MISSING = -1.0
"""Losses, accuracies and largest eigenvalues that are not evaluated."""

MISSING_LOWEST = 1.0
"""Smallest eigenvalues that are not evaluated."""

SUM = "of the sum of the batches' mean losses, weights only"
"""Of what function their eigenvalues are."""

MEAN = "of the mean loss"
"""Of what function ours are; an attribute of ``max_eig``, where their code has none."""


def read_surface(path: Path, split: Split | None = None) -> tuple[Surface, list[str]]:
    """Return the surface in a file, with the eigenvalues if it has them.

    Args:
        path: The file.
        split: Images of the losses; by default the training images, if the file has them.

    Returns:
        The surface, and notes on what the file leaves open.

    Raises:
        SurfaceFileError: The file is damaged, or has no such losses.
    """
    with _reading(path) as file:
        grid = _grid(file)
        found = [each for each in ("train", "test") if f"{each}_loss" in file]
        if (split and split not in found) or not (found or "max_eig" in file):
            raise SurfaceFileError(
                f"{path} has no {split or 'train'}_loss: it has {', '.join(sorted(file))}",
                path=path,
                key=f"{split or 'train'}_loss",
            )
        settings = {"program": PROGRAM, "source": path.name}
        provenance = {"name": path.stem}
        if directions := _text(file, "dir_file"):
            provenance["direction_file"] = directions
        surface = Surface.empty(grid, settings, provenance)
        notes: list[str] = []
        if found:
            surface = _with_losses(surface, file, split or found[0])
            notes += _on_losses(surface, [] if split else found[1:])
        if "max_eig" in file:
            surface, on_eigenvalues = _with_curvature(surface, file)
            notes += on_eigenvalues
    return surface, notes


def attach(surface: Surface, path: Path) -> tuple[Surface, list[str]]:
    """Return a surface with what another file of the same program has.

    Args:
        surface: The surface.
        path: A projected trajectory, eigenvalues on the same grid, or principal directions.

    Returns:
        The surface, and notes on what the file leaves open.

    Raises:
        SurfaceFileError: The file is damaged, or has nothing of these.
    """
    with _reading(path) as file:
        if "proj_xcoord" in file:
            return _with_trajectory(surface, file, path.stem)
        if "max_eig" in file:
            if _grid(file) != surface.grid:
                raise SurfaceFileError(
                    f"{path} has {_grid(file)}, the surface has {surface.grid}", path=path
                )
            return _with_curvature(surface, file)
        if "explained_variance_ratio_" in file:
            parts = numbers(file["explained_variance_ratio_"]).tolist()
            settings = {
                **surface.settings,
                "explained_variation": float(sum(parts)),
                "explained_variation_alpha": float(parts[0]),
                "explained_variation_beta": float(parts[1]),
            }
            return replace(surface, settings=settings), []
        raise SurfaceFileError(
            f"{path}: expected proj_xcoord and proj_ycoord, max_eig and min_eig, or "
            f"explained_variance_ratio_, found {', '.join(sorted(file)) or 'nothing'}",
            path=path,
        )


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    with open_hdf5(path) as file:
        try:
            yield file
        except SurfaceFileError:
            raise
        except Exception as error:  # damaged files raise nearly anything
            raise SurfaceFileError(f"{path} is damaged: {first_line(error)}", path=path) from error


def _text(file: Any, key: str) -> str:
    """Return a string of an open file; empty if it has none of that name."""
    return (file[key].text or "") if key in file else ""


def _grid(file: Any) -> Grid:
    betas = numbers(file["ycoordinates"]) if "ycoordinates" in file else np.zeros(1)
    return Grid(numbers(file["xcoordinates"]), betas)


def _decoded(file: Any, key: str, grid: Grid) -> Array:
    """Return an array over the grid, in our order.

    Raises:
        ValueError: Its shape is not that of the grid.
    """
    values, shape = numbers(file[key]), grid.shape
    if values.shape not in (shape, shape[::-1], shape[:1] if shape[1] == 1 else shape):
        raise ValueError(f"{key} has shape {values.shape}, the coordinates {shape}")
    return np.ascontiguousarray(values.reshape(shape[::-1]).T, dtype=np.float64)


def _with_losses(surface: Surface, file: Any, split: str) -> Surface:
    losses = _decoded(file, f"{split}_loss", surface.grid)
    percent = np.full_like(losses, np.nan)
    if f"{split}_acc" in file:
        percent = _decoded(file, f"{split}_acc", surface.grid)
    evaluated = losses != MISSING
    return replace(
        surface,
        losses=np.where(evaluated, losses, np.nan),
        accuracies=np.where(evaluated & (percent != MISSING), to_fractions(percent), np.nan),
        evaluated=evaluated,
        settings={**surface.settings, "split": split},
    )


def _on_losses(surface: Surface, others: list[str]) -> list[str]:
    notes = [
        f"losses of the {surface.settings['split']} images; the file also has those of the "
        f"{other} images: split={other!r}"
        for other in others
    ]
    missing = int((~surface.evaluated).sum())
    if missing:
        notes.append(
            f"{missing} of {surface.grid.size} points are not evaluated: their loss is −1, which "
            "the format does not distinguish from a true loss of −1"
        )
    return notes


def _with_curvature(surface: Surface, file: Any) -> tuple[Surface, list[str]]:
    lowest, highest = (_decoded(file, key, surface.grid) for key in ("min_eig", "max_eig"))
    evaluated = (highest != MISSING) | (lowest != MISSING_LOWEST)
    # Both converged: their eigensolver raises an error otherwise.
    curvature = Curvature(
        np.where(evaluated, lowest, np.nan),
        np.where(evaluated, highest, np.nan),
        evaluated,
        evaluated.copy(),
    )
    surface = replace(surface, curvature=curvature)
    if file["max_eig"].attrs.get("eigenvalues") == MEAN:
        return surface, []
    note = (
        f"eigenvalues are {SUM}: their ratio is comparable with that of other surfaces, their "
        "size is not"
    )
    return replace(surface, settings={**surface.settings, "eigenvalues": SUM}), [note]


def _with_trajectory(surface: Surface, file: Any, name: str) -> tuple[Surface, list[str]]:
    alphas, betas = (
        numbers(file[key]).astype(np.float64) for key in ("proj_xcoord", "proj_ycoord")
    )
    if alphas.shape != betas.shape or alphas.ndim != 1 or not alphas.size:
        raise ValueError(f"proj_xcoord has shape {alphas.shape}, proj_ycoord {betas.shape}")
    unknown = np.full(alphas.shape, np.nan)
    steps = np.arange(alphas.size, dtype=np.float64)
    trajectory = Trajectory(name, steps, alphas, betas, unknown, unknown, unknown, "checkpoint")
    notes = [
        f"{name}: losses and off-plane distances of its checkpoints are unknown, so it is drawn in "
        "contour plots, not in 3-D; its coordinates are lengths along the directions, which are "
        "those of the surface only if the directions have norm 1, as principal components do"
    ]
    return surface.with_overlays(trajectories=[trajectory]), notes
