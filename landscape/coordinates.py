"""What the coordinates of a plane are, as texts: labels of axes, and the plane in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landscape.surface import Surface

_NORMALIZED = {
    "filter": "filter-normalized",
    "layer": "layer-normalized",
    "weight": "weight-normalized",
    "none": "not normalized",
}
_EIGENVECTORS = {
    "top eigenvectors": ("1st eigenvector", "2nd eigenvector"),
    "lowest eigenvectors": ("lowest eigenvector", "2nd lowest eigenvector"),
    "eigenvectors of the largest and the smallest eigenvalue": (
        "1st eigenvector",
        "lowest eigenvector",
    ),
}
_COMPONENTS, _THROUGH, _FROM = "principal components", ("through", "of a curve"), "from "


def axis_labels(surface: "Surface") -> tuple[str, str]:
    """Return the labels of α and β: along what they lead, and in which unit if it is not usual.

    The usual unit is that of random directions with filter normalization: at 1 every filter has
    moved by its own norm.

    Args:
        surface: The surface.

    Example:
        >>> from landscape import Grid, Surface
        >>> axis_labels(Surface.empty(Grid.regular(3), {"plane": "top eigenvectors"}, {}))
        ('α, distance along the 1st eigenvector', 'β, distance along the 2nd eigenvector')
    """
    settings, names = surface.settings, [mark.name for mark in surface.marks]
    plane = str(settings.get("plane", ""))
    if plane in _EIGENVECTORS:
        first, second = _EIGENVECTORS[plane]
        return f"α, distance along the {first}", f"β, distance along the {second}"
    if plane.startswith(_COMPONENTS):
        shares = [settings.get(f"explained_variation_{axis}") for axis in ("alpha", "beta")]
        alpha, beta = (
            f"distance along PC {number}"
            + ("" if share is None else f" ({100 * float(share):.1f} %)")
            for number, share in enumerate(shares, 1)
        )
        return alpha, beta
    if plane.startswith(_THROUGH):
        return _between(names)
    if plane.startswith(_FROM):
        other = names[0] if names else "the other checkpoint"
        unit = _random(str(settings.get("normalize", "none")))
        return f"α, toward {other}, 1 = norm of a {unit} direction", "β"
    note = _direction(surface)
    return f"α, along δ{note}", f"β, along η{note}"


def plane_in_words(surface: "Surface") -> str:
    """Return of which plane a surface is, with the unit of coordinates; empty if it is not known.

    Args:
        surface: The surface.

    Example:
        >>> from landscape import Grid, Surface
        >>> plane_in_words(Surface.empty(Grid.regular(3), {"seed": 0, "normalize": "layer"}, {}))
        'random directions, layer-normalized'
    """
    settings = surface.settings
    plane, how = str(settings.get("plane", "")), settings.get("normalize")
    if plane in _EIGENVECTORS or plane.startswith(_COMPONENTS):
        return f"{plane}, coordinates are Euclidean distances"
    if plane.startswith(_THROUGH):
        return "through checkpoints, 1 = distance of the first two"
    if plane.startswith(_FROM):
        return f"toward a checkpoint, 1 = norm of a {_random(str(how))} direction"
    if plane:
        return plane
    if _is_given(surface):
        return "given directions, 1 = their norms"
    return f"random directions, {_NORMALIZED.get(str(how), how)}" if how else ""


def planes_that_differ(surfaces: Sequence["Surface"]) -> list[str]:
    """Return for each surface which plane it is of, if they differ; else an empty text for each.

    Args:
        surfaces: The surfaces of one figure.

    Example:
        >>> from landscape import Grid, Surface
        >>> planes = {"normalize": "filter"}, {"plane": "top eigenvectors"}
        >>> for text in planes_that_differ([Surface.empty(Grid.regular(3), p, {}) for p in planes]):
        ...     print(text)
        the planes differ, here: random directions, filter-normalized
        the planes differ, here: top eigenvectors, coordinates are Euclidean distances
    """
    planes = [plane_in_words(surface) for surface in surfaces]
    differ = len({plane for plane in planes if plane}) > 1
    return [f"the planes differ, here: {plane or 'unknown'}" if differ else "" for plane in planes]


def _between(names: Sequence[str]) -> tuple[str, str]:
    """Return the labels of a plane through checkpoints, of which β leads across."""
    if len(names) < 2:
        return "α, 1 = the second checkpoint", "β, in the unit of α"
    alpha = f"{names[0]} (0) → {names[1]} (1)"
    return alpha, f"toward {names[2]}, in the unit of α" if len(names) > 2 else "β"


def _random(how: str) -> str:
    return "random" if how == "none" else f"{_NORMALIZED.get(how, how)} random"


def _is_given(surface: "Surface") -> bool:
    return str(surface.settings.get("directions", "")).startswith("given")


def _direction(surface: "Surface") -> str:
    """Return what is said of directions that are not filter-normalized."""
    settings = surface.settings
    if plane := settings.get("plane"):
        return f" ({plane})"
    if _is_given(surface):
        return " (given direction)"
    how = str(settings.get("normalize", "filter"))
    return "" if how == "filter" else f" ({_NORMALIZED.get(how, how)})"
