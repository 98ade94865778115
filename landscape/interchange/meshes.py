"""Files of triangles: PLY, STL and glTF."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.interchange.parts import left_out
from landscape.interchange.relief import Mesh, Relief, Shape
from landscape.surface import Surface

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_FLOAT, _INTEGER = 5126, 5125  # types of components in glTF
_VERTICES, _INDICES = 34962, 34963  # targets of buffers in glTF


def write_ply(surface: Surface, path: Path, shape: Shape) -> list[str]:
    """Write a mesh with colors as Stanford PLY, binary.

    Args:
        surface: The surface.
        path: The file, which is replaced.
        shape: How losses become heights.

    Returns:
        Notes on what the file does not show.
    """
    mesh, notes = _mesh(surface, shape)
    vertices = np.zeros(len(mesh.vertices), np.dtype([("position", "<f4", 3), ("color", "u1", 3)]))
    vertices["position"], vertices["color"] = mesh.vertices, mesh.colors
    faces = np.zeros(len(mesh.triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, mesh.triangles
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    path.write_bytes("\n".join(header).encode() + vertices.tobytes() + faces.tobytes())
    return notes


def write_stl(surface: Surface, path: Path, shape: Shape) -> list[str]:
    """Write a closed solid with a flat base as binary STL, in millimeters.

    Args:
        surface: The surface.
        path: The file, which is replaced.
        shape: How losses become heights, and the size.

    Returns:
        Notes on what the file does not show.
    """
    relief = Relief.of_surface(surface, shape)
    mesh, on_top = relief.solid(shape.size)
    triangles = np.zeros(len(mesh.triangles), _TRIANGLE)
    triangles["corners"] = mesh.vertices[mesh.triangles]
    triangles["normal"] = _unit(_normals(mesh))
    header = b"landscape, millimeters".ljust(80) + struct.pack("<I", len(triangles))
    path.write_bytes(header + triangles.tobytes())
    return [*relief.notes, *on_top, *left_out(surface, ())]


def write_gltf(surface: Surface, path: Path, shape: Shape, *, binary: bool) -> list[str]:
    """Write a mesh with colors as glTF 2.0, in one file.

    Args:
        surface: The surface.
        path: The file, which is replaced.
        shape: How losses become heights.
        binary: As .glb, else as .gltf.

    Returns:
        Notes on what the file does not show.
    """
    mesh, notes = _mesh(surface, shape)
    # Up is y in glTF: programs in which it is z turn the shape back.
    turned = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    buffers: list[NDArray[Any]] = [
        (mesh.vertices @ turned).astype("<f4"),
        (_vertex_normals(mesh) @ turned).astype("<f4"),
        _linear(mesh.colors / 255).astype("<f4"),
        mesh.triangles.astype("<u4").reshape(-1),
    ]
    content = b"".join(buffer.tobytes() for buffer in buffers)  # of 4 bytes each: aligned
    scene = _scene(surface.name, buffers)
    if binary:
        path.write_bytes(_chunks(scene, content))
    else:
        uri = "data:application/octet-stream;base64," + base64.b64encode(content).decode()
        scene["buffers"][0]["uri"] = uri
        path.write_text(json.dumps(scene), encoding="utf-8")
    return notes


def _mesh(surface: Surface, shape: Shape) -> tuple[Mesh, list[str]]:
    relief = Relief.of_surface(surface, shape)
    return relief.mesh(), [*relief.notes, *relief.holes, *left_out(surface, ())]


def _scene(name: str, buffers: list[NDArray[Any]]) -> dict[str, Any]:
    """Return the description of a glTF file with one mesh: positions, normals, colors, indices."""
    ends = np.cumsum([buffer.nbytes for buffer in buffers]).tolist()
    positions = buffers[0]
    accessors: list[dict[str, Any]] = [
        {"bufferView": k, "componentType": _FLOAT, "count": len(positions), "type": "VEC3"}
        for k in range(3)
    ]
    accessors[0] |= {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    accessors.append(
        {
            "bufferView": 3,
            "componentType": _INTEGER,
            "count": len(buffers[3]),
            "type": "SCALAR",
        }
    )
    attributes = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}
    return {
        "asset": {"version": "2.0", "generator": "landscape"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [
            {
                "doubleSided": True,
                "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8},
            }
        ],
        "accessors": accessors,
        "bufferViews": [
            {
                "buffer": 0,
                "byteOffset": end - buffer.nbytes,
                "byteLength": buffer.nbytes,
                "target": _INDICES if k == 3 else _VERTICES,
            }
            for k, (buffer, end) in enumerate(zip(buffers, ends, strict=True))
        ],
        "buffers": [{"byteLength": ends[-1]}],
    }


def _chunks(scene: dict[str, Any], content: bytes) -> bytes:
    """Return a .glb file: a header, the description, the buffer, padded to 4 bytes each."""
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        struct.pack("<I4s", len(chunk), kind) + chunk
        for kind, chunk in ((b"JSON", text), (b"BIN\0", content))
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _normals(mesh: Mesh) -> NDArray[np.float64]:
    """Return the normals of the triangles, as long as twice their areas; shape (T, 3)."""
    first, second, third = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    return np.asarray(np.cross(second - first, third - first), dtype=np.float64)


def _vertex_normals(mesh: Mesh) -> NDArray[np.float64]:
    """Return the mean normals of the triangles at each vertex, by their areas; shape (V, 3)."""
    sums = np.zeros_like(mesh.vertices)
    for k in range(3):
        np.add.at(sums, mesh.triangles[:, k], _normals(mesh))
    return _unit(sums)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float64)


def _linear(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB colors as linear ones, which glTF has at vertices (IEC 61966-2-1)."""
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
