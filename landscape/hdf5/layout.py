"""The layout of a surface file, version 4, and how it is composed.

docs/reference/file-format.md specifies it.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landscape.hdf5 import checksums
from landscape.overlays import Mark, Trajectory
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.parameters import Parameters

FORMAT = "landscape-surface"
VERSION = 4

MARK = ("alpha", "beta", "distance", "loss")
TRAJECTORY = ("steps", "alphas", "betas", "distances", "losses", "plane_losses")


@dataclass(frozen=True)
class LayerSpec:
    """A quantity over the grid: named arrays and the mask of evaluated points.

    That of the loss also has an array for each metric, see :func:`metric_array`.

    Attributes:
        values: Names of its float64 arrays.
        counts: Names of its int64 arrays.
        masks: Names of its further masks.
    """

    values: tuple[str, ...]
    counts: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()

    @property
    def types(self) -> Mapping[str, np.dtype[Any]]:
        """Types of all arrays by name, without the mask of evaluated points."""
        return {
            **dict.fromkeys(self.values, np.dtype("<f8")),
            **dict.fromkeys(self.counts, np.dtype("<i8")),
            **dict.fromkeys(self.masks, np.dtype("u1")),
        }


LAYERS: Mapping[str, LayerSpec] = {
    "loss": LayerSpec(("losses", "accuracies", "standard_errors"), counts=("examples",)),
    "curvature": LayerSpec(("lowest", "highest"), masks=("converged",)),
}
"""The layers of a file, by name."""

_METRIC = "metric_"


def metric_array(number: int) -> str:
    """Return the name of the array of a metric, whose attribute ``name`` is the metric's own.

    Args:
        number: Position of the metric.
    """
    # Numbered, since names may hold a slash, which HDF5 reads as a path.
    return f"{_METRIC}{number:03d}"


def value_types(group: Any, layer: str) -> dict[str, np.dtype[Any]]:
    """Return the types of the arrays of values of a layer by name: those that checksums cover.

    Args:
        group: The layer in an open file.
        layer: Its name.
    """
    metrics = dict.fromkeys(metric_arrays(group).values(), np.dtype("<f8"))
    return {**LAYERS[layer].types, **metrics}


def metric_arrays(group: Any) -> dict[str, str]:
    """Return the names of the arrays of metrics in a layer, by the names of the metrics.

    Args:
        group: The layer in an open file.
    """
    arrays = sorted(name for name in group if name.startswith(_METRIC))
    return {str(group[name].attrs["name"]): name for name in arrays}


def layers_of(surface: Surface) -> Mapping[str, list[Any]]:
    """Return what holds the arrays of each layer, one object for each seed.

    Args:
        surface: The surface.
    """
    layers: dict[str, list[Any]] = {"loss": list(surface.seeds)}
    if surface.curvature is not None:
        layers["curvature"] = [surface.curvature]
    return layers


def compose(surface: Surface, directions: "tuple[Parameters, Parameters] | None" = None) -> bytes:
    """Return the content of a file.

    In memory: on a full disk the HDF5 library would bring the process down.

    Args:
        surface: The surface, complete or not.
        directions: δ and η, if they are to be stored.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = VERSION
        _write(file, "alphas", surface.grid.alphas.astype("<f8"))
        _write(file, "betas", surface.grid.betas.astype("<f8"))
        if surface.repeats or "seed" in surface.settings:
            seeds = [int(each.settings.get("seed", k)) for k, each in enumerate(surface.seeds)]
            _write(file, "seeds", np.array(seeds, dtype="<i8"))
        for group, facts in (("settings", surface.settings), ("provenance", surface.provenance)):
            file.create_group(group).attrs.update(facts)
        for name, parts in layers_of(surface).items():
            metrics = surface.metrics if name == "loss" else {}
            _write_layer(file.create_group(f"layers/{name}"), LAYERS[name], parts, list(metrics))
        _write_overlays(file, surface.marks, surface.trajectories)
        if directions is not None:
            for name, direction in zip(("delta", "eta"), directions, strict=True):
                _write_direction(file.create_group(f"directions/{name}"), direction)
    return content.getvalue()


def _write(group: Any, name: str, values: NDArray[Any]) -> Any:
    """Return a new data set, with its checksum: its values do not change."""
    dataset = group.create_dataset(name, data=values)
    dataset.attrs[checksums.ATTRIBUTE] = checksums.of_array(values)
    return dataset


def _write_layer(group: Any, spec: LayerSpec, parts: list[Any], metrics: list[str]) -> None:
    def stacked(name: str, dtype: Any) -> NDArray[Any]:
        return np.stack([getattr(part, name) for part in parts]).astype(dtype)

    arrays = {name: stacked(name, dtype) for name, dtype in spec.types.items()}
    for number, name in enumerate(metrics):
        values = np.stack([part.metrics[name] for part in parts])
        arrays[metric_array(number)] = values.astype("<f8")
    evaluated = stacked("evaluated", np.dtype("u1"))
    masks = {"evaluated": evaluated, checksums.POINTS: checksums.of_points(arrays, evaluated > 0)}
    for name, values in {**arrays, **masks}.items():
        group.create_dataset(name, data=values)
    for number, name in enumerate(metrics):
        group[metric_array(number)].attrs["name"] = name
    group.create_dataset("seconds", data=np.array([p.seconds for p in parts], dtype="<f8"))


def _write_overlays(
    file: Any, marks: tuple[Mark, ...], trajectories: tuple[Trajectory, ...]
) -> None:
    for number, mark in enumerate(marks):
        group = file.create_group(f"marks/{number:03d}")
        group.attrs.update({"name": mark.name, **{key: getattr(mark, key) for key in MARK}})
        if not math.isnan(mark.plane_loss):
            group.attrs["plane_loss"] = mark.plane_loss
        numbers = tuple(float(getattr(mark, key)) for key in MARK)
        numbers += () if math.isnan(mark.plane_loss) else (mark.plane_loss,)
        group.attrs[checksums.ATTRIBUTE] = checksums.of_mark(mark.name, numbers)
    for number, path in enumerate(trajectories):
        group = file.create_group(f"trajectories/{number:03d}")
        group.attrs.update({"name": path.name, "unit": path.unit})
        for key in TRAJECTORY:
            _write(group, key, getattr(path, key).astype("<f8"))


def _write_direction(group: Any, direction: "Parameters") -> None:
    # Numbered, as metrics are.
    for number, (name, tensor) in enumerate(direction.items()):
        dataset = _write(group, f"{number:05d}", tensor.cpu().numpy())
        dataset.attrs["name"] = name
