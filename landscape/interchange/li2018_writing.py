"""Write surfaces, Hessians and projected trajectories for the code of Li et al. (2018)."""

import io
from pathlib import Path

import h5py
import numpy as np

from landscape.grid import Grid
from landscape.interchange.li2018_surface import MEAN, MISSING, MISSING_LOWEST, SUM, Array
from landscape.interchange.parts import left_out
from landscape.interchange.percentages import to_percentages
from landscape.surface import Surface


def write_surface(surface: Surface, path: Path) -> list[str]:
    """Write a surface, with the eigenvalues if it has them; of several seeds the first.

    Args:
        surface: The surface.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.
    """
    split = "test" if surface.settings.get("split") == "test" else "train"
    grid, known = surface.grid, surface.evaluated
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["dir_file"] = str(surface.provenance.get("direction_file", ""))
        file["xcoordinates"] = grid.alphas
        if not _is_theirs_without_y(grid):
            file["ycoordinates"] = grid.betas
        if known.any():
            file[f"{split}_loss"] = _encoded(np.where(known, surface.losses, MISSING), grid)
            percent = np.where(known, to_percentages(surface.accuracies), MISSING)
            file[f"{split}_acc"] = _encoded(percent, grid)
        if surface.curvature is not None:
            there = surface.curvature.evaluated
            for key, values, missing in (
                ("min_eig", surface.curvature.lowest, MISSING_LOWEST),
                ("max_eig", surface.curvature.highest, MISSING),
            ):
                file[key] = _encoded(np.where(there, values, missing), grid)
            if not _has_their_eigenvalues(surface):
                file["max_eig"].attrs["eigenvalues"] = MEAN
    path.write_bytes(content.getvalue())
    return [*_on_writing(surface), *left_out(surface, ("accuracies", "curvature"))]


def write_trajectory(surface: Surface, path: Path) -> list[str]:
    """Write the trajectory of a surface as a file of projected coordinates.

    Args:
        surface: A surface with one trajectory.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.

    Raises:
        ValueError: It has no trajectory, or several.
    """
    names = [each.name for each in surface.trajectories]
    if len(names) != 1:
        raise ValueError(
            f"expected a surface with one trajectory, {surface.name} has {len(names)}"
            + f" ({', '.join(names)}): name one" * bool(names)
        )
    (trajectory,) = surface.trajectories
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["proj_xcoord"], file["proj_ycoord"] = trajectory.alphas, trajectory.betas
    path.write_bytes(content.getvalue())
    return ["left out, the format does not hold them: steps, losses and off-plane distances"]


def _is_theirs_without_y(grid: Grid) -> bool:
    return bool(np.array_equal(grid.betas, [0.0]))


def _has_their_eigenvalues(surface: Surface) -> bool:
    return surface.settings.get("eigenvalues") == SUM


def _encoded(values: Array, grid: Grid) -> Array:
    """Return an array over the grid in their order and shape."""
    shape = grid.shape[:1] if _is_theirs_without_y(grid) else grid.shape
    encoded: Array = values.T.reshape(shape)
    return encoded


def _on_writing(surface: Surface) -> list[str]:
    known = surface.losses[surface.evaluated]
    same, low = int((known == MISSING).sum()), int((known <= 0).sum())
    notes = []
    if same:
        notes.append(f"{same} points have a loss of −1, which this format reads as not evaluated")
    if low:
        notes.append(f"{low} points have a loss of 0 or below: their code computes them again")
    if surface.settings.get("split") not in ("train", "test"):
        notes.append("losses are called train_loss: which images they are of is not recorded")
    if surface.curvature is not None and not _has_their_eigenvalues(surface):
        notes.append(f"eigenvalues are those of the mean loss, those of their code {SUM}")
    if surface.repeats:
        number = len(surface.seeds)
        notes.append(f"left out, the format holds one seed: the other {number - 1} of {number}")
    return notes
