"""See the loss landscape of a neural network.

A few nouns and one verb::

    surface = landscape.scan(model, loss, (x, y), points=51, seed=0)
    surface.save("a.h5"); surface.plot(); surface.view()
    landscape.load("a.h5").losses[i, j]  # belongs to (alphas[i], betas[j])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape.errors import LandscapeError
    from landscape.grid import Grid
    from landscape.plane import Plane
    from landscape.scanning import scan
    from landscape.store import load
    from landscape.surface import Surface

__version__ = "0.1.0"
__all__ = ["Grid", "LandscapeError", "Plane", "Surface", "__version__", "load", "scan"]

_ROOMS = {
    "Grid": "grid",
    "LandscapeError": "errors",
    "Plane": "plane",
    "Surface": "surface",
    "load": "store",
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
