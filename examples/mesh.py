"""A mesh for Blender and browsers.

The surface of the residual network as a mesh: `.ply` and `.glb` (glTF 2.0) open in Blender, `.glb`
in browsers and slides as well, and plotly's page can be turned. The picture shows the `.ply` file
as another program, trimesh, reads it: 51 × 51 vertices with the colors and the logarithmic heights
of the figures.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import trimesh
from matplotlib import pyplot as plt
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import landscape

results = Path(__file__).resolve().parent.parent / "results" / "li2018"
surface = landscape.load(results / "resnet56.h5")
with tempfile.TemporaryDirectory() as folder:
    for ending in ("ply", "glb"):
        landscape.interchange.write(surface, Path(folder, f"resnet56.{ending}"))
    surface.to_plotly().write_html(Path(folder, "resnet56.html"), include_plotlyjs="cdn")
    mesh = trimesh.load_mesh(Path(folder, "resnet56.ply"))

corners = mesh.vertices[mesh.faces]
colors = mesh.visual.vertex_colors[mesh.faces].mean(axis=1) / 255
figure = plt.figure(figsize=(6.4, 4))
axes = figure.add_axes((0, -0.16, 1, 1.16), projection="3d", azim=-72, elev=32)
axes.add_collection3d(
    Poly3DCollection(corners, facecolors=colors, edgecolors=0.85 * colors, lw=0.4)
)
axes.auto_scale_xyz(*mesh.vertices.T)
axes.set_box_aspect(np.ptp(mesh.vertices, axis=0), zoom=1.35)
axes.set_axis_off()
figure.savefig((sys.argv[1:] or ["mesh.png"])[0])
