"""The plane along directions that a file stores."""

from pathlib import Path

from landscape.interchange.li2018 import load_directions
from landscape.objective import Objective
from landscape.plane import Plane


def from_file(objective: Objective, path: str | Path) -> Plane:
    """Return the plane along the directions of a file.

    Args:
        objective: The objective.
        path: A surface scanned with stored directions, or a direction file of the code of Li
            et al. (tomgoldstein/loss-landscape).

    Returns:
        The plane through the objective's model.

    Raises:
        SurfaceFileError: The file cannot be read, or has no two directions.
        ParameterMismatchError: The directions do not fit the model.
    """
    return load_directions(Path(path), objective.center, list(objective.model.state_dict()))
