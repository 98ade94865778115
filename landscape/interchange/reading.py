"""Read a surface of any known program, by the content of its file."""

from pathlib import Path

from landscape import hdf5
from landscape.errors import SurfaceFileError
from landscape.filetypes import is_hdf5, is_numpy
from landscape.grid import Interval
from landscape.hdf5.opening import check_is_file, open_hdf5
from landscape.interchange.arrays import read_array
from landscape.interchange.li2018_surface import Split, attach, read_surface
from landscape.surface import Surface


def read(
    path: str | Path,
    *more: str | Path,
    split: Split | None = None,
    alpha: Interval | None = None,
    beta: Interval | None = None,
    align_rows: bool = False,
) -> tuple[Surface, list[str]]:
    """Return the surface in a file of another program, or of ours.

    Args:
        path: A surface file; one of the code of Li et al. (2018); an array of ``numpy.save``, as
            those of loss-landscapes; or a file of ``LossLandscape.save`` of Landscaper.
        *more: Further files of the code of Li et al. that belong to theirs: projected
            trajectories, eigenvalues, principal directions.
        split: ``train`` or ``test``, of a file with the losses of both; by default ``train``.
        alpha: First and last α of an array, which has no coordinates.
        beta: First and last β of an array with two dimensions.
        align_rows: Rows of an array alternate by one step along β, as those of ``random_plane``
            of loss-landscapes; the coordinates are those of the aligned rows.

    Returns:
        The surface, and notes on what the file leaves open.

    Raises:
        SurfaceFileError: A file is missing, damaged, or of an unknown format.
        ValueError: A range is missing, or an argument has no meaning for the file.

    Example:
        >>> import numpy
        >>> numpy.save("plane.npy", [[3.0, 2.0, 3.0], [1.0, 0.0, 1.0]])
        >>> surface, notes = read("plane.npy", alpha=(-1, 1), beta=(-0.5, 0.5))
        >>> surface
        Surface('plane', 2x3 points, alpha -1:1, beta -0.5:0.5)
    """
    path = Path(path)
    check_is_file(path)
    is_array, is_theirs = is_numpy(path), is_li2018(path)
    if is_hdf5(path) and (alpha or beta or align_rows):
        raise ValueError(f"{path} has coordinates: alpha, beta and align_rows are for arrays")
    if not is_theirs and (split or more):
        what = f"split={split!r} is" if split else f"further files ({more[0]}) are"
        raise ValueError(f"{what} for surfaces of the code of Li et al., which {path} is not")
    if is_array:
        return read_array(path, alpha, beta, align_rows)
    if not is_theirs:
        return hdf5.load(path), []
    surface, notes = read_surface(path, split)
    for each in map(Path, more):
        check_is_file(each)
        if not is_hdf5(each):
            raise SurfaceFileError(f"{each} is not an HDF5 file", path=each)
        surface, further = attach(surface, each)
        notes += further
    return surface, notes


def is_li2018(path: Path) -> bool:
    """Return whether a file is a surface of the code of Li et al.

    Args:
        path: The file.
    """
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "xcoordinates" in file
