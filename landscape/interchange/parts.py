"""Which parts a surface has, to report those that a file format does not hold."""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from landscape.surface import Surface

PARTS: Mapping[str, Callable[[Surface], bool]] = {
    "accuracies": lambda surface: bool(np.isfinite(surface.accuracies).any()),
    "standard errors": lambda surface: bool(np.isfinite(surface.standard_errors).any()),
    "numbers of images": lambda surface: bool(surface.examples.any()),
    "metrics": lambda surface: bool(surface.metrics),
    "curvature": lambda surface: surface.curvature is not None,
    "trajectories": lambda surface: bool(surface.trajectories),
    "marks": lambda surface: bool(surface.marks),
    "settings": lambda surface: bool(surface.settings or surface.provenance),
}
"""Whether a surface has something in addition to its losses, by its name."""


def left_out(surface: Surface, held: Collection[str]) -> list[str]:
    """Return one note about what a format does not hold, or none.

    Args:
        surface: The surface.
        held: Names in :data:`PARTS` of what the format holds.

    Example:
        >>> import landscape
        >>> surface = Surface.empty(landscape.Grid.regular(3), {"seed": 0}, {})
        >>> left_out(surface, held=["accuracies"])
        ['left out, the format does not hold them: settings']
    """
    names = [name for name, has in PARTS.items() if name not in held and has(surface)]
    return [f"left out, the format does not hold them: {', '.join(names)}"] if names else []
