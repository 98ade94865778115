"""The line towards another checkpoint, on the scale of random directions."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from landscape.directions import Normalization
from landscape.evaluation import values_at
from landscape.facts import Facts
from landscape.naming import title_of
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.overlays import Mark
from landscape.parameters import check_match, is_large, norm, single_type
from landscape.plane import Plane
from landscape.planes.spec import PlaneSpec
from landscape.planes.states import Source, hash_of, load_state, point_of, short_hash
from landscape.progress import Progress
from landscape.unformed import Unformed


def towards(
    objective: Objective,
    other: Source,
    *,
    seed: int = 0,
    normalization: Normalization = "filter",
    progress: Progress | None = None,
) -> Plane:
    """Return the line from the objective's model towards another checkpoint.

    Its direction has the norm of the random direction of the same seed and normalization, so that
    cuts of one model in random directions and towards other checkpoints, as fine-tuned or
    adversarially trained ones, are drawn on one scale (Chen et al. 2025, arXiv 2505.17646). That of
    ``none`` is about the square root of the number of parameters that move.

    Args:
        objective: The objective; its model lies at 0.
        other: The other checkpoint, which is marked.
        seed: Random seed of the direction whose norm is taken.
        normalization: Its normalization.
        progress: Receives messages.

    Returns:
        The line, as a plane whose η is zero.

    Raises:
        CheckpointError: The checkpoint cannot be read, or does not fit the model.
        ParameterMismatchError: A state_dict or module has other parameters.
        ValueError: It has the same weights.

    Example:
        >>> import torch, landscape
        >>> model, tuned = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
        >>> data = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(model, data=data, device="cpu")
        >>> line = landscape.planes.towards(objective, tuned)
        >>> random = landscape.planes.random(objective)
        >>> norm = landscape.parameters.norm
        >>> abs(norm(line.delta) - norm(random.delta)) < 1e-6
        True
    """
    spec = towards_spec(objective, other, seed, normalization, progress=progress)
    return spec.resolve(objective)


def towards_spec(
    objective: Objective,
    other: Source,
    seed: int = 0,
    normalization: Normalization = "filter",
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PlaneSpec:
    """Return the line of :func:`towards`, to be built when a scan begins.

    Args:
        objective: The objective.
        other: The other checkpoint.
        seed: Random seed of the direction whose norm is taken.
        normalization: Its normalization.
        names: Names of both checkpoints, the objective's first.
        progress: Receives messages.
    """
    origin: Facts = {
        "plane": f"from {hash_of(objective)} towards {short_hash(other)}",
        "normalize": normalization,
        "norm_seed": seed,
    }
    titles = list(names or (objective.name, _name(other)))

    def build() -> Plane:
        state = load_state(objective, other, name=titles[1])
        center = objective.center
        random = Plane.random(center, seed, normalization).delta
        point = {name: _as(t, center[name]) for name, t in point_of(objective, state).items()}
        check_match(point, center, "the other checkpoint")
        distance = math.sqrt(sum(_squared_distance(point[n], t) for n, t in center.items()))
        if distance == 0:
            raise ValueError("Cannot define a direction: both checkpoints have the same weights.")
        length = norm(random) / distance
        large = is_large(center)
        delta = {}
        for name, tensor in center.items():
            difference = partial(_difference, point[name], tensor, length)
            kind = single_type(tensor.dtype)
            delta[name] = Unformed(tensor, kind, difference) if large else difference()
        zero = {
            name: torch.zeros((), dtype=t.dtype, device=t.device).expand(t.shape)
            for name, t in delta.items()
        }
        loss, below = (values_at(objective, each).loss for each in (state, point))
        (progress or default_progress()).note(
            f"{titles[1]}: loss {loss:.6g} at α = {1 / length:.6g}"
        )
        mark = Mark(titles[1], 1 / length, 0.0, 0.0, loss, below)
        # A file would take as much as two networks.
        return Plane(center, delta, zero, origin=origin, stored=not large, marks=(mark,))

    return PlaneSpec(origin, build)


def _as(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor on the device of another, in its type if that is of half precision."""
    is_half = single_type(like.dtype) != like.dtype
    return tensor.to(like.device, like.dtype if is_half else tensor.dtype)


def _squared_distance(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).square().sum())


def _difference(other: Tensor, center: Tensor, factor: float) -> Tensor:
    kind = single_type(center.dtype)
    return (other.to(kind) - center.to(kind)).mul_(factor)


def _name(source: Source) -> str:
    return title_of(Path(source)) if isinstance(source, str | Path) else "other"
