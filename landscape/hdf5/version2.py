"""Read format versions 1 and 2: arrays at the root, further seeds in groups."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from landscape.curvature_map import Curvature
from landscape.facts import Facts
from landscape.grid import Grid
from landscape.hdf5.layout import LAYERS
from landscape.hdf5.parts import facts_of, members, numbers, read_marks, read_trajectories
from landscape.surface import Surface

# Names and values before version 3.
_SETTINGS_V2 = {"bend_sha256": "control_point_sha256"}

_BATCHNORM_V2 = {"interpolate": "interpolated", "re-estimate": "recomputed"}

_UNCHANGED_V2 = "as it is"  # wording: allowed

_PROVENANCE_V2 = {"way": "plan"}  # wording: allowed


def read_v2(file: Any) -> Surface:
    """Return the surface of a file of format version 1 or 2."""
    settings = _renamed(facts_of(file["settings"].attrs), _SETTINGS_V2)
    if settings.get("preprocessing") == _UNCHANGED_V2:
        settings = {**settings, "preprocessing": "unchanged"}
    if "batchnorm" in settings:
        value = str(settings["batchnorm"])
        settings = {**settings, "batchnorm": _BATCHNORM_V2.get(value, value)}
    provenance = _renamed(facts_of(file["provenance"].attrs), _PROVENANCE_V2)
    grid = Grid(numbers(file["alphas"]), numbers(file["betas"]))
    first = Surface(
        grid, **_read_values_v2(file, settings), settings=settings, provenance=provenance
    )
    repeats = [
        replace(
            first,
            **_read_values_v2(group, settings),
            settings={**settings, "seed": int(group.attrs["seed"])},
        )
        for group in members(file, "repeats")
    ]
    curvature = None
    if "curvature" in file:
        group = file["curvature"]
        state = numbers(group["state"])  # first, as above; 2 where one end did not converge
        lowest, highest = (numbers(group[name]) for name in ("lowest", "highest"))
        curvature = Curvature(lowest, highest, state > 0, state == 1, _seconds(group))
    return replace(
        first,
        repeats=tuple(repeats),
        marks=read_marks(file),
        trajectories=read_trajectories(file, "paths"),
        curvature=curvature,
    )


def _read_values_v2(group: Any, settings: Facts) -> dict[str, Any]:
    evaluated = numbers(group["evaluated"]).astype(bool)
    if "examples" in group:
        examples = np.where(evaluated, numbers(group["examples"]), 0).astype(np.int64)
    else:  # version 1: every point is evaluated on all examples
        examples = evaluated * np.int64(settings.get("images", 0))
    return {
        "evaluated": evaluated,
        "examples": examples,
        "seconds": _seconds(group),
        **{
            name: np.where(evaluated, numbers(group[name]), np.nan)
            for name in LAYERS["loss"].values
        },
    }


def _seconds(group: Any) -> float:
    seconds = float(numbers(group["seconds"])[0])
    if not math.isfinite(seconds):
        raise ValueError(f"seconds is {seconds}")
    return seconds


def _renamed(facts: Facts, names: Mapping[str, str]) -> Facts:
    return {names.get(key, key): value for key, value in facts.items()}
