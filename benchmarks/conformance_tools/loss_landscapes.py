"""loss-landscapes, by its README and docstrings."""

import copy
from collections.abc import Mapping
from typing import ClassVar

import loss_landscapes
import numpy as np
import torch
from loss_landscapes.metrics import Loss
from torch import nn

from conformance_checks.problems import Problem, State
from conformance_checks.tool import NotOfferedError, Scan, Tool, seeded


class LossLandscapes(Tool):
    """Its functions return a square array without coordinates."""

    name = "loss-landscapes"
    calls: ClassVar[Mapping[str, str]] = {
        "random plane": "`random_plane(model, Loss(loss, x, y), steps=n, normalization='filter', "
        "deepcopy_model=True)`, with an even n, for which its comments place the model at [n/2, "
        "n/2]",
        "given directions": "`planar_interpolation(a, b, c, Loss(loss, x, y), steps=n, "
        "deepcopy_model=True)` from the model a at (-1, -1) to b at (1, -1) and c at (-1, 1); "
        "element [i, j] is i/n of the first and j/n of the second by its comments",
        "seed": "`torch.manual_seed`",
    }
    remarks: ClassVar[Mapping[str, str]] = {
        "centered": "its docstring: entries are sampled uniformly from [0, 1]",
        "unmoved": "its comments: one-dimensional tensors are normalized as well",
        "mode": "the mode is left to the caller",
        "caller": "by its docstring `deepcopy_model=True` avoids aliasing; the default is False",
    }

    def __init__(self, deepcopy: bool = True) -> None:
        self._deepcopy = deepcopy

    def variants(self) -> Mapping[str, Tool]:
        """What happens by default."""
        return (
            {"with `deepcopy_model=False`": LossLandscapes(deepcopy=False)}
            if self._deepcopy
            else {}
        )

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan with an even number of steps."""
        steps = points + points % 2
        seeded(seed)
        losses = loss_landscapes.random_plane(
            problem.model,
            self._metric(problem),
            steps=steps,
            normalization="filter",
            deepcopy_model=self._deepcopy,
        )
        axis = np.arange(steps) / steps - 0.5
        return Scan(axis, axis, losses)

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan from the model at (-1, -1) towards those at (1, -1) and (-1, 1)."""
        corners = [_moved(problem, directions, *at) for at in ((-1, -1), (1, -1), (-1, 1))]
        steps = points[0]
        losses = loss_landscapes.planar_interpolation(
            *corners, self._metric(problem), steps=steps, deepcopy_model=True
        )
        axis = 2 * np.arange(steps) / steps - 1
        return Scan(axis, axis, losses)

    def _metric(self, problem: Problem) -> Loss:
        if problem.size:
            raise NotOfferedError("its `Loss` takes all data as one batch")
        return Loss(problem.loss, problem.x, problem.y)


def _moved(
    problem: Problem, directions: tuple[State, State], alpha: float, beta: float
) -> nn.Module:
    model = copy.deepcopy(problem.model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(alpha * directions[0][name] + beta * directions[1][name])
    return model


TOOL = LossLandscapes()
