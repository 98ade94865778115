"""loss-landscape-3d, by its README and docstrings."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from loss_landscape_3d import (
    LossLandscapeCalculator,
    LossLandscapeVisualizer,
    generate_hessian_directions,
    generate_random_directions,
)

from conformance_checks.problems import Problem, State
from conformance_checks.tool import Leading, Scan, Tool, seeded


class LossLandscape3D(Tool):
    """Its calculator takes both axes and both directions."""

    name = "loss-landscape-3d"
    square = False
    calls: ClassVar[Mapping[str, str]] = {
        "random plane": "`LossLandscapeCalculator(model, loader, loss).calculate(x, y, dir_x, "
        "dir_y, center_state=model.state_dict())` with `generate_random_directions(model, "
        "normalize=True)`",
        "`center_state` copied": "the same with `copy.deepcopy(model.state_dict())`, which does "
        "not share its memory with the model that the scan moves",
        "given directions": "the same with δ and η as dictionaries",
        "picture": "`LossLandscapeVisualizer(x, y, losses).plot_contour_matplotlib()`",
        "eigenvalue": "`generate_hessian_directions(model, loader, loss, max_batches=1000, "
        "max_iter=1000, tol=1e-9)`, which returns eigenvectors alone",
        "seed": "`torch.manual_seed`",
    }
    remarks: ClassVar[Mapping[str, str]] = {
        "unmoved": "its source: tensors of one dimension are scaled to their norm",
        "batchnorm": "its docstring: directions are state dictionaries, which hold the statistics",
        "everywhere": "the evaluated weights include BatchNorm's statistics, which move",
        "rescaled": "the statistics move as well",
    }

    def __init__(self, copied: bool = False) -> None:
        self._copied = copied

    def variants(self) -> Mapping[str, Tool]:
        """With a center that does not share its memory with the model."""
        return {} if self._copied else {"`center_state` copied": LossLandscape3D(copied=True)}

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan a random plane."""
        seeded(seed)
        directions = generate_random_directions(problem.model, normalize=True)
        return self._scan(problem, directions, (points, points))

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan given directions."""
        return self._scan(problem, directions, points)

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        """Draw contour lines."""
        scan = self._scan(problem, directions, points)
        visualizer = LossLandscapeVisualizer(scan.alphas, scan.betas, scan.losses)
        return visualizer.plot_contour_matplotlib()

    def leading(self, problem: Problem) -> Leading:
        """Iterate to a small tolerance over all batches."""
        seeded(0)
        first, *_ = generate_hessian_directions(
            problem.model, problem.loader, problem.loss, max_batches=1000, max_iter=1000, tol=1e-9
        )
        names = [name for name, _ in problem.model.named_parameters()]
        return Leading(None, torch.cat([first[name].flatten() for name in names]))

    def _scan(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        alphas, betas = (np.linspace(-1, 1, num) for num in points)
        calculator = LossLandscapeCalculator(problem.model, problem.loader, problem.loss)
        state = problem.model.state_dict()
        center = copy.deepcopy(state) if self._copied else state
        return Scan(alphas, betas, calculator.calculate(alphas, betas, *directions, center))


TOOL = LossLandscape3D()
