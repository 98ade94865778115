"""This package, by its Python interface."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

import landscape
from conformance_checks.problems import Problem, State, state_of
from conformance_checks.tool import Leading, Scan, Tool, Visits


class Landscape(Tool):
    """Every scan is of an objective on the grid of a plane."""

    name = "torch-loss-landscape"
    square = False
    calls: ClassVar[Mapping[str, str]] = {
        "random plane": "`scan(Objective(model, loss, (x, y), images_per_batch=m), "
        "Plane.random(objective.center, seed), n)`",
        "given directions": "`Plane(objective.center, δ, η)`, `Grid.regular((n, m))`",
        "picture": "`plot(surface, kind='contour')`",
        "eigenvalue": "`Hessian(objective).eigenpairs(1, tolerance=1e-6)`",
        "seed": "of `Plane.random`",
        "evaluated weights": "a metric of the model, `Objective(metrics={'total': record})`",
    }

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan a random plane."""
        objective = _objective(problem)
        plane = landscape.Plane.random(objective.center, seed)
        return _scan(landscape.scan(objective, plane, points))

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan given directions."""
        return _scan(_along(problem, directions, points))

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        """Draw contour lines."""
        return landscape.plot(_along(problem, directions, points), kind="contour")

    def leading(self, problem: Problem) -> Leading:
        """Compute one eigenpair."""
        pairs = landscape.Hessian(_objective(problem)).eigenpairs(1, tolerance=1e-6)
        vector = torch.cat([tensor.flatten() for tensor in pairs.vectors[0].values()])
        return Leading(float(pairs.values[0]), vector)

    def visits(self, problem: Problem, points: int, seed: int) -> Visits:
        """Record the model at each point with a metric, the sum of its weights."""
        states: dict[float, State] = {}

        def total(model: nn.Module) -> float:
            number = float(sum(p.double().sum() for p in model.parameters()))
            states[number] = state_of(model)
            return number

        objective = _objective(problem, {"total": total})
        surface = landscape.scan(objective, landscape.Plane.random(objective.center, seed), points)
        totals = surface.metrics["total"].tolist()
        return Visits(_scan(surface), [[states[number] for number in row] for row in totals])


def _objective(problem: Problem, metrics: Mapping[str, Any] | None = None) -> landscape.Objective:
    return landscape.Objective(
        problem.model,
        problem.loss,
        (problem.x, problem.y),
        metrics=metrics,
        images_per_batch=problem.size or None,
        device="cpu",
    )


def _along(
    problem: Problem, directions: tuple[State, State], points: tuple[int, int]
) -> landscape.Surface:
    objective = _objective(problem)
    plane = landscape.Plane(objective.center, *directions)
    return landscape.scan(objective, plane, landscape.Grid.regular(points))


def _scan(surface: landscape.Surface) -> Scan:
    return Scan(surface.grid.alphas, surface.grid.betas, surface.losses)


TOOL = Landscape()
