"""What the page is told of a surface, as plain data that JSON can hold."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.checks import warnings
from landscape.geometry import local_minima
from landscape.notes import notes
from landscape.progress import duration
from landscape.surface import Surface, Trajectory

_THUMBNAIL = 40  # cells along a side, at most
_UNKNOWN = 255  # of a thumbnail's cell
_ARRAYS_OF_A_PATH = ("steps", "alphas", "betas", "distances", "losses", "plane_losses")
_NUMBERS_OF_A_MARK = ("alpha", "beta", "distance", "loss")
_FIRST_FACTS = ("command", "checkpoint", "net", "data", "images", "seed", "normalize", "created")


def content(surface: Surface, identifier: str, version: str) -> Mapping[str, Any]:
    """Return all that the page shows of a surface; of several seeds the median.

    Points that are not evaluated lie between their neighbors, so that a picture has no gaps;
    ``evaluated`` tells which.

    Args:
        surface: Which.
        identifier: By which the page knows it.
        version: Changes with the content.
    """
    middle = surface.median
    known = middle.evaluated.any()

    def filled(values: NDArray[np.float64], kind: str) -> str:
        return _base64(middle.filled(values) if known else np.full_like(values, np.nan), kind)

    return {
        "id": identifier,
        "version": version,
        "name": surface.name,
        "quantity": surface.quantity,
        "alphas": _base64(middle.grid.alphas, "<f8"),
        "betas": _base64(middle.grid.betas, "<f8"),
        "losses": filled(middle.losses, "<f8"),
        "standard_errors": filled(middle.standard_errors, "<f4"),
        "accuracies": filled(middle.accuracies, "<f4"),
        "evaluated": _base64(middle.evaluated, "u1"),
        "minima": local_minima(middle).tolist(),
        "marks": [
            {
                "name": mark.name,
                "title": mark.title,
                "below": _finite(middle.loss_at(mark.alpha, mark.beta)),
                **{key: _finite(getattr(mark, key)) for key in _NUMBERS_OF_A_MARK},
            }
            for mark in surface.marks
        ],
        "paths": [_path(path) for path in surface.paths],
        "facts": _facts(surface),
        "notes": [*notes(surface), *(finding.text for finding in warnings(surface))],
    }


def thumbnail(surface: Surface) -> Mapping[str, Any] | None:
    """Return a small picture: cells from 0 (low) to 254 (high), row by row, the last β first.

    Heights are the ranks of the losses, which show the shape whatever the scale.
    """
    surface = surface.median
    if not surface.evaluated.any():
        return None
    losses = surface.filled()
    rows, columns = (
        np.linspace(0, n - 1, min(n, _THUMBNAIL)).round().astype(int) for n in losses.shape
    )
    small = losses[np.ix_(rows, columns)].T[::-1]
    cells = np.full(small.shape, _UNKNOWN, dtype=np.uint8)
    finite = np.isfinite(small)
    _, ranks = np.unique(small[finite], return_inverse=True)
    cells[finite] = np.round(254 * ranks / max(1, ranks.max(initial=0)))
    height, width = small.shape
    return {"width": width, "height": height, "values": _base64(cells, "u1")}


def _base64(values: NDArray[Any], kind: str) -> str:
    with np.errstate(over="ignore"):
        return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _path(path: Trajectory) -> Mapping[str, Any]:
    arrays = {
        name: [_finite(float(value)) for value in getattr(path, name)] for name in _ARRAYS_OF_A_PATH
    }
    return {"name": path.name, "unit": path.unit, "off_plane": path.is_off_plane, **arrays}


def _facts(surface: Surface) -> list[tuple[str, str]]:
    """Return where it comes from, the most asked for first."""
    every = {**surface.settings, **surface.provenance}
    order = [*filter(every.__contains__, _FIRST_FACTS), *every]
    facts = [(key.replace("_", " "), str(every[key])) for key in dict.fromkeys(order)]
    seconds = sum(each.seconds for each in surface.all)
    seen = [("images per point", each)] if (each := surface.images_per_point) else []
    found = [("warning", str(finding)) for finding in warnings(surface)]
    return [*found, ("grid", str(surface.grid)), *seen, ("time", duration(seconds)), *facts]
