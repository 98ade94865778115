"""The plane of a quadratic Bézier curve between two networks (mode connectivity).

Garipov et al. 2018 found that two solutions with a barrier on the straight line between them are
connected by a simple curve without one,

    θ(t) = (1 - t)² A + 2 t (1 - t) C + t² B,

whose control point C is trained so that the loss is low at all t.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from landscape.facts import Facts
from landscape.grid import Interval
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.parameters import Parameters, fingerprint
from landscape.plane import Plane
from landscape.planes.nearby import project_checkpoint, project_trajectory
from landscape.planes.spec import PlaneSpec, interval
from landscape.planes.states import Source, load_state, point_of
from landscape.progress import Progress

_NARROWEST = 0.6  # of the distance between the ends


def on_curve(first: Parameters, control: Parameters, second: Parameters, t: float) -> Parameters:
    """Return the point of the Bézier curve at ``t``.

    Args:
        first: The point at t = 0.
        control: The control point.
        second: The point at t = 1.
        t: Parameter of the curve, 0 to 1.
    """
    a, c, b = (1 - t) ** 2, 2 * t * (1 - t), t**2
    return {
        name: a * tensor + c * control[name] + b * second[name] for name, tensor in first.items()
    }


def on_line(first: Parameters, second: Parameters, t: float) -> Parameters:
    """Return the point of the straight line at ``t``.

    Args:
        first: The point at t = 0.
        second: The point at t = 1.
        t: Position, 0 to 1.
    """
    moved: dict[str, Tensor] = {
        name: (1 - t) * tensor + t * second[name] for name, tensor in first.items()
    }
    return moved


def bezier(
    objective: Objective,
    second: Source,
    control: Source,
    *,
    samples: int = 51,
    progress: Progress | None = None,
) -> Plane:
    """Return the plane of the Bézier curve between the objective's model and another.

    Both ends and the control point are marked; the losses along the curve and along the
    straight line are its trajectories.

    Args:
        objective: The objective; its model is one end.
        second: The other end.
        control: The control point, as :func:`landscape.connect` returns it.
        samples: Number of samples along the curve and the line.
        progress: Receives messages.

    Returns:
        The plane.

    Raises:
        CheckpointError: A checkpoint cannot be read, or does not fit the model.
        ParameterMismatchError: A state_dict or module has other parameters.
        ValueError: The three points span no plane.

    Example:
        >>> import torch, landscape
        >>> a, b, c = (torch.nn.Linear(4, 3) for _ in range(3))
        >>> data = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(a, data=data, device="cpu")
        >>> plane = landscape.planes.bezier(objective, b, c, samples=5)
        >>> [path.name for path in plane.trajectories]
        ['curve', 'straight line']
    """
    spec = bezier_spec(objective, second, control, samples=samples, progress=progress)
    return spec.resolve(objective)


def bezier_spec(
    objective: Objective,
    second: Source,
    control: Source,
    *,
    samples: int = 51,
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PlaneSpec:
    """Return the plane of :func:`bezier`, to be built when a scan begins.

    Args:
        objective: The objective.
        second: The other end.
        control: The control point.
        samples: Number of samples along the curve and the line.
        names: Names of both ends.
        progress: Receives messages.
    """
    first = {name: tensor.cpu() for name, tensor in objective.center.items()}
    end = point_of(objective, load_state(objective, second))
    middle = point_of(objective, load_state(objective, control))
    origin: Facts = {"plane": "of a curve", "control_point_sha256": fingerprint(middle)}
    titles = list(names or (objective.name, "second"))

    def build() -> Plane:
        plane = replace(Plane.through(first, end, middle), origin=origin)
        here = plane.to(objective.device, objective.dtype)
        ts = [float(t) for t in torch.linspace(0, 1, samples, dtype=torch.float64)]
        curves = {
            "curve": [partial(on_curve, first, middle, end, t) for t in ts],
            "straight line": [partial(on_line, first, end, t) for t in ts],
        }
        trajectories = tuple(
            project_trajectory(name, objective, here, points, ts, unit="t")
            for name, points in curves.items()
        )
        report = progress or default_progress()
        for path in trajectories:
            report.note(f"{path.name}: maximum loss {path.losses.max():.6g}")
        points = dict(zip([*titles, "control point"], [first, end, middle], strict=True))
        marks = tuple(
            project_checkpoint(name, objective, here, point) for name, point in points.items()
        )
        return replace(plane, marks=marks, trajectories=trajectories)

    return PlaneSpec(origin, build, _frame)


def _frame(
    marks: Sequence[Mark], _: Sequence[Trajectory]
) -> tuple[Interval | None, Interval | None]:
    alphas, betas = [mark.alpha for mark in marks], [mark.beta for mark in marks]
    return interval(alphas), interval(betas, at_least=_NARROWEST)
