"""Structured grids of VTK, for ParaView."""

import base64
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from landscape.interchange.parts import left_out
from landscape.interchange.relief import Relief, Shape
from landscape.surface import Surface

_TYPES = {"f8": "Float64", "i8": "Int64", "u1": "UInt8"}
_HIDDEN = 2  # a point that is not shown, nor the cells around it


def write_vts(surface: Surface, path: Path, shape: Shape) -> list[str]:
    """Write a structured grid in the XML format of VTK, with all quantities at its points.

    Args:
        surface: The surface.
        path: The file, which is replaced.
        shape: How losses become heights.

    Returns:
        Notes on what the file does not show.
    """
    relief = Relief.of_surface(surface, shape)
    middle = surface.median
    alphas, betas, heights = np.moveaxis(relief.points, -1, 0)
    hidden = np.isnan(heights)
    arrays: dict[str, NDArray[Any]] = {
        "loss": middle.known_losses,
        "accuracy": middle.accuracies,
        "standard_error": middle.standard_errors,
        **{f"metric {name}": values for name, values in middle.metrics.items()},
        "examples": middle.examples,
        "evaluated": middle.evaluated.astype("u1"),
        "alpha": alphas,
        "beta": betas,
        "vtkGhostType": np.where(hidden, _HIDDEN, 0).astype("u1"),
    }
    if surface.curvature is not None:
        arrays["lowest_eigenvalue"] = surface.curvature.lowest
        arrays["highest_eigenvalue"] = surface.curvature.highest
    path.write_text(_document(relief.points, arrays), encoding="utf-8")
    held = ("accuracies", "standard errors", "metrics", "numbers of images", "curvature")
    return [*relief.notes, *relief.holes, *left_out(surface, held)]


def _document(points: NDArray[np.float64], arrays: Mapping[str, NDArray[Any]]) -> str:
    extent = f"0 {points.shape[0] - 1} 0 {points.shape[1] - 1} 0 0"
    quantities = "\n".join(_array(name, values[..., None]) for name, values in arrays.items())
    return f"""<?xml version="1.0"?>
<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64">
<StructuredGrid WholeExtent="{extent}">
<Piece Extent="{extent}">
<PointData Scalars="loss">
{quantities}
</PointData>
<Points>
{_array("Points", points)}
</Points>
</Piece>
</StructuredGrid>
</VTKFile>
"""


def _array(name: str, values: NDArray[Any]) -> str:
    """Return an array over the grid, shape (alphas, betas, components); α varies fastest."""
    little = np.ascontiguousarray(np.swapaxes(values, 0, 1))
    little = little.astype(little.dtype.newbyteorder("<"))
    content = struct.pack("<Q", little.nbytes) + little.tobytes()
    kind = _TYPES[little.dtype.str[1:]]
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)} '
        f'NumberOfComponents="{values.shape[-1]}" format="binary">'
        f"{base64.b64encode(content).decode()}</DataArray>"
    )
