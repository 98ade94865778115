"""Planes through parameter space: how two directions are chosen."""

from landscape.planes.bezier import bezier, bezier_spec
from landscape.planes.eigenvectors import eigenvectors, eigenvectors_spec
from landscape.planes.from_file import from_file
from landscape.planes.nearby import project_checkpoint, project_trajectory
from landscape.planes.pca import pca, pca_spec, principal_plane
from landscape.planes.random import random
from landscape.planes.spec import PlaneSpec, stored
from landscape.planes.through import through, through_spec
from landscape.planes.towards import towards, towards_spec

__all__ = [
    "PlaneSpec",
    "bezier",
    "bezier_spec",
    "eigenvectors",
    "eigenvectors_spec",
    "from_file",
    "pca",
    "pca_spec",
    "principal_plane",
    "project_checkpoint",
    "project_trajectory",
    "random",
    "stored",
    "through",
    "through_spec",
    "towards",
    "towards_spec",
]
