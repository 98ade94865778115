"""See the loss landscape of a neural network.

A few nouns and one verb::

    surface = landscape.scan(model, loss, (x, y), points=51, seed=0)
    surface.save("a.h5"); surface.plot(); surface.view()
    landscape.load("a.h5").losses[i, j]  # belongs to (alphas[i], betas[j])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape.connecting import connect
    from landscape.curvature import Hessian
    from landscape.errors import LandscapeError
    from landscape.grid import Grid
    from landscape.objective import Objective
    from landscape.plane import Plane
    from landscape.scanning import scan
    from landscape.store import load
    from landscape.surface import Surface
    from landscape.trajectory import follow, principal_plane

__version__ = "0.1.0"
__all__ = [
    "Grid",
    "Hessian",
    "LandscapeError",
    "Objective",
    "Plane",
    "Surface",
    "__version__",
    "connect",
    "follow",
    "load",
    "principal_plane",
    "scan",
]

_ROOMS = {
    "Grid": "grid",
    "Hessian": "curvature",
    "LandscapeError": "errors",
    "Objective": "objective",
    "Plane": "plane",
    "Surface": "surface",
    "connect": "connecting",
    "follow": "trajectory",
    "load": "store",
    "principal_plane": "trajectory",
    "scan": "scanning",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the command line starts without torch.
    if name not in _ROOMS:
        raise AttributeError(f"module 'landscape' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"landscape.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
