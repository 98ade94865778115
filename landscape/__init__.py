"""Visualize the loss landscape of any PyTorch model.

Classes describe the objective, the plane and the grid; functions take them as arguments::

    objective = landscape.Objective(model, "cross_entropy", (x, y))
    plane = landscape.Plane.random(objective.center, seed=0)
    surface = landscape.scan(objective, plane, 51, file="a.h5")
    landscape.plot(surface)
    landscape.view(surface)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape import datasets, geometry, hf, interchange, models, planes
    from landscape.comparison import Comparison, compare
    from landscape.compute import Compute
    from landscape.curvature import Hessian, sharpness
    from landscape.diagnostics import check
    from landscape.errors import LandscapeError
    from landscape.estimating import estimate
    from landscape.figures import animate, plot
    from landscape.grid import Grid
    from landscape.hdf5 import load
    from landscape.merging import merge
    from landscape.objective import Objective
    from landscape.overlays import Mark, Trajectory
    from landscape.page import view
    from landscape.plane import Plane
    from landscape.planes import project_checkpoint, project_trajectory
    from landscape.progress import Silent
    from landscape.recording import Recorder
    from landscape.scanning import evaluate, scan
    from landscape.surface import Surface
    from landscape.training import Recipe, connect, train
    from landscape.values import Values

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Compute",
    "Grid",
    "Hessian",
    "LandscapeError",
    "Mark",
    "Objective",
    "Plane",
    "Recipe",
    "Recorder",
    "Silent",
    "Surface",
    "Trajectory",
    "Values",
    "__version__",
    "animate",
    "check",
    "compare",
    "connect",
    "datasets",
    "estimate",
    "evaluate",
    "geometry",
    "hf",
    "interchange",
    "load",
    "merge",
    "models",
    "planes",
    "plot",
    "project_checkpoint",
    "project_trajectory",
    "scan",
    "sharpness",
    "train",
    "view",
]

# Imported on first use, so that the command line starts without torch.
_LAZY = {
    "Comparison": "comparison",
    "Compute": "compute",
    "Grid": "grid",
    "Hessian": "curvature",
    "LandscapeError": "errors",
    "Mark": "overlays",
    "Objective": "objective",
    "Plane": "plane",
    "Recipe": "training",
    "Recorder": "recording",
    "Silent": "progress",
    "Surface": "surface",
    "Trajectory": "overlays",
    "Values": "values",
    "animate": "figures",
    "check": "diagnostics",
    "compare": "comparison",
    "connect": "training",
    "estimate": "estimating",
    "evaluate": "scanning",
    "load": "hdf5",
    "merge": "merging",
    "plot": "figures",
    "project_checkpoint": "planes",
    "project_trajectory": "planes",
    "scan": "scanning",
    "sharpness": "curvature",
    "train": "training",
    "view": "page",
}
_MODULES = ("datasets", "geometry", "hf", "interchange", "models", "planes")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"landscape.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'landscape' has no attribute {name!r}")
    value = getattr(import_module(f"landscape.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
