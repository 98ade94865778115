"""Direction files of the code of Li et al. (2018), tomgoldstein/loss-landscape."""

import io
from pathlib import Path
from typing import Any

import h5py
import torch

from landscape.errors import SurfaceFileError
from landscape.hdf5.opening import open_hdf5
from landscape.hdf5.parts import numbers
from landscape.hdf5.reading import directions_of, read
from landscape.parameters import Parameters
from landscape.plane import Plane


def load_directions(path: Path, center: Parameters, state_names: list[str]) -> Plane:
    """Return the plane through ``center`` along the directions that a file stores.

    Args:
        path: One of our surfaces with stored directions, or a direction file of the code
            of Li et al.: groups ``xdirection`` and ``ydirection``, each with datasets
            ``0`` … ``n-1``, one per parameter tensor in the net's order, or (its type
            ``states``) one per entry of the net's state.
        center: The net's parameters; the directions take their type and device.
        state_names: Names of all the entries of the net's state (its ``state_dict``), in
            order.

    Raises:
        SurfaceFileError: The file is missing, damaged, or has no two directions.
        ParameterMismatchError: The directions do not fit the net.
    """
    with open_hdf5(path) as file:
        if "xdirection" in file or "ydirection" in file:
            delta, eta = (
                _from_original(file, key, center, state_names, path)
                for key in ("xdirection", "ydirection")
            )
        elif "xcoordinates" in file:
            raise SurfaceFileError(
                f"{path} is a surface of the code of Li et al., which stores no directions: give "
                "its direction file, with xdirection and ydirection",
                path=path,
            )
        else:
            delta, eta = directions_of(file, path)
    return Plane(center, _like(delta, center), _like(eta, center))


def write_directions(source: Path, path: Path) -> list[str]:
    """Write the directions that a surface file stores as a direction file of their code.

    Args:
        source: One of our surface files, with stored directions.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.

    Raises:
        SurfaceFileError: The surface stores no directions, or such that move BatchNorm
            statistics, or is not a surface.
    """
    with open_hdf5(source) as file:
        delta, eta = directions_of(file, source)
        settings = read(file, source).settings
    if settings.get("batchnorm") == "interpolated":
        raise SurfaceFileError(
            f"{source}: its directions move BatchNorm statistics, but a direction file holds "
            "parameters: scan with --batchnorm frozen",
            path=source,
        )
    exact = all(t.dtype == torch.float32 for t in (*delta.values(), *eta.values()))
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for key, direction in (("xdirection", delta), ("ydirection", eta)):
            for number, tensor in enumerate(direction.values()):
                file[f"{key}/{number}"] = tensor.float().numpy()
        if "explained_variation_alpha" in settings:
            file["explained_variance_ratio_"] = [
                float(settings[f"explained_variation_{axis}"]) for axis in ("alpha", "beta")
            ]
    path.write_bytes(content.getvalue())
    return [] if exact else ["directions are rounded to float32"]


def _like(direction: Parameters, center: Parameters) -> Parameters:
    example = next(iter(center.values()))
    return {name: tensor.to(example) for name, tensor in direction.items()}


def _from_original(
    file: Any, key: str, center: Parameters, state_names: list[str], path: Path
) -> Parameters:
    try:
        arrays = [numbers(file[key][str(number)]) for number in range(len(file[key]))]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SurfaceFileError(
            f"{path} has no whole group {key}: a plane needs xdirection and ydirection, each "
            "with datasets 0, 1, …",
            path=path,
            key=key,
        ) from error
    # The original's nets were saved before BatchNorm counted its batches.
    counters = ".num_batches_tracked"
    for names in (
        list(center),
        state_names,
        [name for name in state_names if not name.endswith(counters)],
    ):
        if len(arrays) == len(names):
            break
    else:
        raise SurfaceFileError(
            f"{path}: {key} has {len(arrays)} tensors, the net has {len(center)} "
            "parameters: the file belongs to another net",
            path=path,
            key=key,
            expected=len(center),
            got=len(arrays),
        )
    direction = dict(zip(names, map(torch.from_numpy, arrays), strict=True))
    moved = [name for name in names if name not in center and direction[name].any()]
    if moved:
        raise SurfaceFileError(
            f"{path}: {key} moves {moved[0]}, which is not a parameter: BatchNorm "
            "statistics are not moved here (their option --xignore biasbn)",
            path=path,
            key=moved[0],
        )
    return {name: direction[name] for name in center}
