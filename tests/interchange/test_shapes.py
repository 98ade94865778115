"""Meshes, solids and structured grids, read by VTK and trimesh."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from landscape import interchange
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.interchange.relief import Shape
from landscape.surface import Surface
from tests.interchange.surfaces import LOWEST, PEAK, hill

vtk = pytest.importorskip("vtk")
trimesh = pytest.importorskip("trimesh")
numpy_support = pytest.importorskip("vtkmodules.util.numpy_support")

Array = NDArray[np.float64]
LINEAR = Shape("linear")
FIRST, LAST = to_rgb("#0d0887"), to_rgb("#f0f921")  # of plasma
AREA = 2.0 * 0.9
HEIGHT = 0.75 * 2.0  # three quarters of the longer side, as in figures


def place(index: tuple[int, int]) -> tuple[float, float]:
    grid = hill().grid
    return float(grid.alphas[index[0]]), float(grid.betas[index[1]])


def at(points: Array, index: tuple[int, int]) -> int:
    """The number of the point above a point of the grid."""
    (found,) = np.flatnonzero((np.abs(points[:, :2] - place(index)) < 1e-6).all(axis=1))
    return int(found)


def read_vtk(reader: Any, path: Path) -> Any:
    reader.SetFileName(str(path))
    reader.Update()
    return reader.GetOutput()


def points_of(data: Any) -> Array:
    return np.asarray(numpy_support.vtk_to_numpy(data.GetPoints().GetData()), dtype=np.float64)


def areas(triangles: Any) -> Array:
    """Areas of triangles in the plane, shape (T, 3, 2), positive if counterclockwise."""
    return np.asarray(np.linalg.det(triangles[:, 1:] - triangles[:, :1]) / 2)


def with_holes() -> Surface:
    surface = hill()
    surface.losses[6, 3], surface.losses[0, 0] = np.inf, np.nan
    surface.evaluated[3, 0] = False
    return surface


def test_paraview_reads_all_quantities(tmp_path: Path) -> None:
    notes = interchange.write(hill(), tmp_path / "a.vts", shape=LINEAR)
    assert notes == [
        "heights on a linear scale",
        "left out, the format does not hold them: settings",
    ]
    grid = read_vtk(vtk.vtkXMLStructuredGridReader(), tmp_path / "a.vts")
    assert grid.GetExtent() == (0, 6, 0, 3, 0, 0)
    np.testing.assert_allclose(grid.GetBounds(), (-1, 1, -0.2, 0.7, 0, HEIGHT), atol=1e-12)
    points, surface = points_of(grid), hill()
    for i in range(7):
        for j in range(4):
            number = at(points, (i, j))
            for name, values in (
                ("loss", surface.losses),
                ("accuracy", surface.accuracies),
                ("standard_error", surface.standard_errors),
                ("metric rate/s", surface.metrics["rate/s"]),
                ("examples", surface.examples),
            ):
                found = grid.GetPointData().GetArray(name).GetTuple1(number)
                assert found == values[i, j], name
            assert grid.GetPointData().GetArray("alpha").GetTuple1(number) == surface.grid.alphas[i]
            assert grid.GetPointData().GetArray("beta").GetTuple1(number) == surface.grid.betas[j]
    assert points[at(points, PEAK), 2] == points[:, 2].max() == pytest.approx(HEIGHT)
    assert points[at(points, LOWEST), 2] == 0


def test_paraview_hides_what_has_no_height(tmp_path: Path) -> None:
    notes = interchange.write(with_holes(), tmp_path / "a.vts", shape=LINEAR)
    assert notes[1] == "3 points that are not finite or not evaluated are holes"
    grid = read_vtk(vtk.vtkXMLStructuredGridReader(), tmp_path / "a.vts")
    evaluated = numpy_support.vtk_to_numpy(grid.GetPointData().GetArray("evaluated"))
    assert evaluated.sum() == 27
    filled = vtk.vtkGeometryFilter()
    filled.SetInputData(grid)
    filled.Update()
    shown = filled.GetOutput()
    assert shown.GetNumberOfCells() == 18 - 1 - 1 - 2  # cells with such a corner
    assert np.isfinite(shown.GetBounds()).all()
    heights = points_of(grid)[:, 2]
    assert np.isnan(heights).sum() == 3


@pytest.mark.parametrize("ending", ["ply", "glb", "gltf"])
def test_colors_stand_at_their_heights(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    interchange.write(hill(), path, shape=LINEAR)
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    points = np.asarray(mesh.vertices)
    if ending == "ply":
        colors = np.asarray(mesh.visual.vertex_colors)[:, :3] / 255
    else:
        assert np.ptp(points[:, 1]) == pytest.approx(HEIGHT)  # y is up
        points = np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)
        linear = np.asarray(mesh.visual.vertex_attributes["color"], dtype=np.float64)
        colors = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    np.testing.assert_allclose(points.min(axis=0), (-1, -0.2, 0), atol=1e-6)
    np.testing.assert_allclose(points.max(axis=0), (1, 0.7, HEIGHT), atol=1e-6)
    assert points[:, 2].argmax() == at(points, PEAK)
    np.testing.assert_allclose(colors[at(points, PEAK)], LAST, atol=1 / 255)
    np.testing.assert_allclose(colors[at(points, LOWEST)], FIRST, atol=1 / 255)
    assert len(mesh.faces) == 2 * 18


@pytest.mark.parametrize("ending", ["ply", "glb"])
def test_triangles_face_upwards(ending: str, tmp_path: Path) -> None:
    interchange.write(hill(), tmp_path / f"a.{ending}", shape=LINEAR)
    mesh = trimesh.load_mesh(tmp_path / f"a.{ending}", process=False)
    up = 2 if ending == "ply" else 1
    assert (mesh.face_normals[:, up] > 0).all()
    assert (mesh.vertex_normals[:, up] > 0).all()
    assert np.abs(areas(np.delete(mesh.triangles, up, axis=2))).sum() == pytest.approx(AREA)


def test_vtk_reads_the_meshes_as_well(tmp_path: Path) -> None:
    for ending, reader in (("ply", vtk.vtkPLYReader()), ("stl", vtk.vtkSTLReader())):
        interchange.write(hill(), tmp_path / f"a.{ending}", shape=LINEAR)
        data = read_vtk(reader, tmp_path / f"a.{ending}")
        assert data.GetNumberOfPoints() == 28 * (1 if ending == "ply" else 2)
    interchange.write(hill(), tmp_path / "a.glb", shape=LINEAR)
    blocks = read_vtk(vtk.vtkGLTFReader(), tmp_path / "a.glb")
    bounds = [0.0] * 6
    blocks.GetBounds(bounds)
    np.testing.assert_allclose(bounds, (-1, 1, 0, HEIGHT, -0.7, 0.2), atol=1e-6)


def test_a_binary_gltf_is_laid_out_as_specified(tmp_path: Path) -> None:
    interchange.write(hill(), tmp_path / "a.glb")
    interchange.write(hill(), tmp_path / "a.gltf")
    content = (tmp_path / "a.glb").read_bytes()
    words = np.frombuffer(content[:20], "<u4")
    assert content[:4] == b"glTF"
    assert words[1] == 2
    assert words[2] == len(content)
    assert words[3] % 4 == 0
    scene = json.loads(content[20 : 20 + words[3]])
    text = json.loads((tmp_path / "a.gltf").read_text(encoding="utf-8"))
    text["buffers"][0].pop("uri")
    assert text == scene
    assert scene["nodes"][0]["name"] == "hill"
    assert scene["buffers"][0]["byteLength"] == len(content) - 28 - words[3]


def test_holes_are_left_open(tmp_path: Path) -> None:
    notes = interchange.write(with_holes(), tmp_path / "a.ply", shape=LINEAR)
    assert "3 points that are not finite or not evaluated are holes" in notes
    mesh = trimesh.load_mesh(tmp_path / "a.ply", process=False)
    assert np.isfinite(mesh.vertices).all()
    found = {tuple(np.round(point[:2], 6)) for point in np.asarray(mesh.vertices)}
    for index in ((6, 3), (0, 0), (3, 0)):
        assert tuple(np.round(place(index), 6)) not in found
    assert len(mesh.vertices) == 28 - 3


@pytest.mark.parametrize("size", [100.0, 37.0])
def test_a_solid_can_be_printed(size: float, tmp_path: Path) -> None:
    interchange.write(hill(), tmp_path / "a.stl", shape=Shape("linear", size=size))
    solid = trimesh.load_mesh(tmp_path / "a.stl")
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.body_count == 1
    scale = size / 2
    base = 0.03 * size
    np.testing.assert_allclose(solid.bounds[0], 0, atol=1e-4)
    np.testing.assert_allclose(
        solid.bounds[1], (size, 0.9 * scale, HEIGHT * scale + base), rtol=1e-5
    )
    # The volume of prisms below triangles, each with its mean height.
    mesh = trimesh.load_mesh(_mesh(tmp_path), process=False)
    corners = mesh.triangles
    below = float((areas(corners[:, :, :2]) * corners[:, :, 2].mean(axis=1)).sum())
    assert solid.volume == pytest.approx(below * scale**3 + AREA * scale**2 * base, rel=1e-5)
    top = np.asarray(solid.vertices)[:, 2].argmax()
    alpha, beta = place(PEAK)
    np.testing.assert_allclose(
        solid.vertices[top, :2], ((alpha + 1) * scale, (beta + 0.2) * scale), rtol=1e-5
    )


def _mesh(folder: Path) -> Path:
    interchange.write(hill(), folder / "upper.ply", shape=LINEAR)
    return folder / "upper.ply"


def test_normals_of_a_solid_point_outwards(tmp_path: Path) -> None:
    interchange.write(hill(), tmp_path / "a.stl", shape=LINEAR)
    content = (tmp_path / "a.stl").read_bytes()
    triangles = np.frombuffer(
        content[84:], np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
    )
    solid = trimesh.load_mesh(tmp_path / "a.stl")
    np.testing.assert_allclose(np.linalg.norm(triangles["n"], axis=1), 1, rtol=1e-5)
    # The theorem of Gauss: the flux of the position through the normals is three volumes.
    edges = triangles["v"][:, 1:] - triangles["v"][:, :1]
    sizes = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    flux = (sizes * (triangles["v"].mean(axis=1) * triangles["n"]).sum(axis=1)).sum()
    assert flux / 3 == pytest.approx(solid.volume, rel=1e-4)


def test_a_solid_has_no_invented_heights(tmp_path: Path) -> None:
    surface = with_holes()
    with pytest.raises(LandscapeError, match="hill: 1 points are not evaluated"):
        interchange.write(surface, tmp_path / "a.stl", shape=LINEAR)
    assert not list(tmp_path.iterdir())
    surface.evaluated[3, 0] = True
    notes = interchange.write(surface, tmp_path / "a.stl", shape=LINEAR)
    assert "2 points that are not finite are at the top" in notes
    solid = trimesh.load_mesh(tmp_path / "a.stl")
    assert solid.is_watertight
    high = np.asarray(solid.vertices)[:, 2] > solid.bounds[1, 2] - 1e-3
    assert high.sum() == 3


def test_what_the_scale_clips_is_reported(tmp_path: Path) -> None:
    surface = hill()
    notes = interchange.write(surface, tmp_path / "a.ply", shape=Shape("linear", 2.0))
    above = int((surface.losses > 2).sum())
    assert notes[0] == f"heights on a linear scale; {above} points above the scale are at its top"
    surface.losses[LOWEST] = 0.0
    notes = interchange.write(surface, tmp_path / "b.ply", shape=Shape("log"))
    assert notes[0] == (
        "heights on a logarithmic scale; 1 points with a loss of 0 or below are at its bottom"
    )


def test_several_seeds_give_their_median(tmp_path: Path) -> None:
    first = hill()
    others = tuple(replace(first, losses=first.losses + shift) for shift in (1.0, 5.0))
    surface = replace(first, repeats=others)
    notes = interchange.write(surface, tmp_path / "a.vts", shape=LINEAR)
    assert notes[0] == "heights on a linear scale; they are the median of 3 seeds"
    grid = read_vtk(vtk.vtkXMLStructuredGridReader(), tmp_path / "a.vts")
    number = at(points_of(grid), PEAK)
    assert grid.GetPointData().GetArray("loss").GetTuple1(number) == first.losses[PEAK] + 1


def test_lines_and_empty_surfaces_have_no_shape(tmp_path: Path) -> None:
    line = Surface.empty(Grid.regular((5, 1)), {}, {"name": "line"})
    line.losses[:], line.evaluated[:] = 1.0, True
    checkered = Surface.empty(Grid.regular(4), {}, {"name": "checkered"})
    checkered.losses[::2, ::2], checkered.evaluated[::2, ::2] = 1.0, True
    for surface, text in ((line, "line has 5x1 .*: a shape needs"), (checkered, "no three")):
        with pytest.raises(LandscapeError, match=text):
            interchange.write(surface, tmp_path / "a.ply")
    with pytest.raises(LandscapeError, match="no point has a finite loss"):
        interchange.write(Surface.empty(Grid.regular(3), {}, {}), tmp_path / "a.vts")
    assert not list(tmp_path.iterdir())


def test_numbers_near_the_largest_keep_their_shape(tmp_path: Path) -> None:
    surface = hill()
    surface.losses[:] = (surface.losses - 2.5) * 2e299
    surface.losses[PEAK], surface.losses[LOWEST] = 1e300, -1e300
    interchange.write(surface, tmp_path / "a.ply", shape=Shape("linear", np.inf))
    points = np.asarray(trimesh.load_mesh(tmp_path / "a.ply", process=False).vertices)
    assert points[at(points, PEAK), 2] == pytest.approx(HEIGHT)
    assert points[at(points, LOWEST), 2] == 0
    assert len(np.unique(points[:, 2])) > 20
