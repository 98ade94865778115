"""Landscaper, by its quick start and docstrings."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from landscaper import LossLandscape, PyHessian
from landscaper.utils import generate_random_orthogonal_directions
from torch import nn

from conformance_checks.problems import Problem, State
from conformance_checks.tool import Leading, Scan, Tool, seeded

Directions = list[list[torch.Tensor]]


class Landscaper(Tool):
    """Its function scans given directions; a function of the caller computes the loss."""

    name = "landscaper"
    calls: ClassVar[Mapping[str, str]] = {
        "random plane": "`LossLandscape.compute(model, loader, dirs, scalar_fn, steps=n, "
        "distance=1, dim=2, device='cpu')` with `dirs = "
        "utils.generate_random_orthogonal_directions(model, 2)` and the scalar function of its "
        "quick start, the mean over the batches of their mean losses",
        "given directions": "the same with `dirs=[δ, η]`; coordinates are `ranges`",
        "picture": "`show_contour(show=False)`",
        "eigenvalue": "`PyHessian(model, loss, loader, 'cpu').eigenvalues(maxIter=1000, tol=1e-7)`",
        "seed": "`torch.manual_seed` and, for the noise on the highest loss, `numpy.random.seed`",
    }
    remarks: ClassVar[Mapping[str, str]] = {
        "everywhere": "its comment: small noise is added to the highest losses to avoid flat "
        "regions",
        "filters": "its docstring: directions are normalized by the number of parameters of each "
        "tensor; it offers no filter normalization",
        "unmoved": "the same normalization, of all tensors",
        "independence": "its quick start uses eigenvectors of the Hessian instead of random "
        "directions",
        "rescaled": "the same normalization",
        "zeros": "the same normalization",
        "mode": "the function of the caller sets the mode; that of its quick start does not",
        "caller": "in training mode a forward pass updates BatchNorm's statistics",
        "ragged": "the function is the caller's; that of its quick start is used",
        "nonfinite": "its comment: extreme values are replaced, nan by the mean of the finite "
        "losses and infinite ones by their maximum",
    }

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan along random directions of its own."""
        seeded(seed)
        directions = generate_random_orthogonal_directions(problem.model, 2)
        return _scan(_compute(problem, directions, points))

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan given directions."""
        return _scan(_compute(problem, _listed(problem, directions), points[0]))

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        """Draw contour lines."""
        landscape = _compute(problem, _listed(problem, directions), points[0])
        return landscape.show_contour(show=False)

    def leading(self, problem: Problem) -> Leading:
        """Iterate to a small tolerance."""
        seeded(0)
        calculator = PyHessian(problem.model, problem.loss, problem.loader, "cpu")
        values, vectors = calculator.eigenvalues(maxIter=1000, tol=1e-7)
        return Leading(float(values[0]), torch.cat([each.flatten() for each in vectors[0]]))


def _compute(problem: Problem, directions: Directions, points: int) -> Any:
    def scalar_function(model: nn.Module, data: Any) -> float:
        total, count = 0.0, 0
        for sample, label in data:
            total += float(problem.loss(model(sample), label))
            count += 1
        return total / count

    return LossLandscape.compute(
        problem.model,
        problem.loader,
        directions,
        scalar_function,
        steps=points,
        distance=1,
        dim=2,
        device="cpu",
    )


def _listed(problem: Problem, directions: tuple[State, State]) -> Directions:
    names = [name for name, _ in problem.model.named_parameters()]
    return [[direction[name].clone() for name in names] for direction in directions]


def _scan(landscape: Any) -> Scan:
    alphas, betas = landscape.ranges
    return Scan(np.asarray(alphas), np.asarray(betas), np.asarray(landscape.loss))


TOOL = Landscaper()
