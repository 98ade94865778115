"""The plane along two random directions."""

from landscape.directions import Normalization
from landscape.objective import Objective
from landscape.plane import Plane


def random(objective: Objective, seed: int = 0, normalization: Normalization = "filter") -> Plane:
    """Return the plane along two random directions that the seed determines.

    Biases and normalization layers do not move.

    Args:
        objective: The objective.
        seed: Random seed of the directions.
        normalization: ``filter`` (Li et al. 2018), ``layer``, ``weight`` or ``none``.

    Returns:
        The plane.

    Raises:
        ValueError: The seed is negative, or no parameter can be moved.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> landscape.planes.random(objective, seed=7).origin["seed"]
        7
    """
    return Plane.random(objective.center, seed, normalization)
