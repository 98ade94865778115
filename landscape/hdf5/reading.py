"""Read surface files of every format version, also while a scan is writing them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape.curvature_map import Curvature
from landscape.errors import SurfaceFileError, first_line
from landscape.grid import Grid
from landscape.hdf5 import checksums
from landscape.hdf5.layout import LAYERS, metric_arrays, value_types
from landscape.hdf5.opening import check_surface, open_hdf5
from landscape.hdf5.parts import facts_of, numbers, read_marks, read_trajectories
from landscape.hdf5.version2 import read_v2
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.parameters import Parameters

_ATTEMPTS = 5  # to read while a scan replaces values by better ones


def load(path: str | Path) -> Surface:
    """Read a surface, also one whose scan is still running.

    Args:
        path: A file written by :func:`landscape.scan` or :meth:`Surface.save`.

    Returns:
        The surface.

    Raises:
        SurfaceFileError: It does not exist, is damaged, of a later version, or not a surface.

    Example:
        >>> landscape.load("surfaces/resnet56.h5").center_loss  # doctest: +SKIP
        0.000558934
    """
    path = Path(path)
    with open_hdf5(path) as file:
        check_surface(file, path)
        return read(file, path)


def load_directions(path: str | Path) -> "tuple[Parameters, Parameters]":
    """Return δ and η of a surface file that stores them.

    Args:
        path: The file.

    Raises:
        SurfaceFileError: It stores no directions, is damaged, or is not a surface.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        return directions_of(file, path)


def directions_of(file: Any, path: Path) -> "tuple[Parameters, Parameters]":
    """Return δ and η of an open surface file that stores them.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: It stores no directions, is damaged, or is not a surface.
    """
    check_surface(file, path)
    found = read_directions(file, path)
    if found is None:
        settings = read(file, path).settings
        recipe = ":"
        if "seed" in settings:
            normalization = settings.get("normalize")
            recipe = (
                f", only seed {settings['seed']} and normalization {normalization}: use these, or"
            )
        raise SurfaceFileError(
            f"{path} stores no direction arrays{recipe} scan it again with its directions stored "
            "(`landscape scan --store-directions`)",
            path=path,
        )
    return found


def read(file: Any, path: Path) -> Surface:
    """Return the surface of an open file.

    Args:
        file: The open file, checked by :func:`check_surface`.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: The file is damaged.
    """
    try:
        is_current = int(file.attrs["format_version"]) >= 3
        return _read_layers(file) if is_current else read_v2(file)
    except Exception as error:  # damaged files raise nearly anything
        raise SurfaceFileError(f"{path} is damaged: {first_line(error)}", path=path) from error


def read_directions(file: Any, path: Path) -> "tuple[Parameters, Parameters] | None":
    """Return δ and η of an open file, or None if it does not store them.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        SurfaceFileError: They are damaged.
    """
    if "directions" not in file:
        return None
    import torch

    try:
        delta, eta = (
            {
                str(data.attrs["name"]): torch.from_numpy(numbers(data))
                for _, data in sorted(group.items())
            }
            for group in (file["directions/delta"], file["directions/eta"])
        )
    except Exception as error:  # damaged files raise nearly anything
        raise SurfaceFileError(f"{path} is damaged: {first_line(error)}", path=path) from error
    return delta, eta


def _read_layers(file: Any) -> Surface:
    settings, provenance = facts_of(file["settings"].attrs), facts_of(file["provenance"].attrs)
    is_checked = int(file.attrs["format_version"]) >= 4
    loss = _read_layer(file["layers/loss"], "loss", is_checked=is_checked)
    seeds = numbers(file["seeds"]).tolist() if "seeds" in file else [0]
    if len(seeds) != len(loss):
        raise ValueError(f"seeds has {len(seeds)} entries, the losses {len(loss)}")
    grid = Grid(numbers(file["alphas"]), numbers(file["betas"]))
    every = [
        Surface(
            grid,
            **arrays,
            settings={**settings, "seed": seed} if number else settings,
            provenance=provenance,
        )
        for number, (arrays, seed) in enumerate(zip(loss, seeds, strict=True))
    ]
    curvature = None
    if "curvature" in file["layers"]:
        (arrays,) = _read_layer(file["layers/curvature"], "curvature", is_checked=is_checked)
        curvature = Curvature(**arrays)
        if curvature.lowest.shape != grid.shape:
            raise ValueError(f"the curvature has shape {curvature.lowest.shape}")
    return replace(
        every[0],
        repeats=tuple(every[1:]),
        marks=read_marks(file),
        trajectories=read_trajectories(file, "trajectories"),
        curvature=curvature,
    )


def _read_layer(group: Any, layer: str, *, is_checked: bool) -> list[dict[str, Any]]:
    """Return the arrays of a layer by name, for each seed.

    Raises:
        ValueError: The arrays do not fit the grid.
    """
    evaluated, values = _read_values(group, layer, is_checked=is_checked)
    spec = LAYERS[layer]
    arrays = {"evaluated": evaluated}
    for name, dtype in spec.types.items():
        nothing: Any = np.nan if name in spec.values else 0
        known = np.where(evaluated, values[name], nothing)
        arrays[name] = known.astype(bool if dtype == np.dtype("u1") else dtype)
    metrics = {
        name: np.where(evaluated, values[array], np.nan)
        for name, array in metric_arrays(group).items()
    }
    seconds = numbers(group["seconds"])
    if len(seconds) != len(evaluated) or not np.isfinite(seconds).all():
        raise ValueError(f"seconds is {seconds.tolist()}")
    return [
        {
            **{name: array[k] for name, array in arrays.items()},
            **({"metrics": {name: array[k] for name, array in metrics.items()}} if metrics else {}),
            "seconds": float(seconds[k]),
        }
        for k in range(len(evaluated))
    ]


def _read_values(
    group: Any, layer: str, *, is_checked: bool
) -> tuple[NDArray[np.bool_], dict[str, NDArray[Any]]]:
    """Return which points are evaluated, and the values of all by the name of the array.

    Raises:
        ValueError: The arrays have different shapes, or a point does not match its checksum.
    """
    for left in reversed(range(_ATTEMPTS)):
        # The mask first: a point that it contains was written before it.
        marked = numbers(group["evaluated"])
        evaluated = marked.astype(bool)
        values = {
            name: numbers(group[name]).astype(dtype)
            for name, dtype in value_types(group, layer).items()
        }
        shapes = {array.shape for array in (evaluated, *values.values())}
        if len(shapes) > 1:
            raise ValueError(f"the arrays of {group.name} have the shapes {sorted(shapes)}")
        if not is_checked:
            break
        stored = numbers(group[checksums.POINTS])
        wrong = (marked > 1) | (evaluated & (checksums.of_points(values, evaluated) != stored))
        if not wrong.any():
            break
        if not left:
            first = [int(k) for k in np.argwhere(wrong)[0]]
            raise ValueError(
                f"the values of {wrong.sum()} points of {group.name} do not match their "
                f"checksums, first {first} (seed, alpha, beta): restore a copy, or scan again"
            )
    return evaluated, values
