"""Project checkpoints and trajectories onto a plane, with their own losses."""

from collections.abc import Callable, Sequence

import numpy as np

from landscape.evaluation import values_at
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.planes.states import Source, load_state


def project_checkpoint(name: str, objective: Objective, plane: Plane, checkpoint: Source) -> Mark:
    """Project a checkpoint onto a plane, and evaluate its own loss and that of the plane.

    Args:
        name: Name in figures.
        objective: The objective; the checkpoint's buffers replace the model's.
        plane: The plane.
        checkpoint: Path, state_dict or module.

    Returns:
        The labeled point.

    Raises:
        CheckpointError: The checkpoint cannot be read, or does not fit.
        ParameterMismatchError: Names or shapes are not the plane's.

    Example:
        >>> import torch, landscape
        >>> model, other = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
        >>> data = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(model, data=data, device="cpu")
        >>> plane = landscape.Plane.random(objective.center)
        >>> landscape.project_checkpoint("other", objective, plane, other).distance > 0
        True
    """
    state = load_state(objective, checkpoint)
    own = {key: tensor for key, tensor in state.items() if key in plane.center}
    here = {key: tensor.to(plane.center[key]) for key, tensor in own.items()}
    alpha, beta = plane.project(here)
    loss = values_at(objective, state).loss
    below = values_at(objective, plane.at(alpha, beta)).loss
    return Mark(name, alpha, beta, plane.distance(here), loss, below)


def project_trajectory(
    name: str,
    objective: Objective,
    plane: Plane,
    checkpoints: Sequence[Source | Callable[[], Parameters]],
    steps: Sequence[float] | None = None,
    *,
    unit: str = "epoch",
    done: Callable[[int], None] = lambda _: None,
) -> Trajectory:
    """Project a sequence of checkpoints onto a plane, with their own losses and the plane's.

    Args:
        name: Name in figures.
        objective: The objective; the checkpoints' buffers replace the model's.
        plane: The plane.
        checkpoints: Paths, state_dicts or modules, or functions that return a state_dict: they
            are loaded one at a time.
        steps: Position of each; by default 0, 1, 2, ….
        unit: Unit of ``steps``.
        done: Called with the number of finished checkpoints.

    Returns:
        The projected sequence.

    Raises:
        CheckpointError: A checkpoint cannot be read, or does not fit.
        ParameterMismatchError: Names or shapes are not the plane's.
    """
    rows = []
    for number, checkpoint in enumerate(checkpoints, 1):
        is_function = callable(checkpoint) and not hasattr(checkpoint, "state_dict")
        source: Source = checkpoint() if is_function else checkpoint  # type: ignore[assignment, operator]
        mark = project_checkpoint(name, objective, plane, source)
        rows.append((mark.alpha, mark.beta, mark.distance, mark.loss, mark.plane_loss))
        done(number)
    alphas, betas, distances, losses, below_losses = np.array(rows, dtype=np.float64).T
    positions = np.arange(len(rows)) if steps is None else steps
    return Trajectory(
        name,
        np.asarray(positions, dtype=np.float64),
        alphas,
        betas,
        distances,
        losses,
        below_losses,
        unit,
    )
