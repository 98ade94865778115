"""Write a surface in the format that the ending of a file names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from landscape import hdf5
from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.interchange.arrays import write_npz
from landscape.interchange.li2018_writing import write_surface, write_trajectory
from landscape.interchange.meshes import write_gltf, write_ply, write_stl
from landscape.interchange.relief import Shape
from landscape.interchange.tables import write_csv, write_netcdf, write_parquet
from landscape.interchange.vtk import write_vts
from landscape.surface import Surface

Li2018 = Literal["surface", "trajectory"]
"""Files of the code of Li et al. that a surface can be written to."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        write: Writes a surface to a path, and returns notes; a shape takes a third argument.
        needs: Packages of the extra ``exchange`` that it needs.
        is_shape: Whether it holds heights on a scale.
    """

    write: Callable[..., list[str]]
    needs: tuple[str, ...] = ()
    is_shape: bool = False


FORMATS: Mapping[str, Format] = {
    ".csv": Format(write_csv, ("pandas",)),
    ".parquet": Format(write_parquet, ("pandas", "pyarrow")),
    ".nc": Format(write_netcdf, ("xarray", "h5netcdf")),
    ".npz": Format(write_npz),
    ".vts": Format(write_vts, is_shape=True),
    ".ply": Format(write_ply, is_shape=True),
    ".glb": Format(partial(write_gltf, binary=True), is_shape=True),
    ".gltf": Format(partial(write_gltf, binary=False), is_shape=True),
    ".stl": Format(write_stl, is_shape=True),
}
"""Formats by the ending of a file, other than HDF5."""

HDF5 = (".h5", ".hdf5")
"""Endings of our surface files, and of those of the code of Li et al."""


def write(
    surface: Surface,
    path: str | Path,
    *,
    li2018: Li2018 | None = None,
    shape: Shape | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a surface in the format that the ending of a file names, atomically.

    Args:
        surface: The surface.
        path: The file: .h5, .csv, .parquet, .nc, .npz, .vts, .ply, .glb, .gltf or .stl.
        li2018: Which file of the code of Li et al. (2018) an .h5 file is: ``surface`` or
            ``trajectory``; by default it is one of ours.
        shape: How losses become heights of .vts, .ply, .glb, .gltf and .stl.
        overwrite: Replace an existing file.

    Returns:
        Notes on what the format does not hold.

    Raises:
        LandscapeError: The surface has no such form, or a package is missing.
        SurfaceFileError: The file exists and ``overwrite`` is false.
        ValueError: The ending is unknown, or ``li2018`` or ``shape`` has no meaning for it.
        OSError: It cannot be written.

    Example:
        >>> import landscape
        >>> surface = landscape.Surface.empty(landscape.Grid.regular((3, 2)), {}, {})
        >>> surface.losses[:], surface.evaluated[:] = 1.5, True
        >>> write(surface, "surface.npz")
        []
    """
    path = Path(path)
    if not overwrite:
        hdf5.check_new(path)
    writer = _writer(path, li2018, shape)
    if writer is None:
        hdf5.save(surface, path, overwrite=overwrite)
        return []
    with replacing(path) as temporary:
        return writer(surface, temporary)


def _writer(
    path: Path, li2018: Li2018 | None, shape: Shape | None
) -> Callable[[Surface, Path], list[str]] | None:
    """Return what writes a format; None stands for our own files.

    Raises:
        LandscapeError: A package is missing.
        ValueError: The ending is unknown, or an argument has no meaning for it.
    """
    suffix = path.suffix.lower()
    if suffix not in (*HDF5, *FORMATS):
        raise ValueError(f"expected a file in {', '.join((HDF5[0], *FORMATS))}, got {path}")
    if li2018 is not None and (suffix not in HDF5 or li2018 not in get_args(Li2018)):
        raise ValueError(f"li2018={li2018!r} is 'surface' or 'trajectory', of an .h5 file")
    found = FORMATS.get(suffix)
    if shape is not None and (found is None or not found.is_shape):
        raise ValueError(f"a shape changes nothing in {path}")
    if found is None:
        return {None: None, "surface": write_surface, "trajectory": write_trajectory}[li2018]
    for package in found.needs:
        if find_spec(package) is None:
            raise LandscapeError(f"{suffix} needs {package}: pip install {package}")
    if found.is_shape:
        return lambda surface, file: found.write(surface, file, shape or Shape())
    return found.write
