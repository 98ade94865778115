"""Read the parts of a surface file that all format versions share."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from landscape.facts import Facts
from landscape.hdf5 import checksums
from landscape.hdf5.layout import MARK, TRAJECTORY
from landscape.overlays import Mark, Trajectory


def read_marks(file: Any) -> tuple[Mark, ...]:
    """Return the labeled checkpoints of an open file.

    Args:
        file: The file.
    """
    return tuple(_mark(group) for group in members(file, "marks"))


def _mark(group: Any) -> Mark:
    name, values = str(group.attrs["name"]), tuple(float(group.attrs[key]) for key in MARK)
    plane_loss = float(group.attrs.get("plane_loss", math.nan))  # older files have none
    stored = group.attrs.get(checksums.ATTRIBUTE)
    numbers = values if math.isnan(plane_loss) else (*values, plane_loss)
    checksums.check(checksums.of_mark(name, numbers), stored, group.name)
    return replace(Mark(name, *values), plane_loss=plane_loss)


def read_trajectories(file: Any, name: str) -> tuple[Trajectory, ...]:
    """Return the trajectories of an open file.

    Args:
        file: The file.
        name: Name of their group.
    """
    return tuple(
        Trajectory(str(group.attrs["name"]), **_columns(group), unit=str(group.attrs["unit"]))
        for group in members(file, name)
    )


def _columns(group: Any) -> dict[str, NDArray[Any]]:
    columns = {key: numbers(group[key]) for key in TRAJECTORY}
    shapes = {values.shape for values in columns.values()}
    if len(shapes) > 1 or min(map(math.prod, shapes)) == 0:
        raise ValueError(f"{group.name} has columns of unequal length, or none")
    return columns


def numbers(dataset: Any) -> NDArray[Any]:
    """Return the values of a data set in native byte order, checked if it has a checksum.

    Args:
        dataset: The data set.

    Raises:
        TypeError: They are not real numbers.
    """
    values: NDArray[Any] = dataset.read()
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{dataset.name} holds {values.dtype}, not numbers")
    stored = dataset.attrs.get(checksums.ATTRIBUTE)
    if stored is not None:
        checksums.check(checksums.of_array(values), stored, dataset.name)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def members(file: Any, name: str) -> Sequence[Any]:
    """Return the numbered groups in a group of an open file, in order.

    Args:
        file: The file.
        name: Name of the group, which may be missing.
    """
    return [file[name][key] for key in sorted(file[name], key=int)] if name in file else []


def facts_of(attributes: Any) -> Facts:
    """Return attributes as facts.

    Args:
        attributes: The attributes of a group.

    Raises:
        TypeError: One is neither a string nor a number.
    """
    for key, value in attributes.items():
        if not isinstance(value, str | bool | int | float):
            raise TypeError(f"{key} is an {value}")
    return dict(attributes)
