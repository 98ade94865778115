"""JSON payload of a surface for the page."""

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.captions import notes
from landscape.diagnostics import brief, warnings
from landscape.geometry import local_minima
from landscape.hdf5.layout import MARK, TRAJECTORY
from landscape.overlays import Trajectory
from landscape.progress import duration
from landscape.scale import Scale
from landscape.surface import Surface

_THUMBNAIL = 40  # cells along a side, at most
_UNKNOWN = 255  # of a thumbnail's cell
_FIRST_FACTS = ("command", "checkpoint", "net", "data", "images", "seed", "normalize", "created")


def content(surface: Surface, identifier: str, version: str) -> Mapping[str, Any]:
    """Return all that the page shows of a surface or a line; of several seeds the median.

    Unevaluated points are interpolated; ``evaluated`` is the mask of the others, one bit each.

    Args:
        surface: Which.
        identifier: By which the page knows it.
        version: Changes with the content.
    """
    middle = surface.median
    known = middle.evaluated.any()

    def filled(values: NDArray[np.float64], kind: str) -> str:
        return _base64(middle.interpolated(values) if known else np.full_like(values, np.nan), kind)

    return {
        "id": identifier,
        "version": version,
        "name": surface.name,
        "quantity": surface.quantity,
        "unit": surface.unit.name,
        "alphas": _base64(middle.grid.alphas, "<f8"),
        "betas": _base64(middle.grid.betas, "<f8"),
        "losses": filled(middle.losses, "<f8"),
        "standard_errors": filled(middle.standard_errors, "<f4"),
        "accuracies": filled(middle.accuracies, "<f4"),
        "evaluated": _base64(np.packbits(middle.evaluated, bitorder="little"), "u1"),
        "minima": local_minima(middle).tolist(),
        "marks": [
            {
                "name": mark.name,
                "title": mark.title,
                "below": _finite(middle.loss_at(mark.alpha, mark.beta)),
                **{key: _finite(getattr(mark, key)) for key in MARK},
            }
            for mark in surface.marks
        ],
        "paths": [_path(path) for path in surface.trajectories],
        "metrics": {name: filled(values, "<f8") for name, values in middle.metrics.items()},
        "curvature": _curvature(surface),
        "seeds": _seeds(surface) if surface.is_line and surface.repeats else [],
        "facts": _facts(surface),
        "notes": notes(surface),
        "warnings": brief(surface),
    }


def thumbnail(surface: Surface) -> Mapping[str, Any] | None:
    """Return a small picture: cells from 0 (low) to 254 (high), row by row, the top row first.

    Of a surface: from above, the last β first; heights are the ranks of the losses, which show
    the shape on any scale. Where the curvature was evaluated, of |λ_min / λ_max| instead. Of a
    line: the losses from the side, in colors of their own scale. 255 is an empty cell.
    """
    surface = surface.median
    curvature = surface.curvature
    if curvature is not None and curvature.evaluated.any() and not surface.is_line:
        surface = replace(surface, evaluated=curvature.evaluated)
        cells = _from_above(surface.interpolated(curvature.ratio))
    elif not surface.evaluated.any():
        return None
    else:
        cells = _from_the_side(surface) if surface.is_line else _from_above(surface.interpolated())
    height, width = cells.shape
    return {"width": width, "height": height, "values": _base64(cells, "u1")}


def _from_above(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    small = values[np.ix_(*(_spread(n) for n in values.shape))].T[::-1]
    cells = np.full(small.shape, _UNKNOWN, dtype=np.uint8)
    finite = np.isfinite(small)
    _, ranks = np.unique(small[finite], return_inverse=True)
    cells[finite] = np.round(254 * ranks / max(1, ranks.max(initial=0)))
    return cells


def _from_the_side(line: Surface) -> NDArray[np.uint8]:
    losses = line.interpolated()[_spread(len(line.grid.alphas)), 0]
    cells = np.full((_THUMBNAIL, len(losses)), _UNKNOWN, dtype=np.uint8)
    if not np.isfinite(losses).any():
        return cells
    scale = Scale.covering([line])
    low, high = scale.limits
    parts = (scale.heights(losses) - low) / (high - low)
    for column, part in enumerate(parts):
        if math.isfinite(part):
            top = round((_THUMBNAIL - 1) * (1 - part))
            cells[top:, column] = round(254 * part)
    return cells


def _spread(num: int) -> NDArray[np.int64]:
    """Return the indices of evenly spread points, the first and the last among them."""
    places = np.linspace(0, num - 1, min(num, _THUMBNAIL)).round()
    indices: NDArray[np.int64] = places.astype(np.int64)
    return indices


def _curvature(surface: Surface) -> Mapping[str, Any] | None:
    """Return the eigenvalues, interpolated between the evaluated points, or None.

    ``state`` is 0 where they are not evaluated, 1 where both converged, 2 where one did not.
    """
    curvature = surface.curvature
    if curvature is None or not curvature.evaluated.any():
        return None
    where = replace(surface, evaluated=curvature.evaluated, repeats=())
    names = ("ratio", "lowest", "highest")
    values = {name: _base64(where.interpolated(getattr(curvature, name)), "<f8") for name in names}
    return {
        **values,
        "state": _base64(curvature.evaluated * np.uint8(2) - curvature.converged, "u1"),
    }


def _seeds(surface: Surface) -> list[Mapping[str, Any]]:
    """Return all values of every seed; nan where not evaluated or not finite."""

    def texts(names: Iterable[str], number: int) -> dict[str, str]:
        return {name: _base64(surface.stacked(name)[number], "<f8") for name in names}

    return [
        {
            **texts(("losses", "accuracies"), number),
            "metrics": texts(surface.metrics, number),
        }
        for number in range(len(surface.seeds))
    ]


def _base64(values: NDArray[Any], kind: str) -> str:
    with np.errstate(over="ignore"):
        return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _path(path: Trajectory) -> Mapping[str, Any]:
    arrays = {name: [_finite(float(value)) for value in getattr(path, name)] for name in TRAJECTORY}
    return {"name": path.name, "unit": path.unit, "off_plane": path.is_off_plane, **arrays}


def _facts(surface: Surface) -> list[tuple[str, str]]:
    """Return where it comes from, the most asked for first."""
    every = {**surface.settings, **surface.provenance}
    order = [*filter(every.__contains__, _FIRST_FACTS), *every]
    show = surface.unit.renamed
    facts = [(show(key).replace("_", " "), str(every[key])) for key in dict.fromkeys(order)]
    seconds = sum(each.seconds for each in surface.seeds)
    seen = [(show("images per point"), each)] if (each := surface.images_per_point) else []
    found = [("warning", str(finding)) for finding in warnings(surface)]
    return [*found, ("grid", str(surface.grid)), *seen, ("time", duration(seconds)), *facts]
