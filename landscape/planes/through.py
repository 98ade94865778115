"""The plane through checkpoints: two define a line, three a plane."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from landscape.facts import Facts
from landscape.grid import Interval
from landscape.naming import disambiguate, title_of
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.plane import Plane
from landscape.planes.nearby import project_checkpoint
from landscape.planes.spec import PlaneSpec, interval
from landscape.planes.states import Source, hash_of, load_state, point_of, short_hash
from landscape.progress import Progress

_MARGIN, _BEYOND = 0.2, 0.5  # of a plane; at both ends of a line
_NARROWEST = 0.6  # of the distance between the first two checkpoints


def through(objective: Objective, *others: Source, progress: Progress | None = None) -> Plane:
    """Return the plane through the objective's model and other checkpoints.

    One other defines a line, two a plane; further ones are projected onto it. All are marked.

    Args:
        objective: The objective; its model lies at (0, 0).
        *others: Paths of checkpoints, state_dicts or modules of the same architecture.
        progress: Receives messages.

    Returns:
        The plane, in which the second checkpoint lies at (1, 0), β is orthogonal to α.

    Raises:
        CheckpointError: A checkpoint cannot be read, or does not fit the model.
        ParameterMismatchError: A state_dict or module has other parameters.
        ValueError: No other is given, they span no plane, or BatchNorm is to be interpolated
            between more than two.

    Example:
        >>> import torch, landscape
        >>> a, b, c = (torch.nn.Linear(4, 3) for _ in range(3))
        >>> data = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(a, data=data, device="cpu")
        >>> [mark.name for mark in landscape.planes.through(objective, b, c).marks]
        ['Linear', '1', '2']
    """
    return through_spec(objective, others, progress=progress).resolve(objective)


def through_spec(
    objective: Objective,
    others: Sequence[Source],
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PlaneSpec:
    """Return the plane of :func:`through`, to be built when a scan begins.

    Args:
        objective: The objective.
        others: The other checkpoints.
        names: Names of all checkpoints, the objective's first; by default of their files.
        progress: Receives messages.

    Raises:
        ValueError: No other is given, or BatchNorm is to be interpolated between more than two.
    """
    interpolates = objective.batchnorm == "interpolated"
    if not others:
        raise ValueError("a plane through checkpoints needs at least two checkpoints, got 1")
    if interpolates and len(others) > 1:
        raise ValueError(
            f"batchnorm='interpolated' needs exactly two checkpoints, got {len(others) + 1}"
        )
    hashes = [hash_of(objective), *map(short_hash, others)]
    origin: Facts = {"plane": "through " + ", ".join(hashes)}
    titles = list(names or _names(objective, others))
    is_line = len(others) == 1

    def build() -> Plane:
        states = [
            load_state(objective, other, name=title)
            for other, title in zip(others, titles[1:], strict=True)
        ]
        center = {name: tensor.cpu() for name, tensor in objective.center.items()}
        points = [point_of(objective, state) for state in states]
        plane = replace(Plane.through(center, *points[:2]), origin=origin)
        every: list[Source] = [objective.model, *states]
        marks = _marks(objective, plane, titles, every, progress or default_progress())
        return replace(plane, marks=marks)

    def frame(
        marks: Sequence[Mark], _: Sequence[Trajectory]
    ) -> tuple[Interval | None, Interval | None]:
        # Beyond the ends of a line interpolated variances become negative.
        margin = 0.0 if interpolates else _BEYOND if is_line else _MARGIN
        alpha = interval([mark.alpha for mark in marks], margin)
        betas = [mark.beta for mark in marks]
        return alpha, None if is_line else interval(betas, at_least=_NARROWEST)

    return PlaneSpec(origin, build, frame)


def _names(objective: Objective, others: Sequence[Source]) -> list[str]:
    paths = [Path(other) for other in others if isinstance(other, str | Path)]
    if len(paths) < len(others):
        return [objective.name, *(str(number) for number in range(1, len(others) + 1))]
    return [objective.name, *disambiguate([title_of(path) for path in paths], paths)]


def _marks(
    objective: Objective,
    plane: Plane,
    names: Sequence[str],
    states: Sequence[Source],
    progress: Progress,
) -> tuple[Mark, ...]:
    progress.note("loss of each checkpoint:")
    here = plane.to(objective.device, objective.dtype)
    marks = []
    for name, state in zip(names, states, strict=True):
        marks.append(project_checkpoint(name, objective, here, state))
        progress.note(f"  {name}: {marks[-1].loss:.6g}")
    return tuple(marks)
