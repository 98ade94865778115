"""Surfaces on disk: HDF5 files that survive a crash and can be read while they are written.

The format is specified in docs/reference/file-format.md.
"""

from landscape.hdf5.layout import metric_array
from landscape.hdf5.reading import load, load_directions
from landscape.hdf5.saving import amend, check_new, output_file, save
from landscape.hdf5.transaction import SurfaceFile

__all__ = [
    "SurfaceFile",
    "amend",
    "check_new",
    "load",
    "load_directions",
    "metric_array",
    "output_file",
    "save",
]
