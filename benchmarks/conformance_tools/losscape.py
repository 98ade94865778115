"""losscape, by its README and docstrings."""

import tempfile
from collections.abc import Mapping
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np
from losscape.create_landscape import create_3D_losscape
from matplotlib import pyplot as plt

from conformance_checks.problems import Problem, State
from conformance_checks.tool import Scan, Tool, seeded


class Losscape(Tool):
    """Its function draws a picture and returns meshgrids of coordinates and losses."""

    name = "losscape"
    calls: ClassVar[Mapping[str, str]] = {
        "random plane": "`create_3D_losscape(model, loader, criterion=loss, num_batches=all, "
        "save_only=True, num_points=n)`, which draws its directions itself",
        "given directions": "the same with `directions=[δ, η]`",
        "picture": "the figure that it saves",
        "seed": "`torch.manual_seed`",
    }
    remarks: ClassVar[Mapping[str, str]] = {
        "filters": "its docstring: directions are normalized according to Li et al.; its source "
        "scales every tensor by one factor",
        "rescaled": "the same factor for all filters of a tensor",
        "zeros": "the same factor for all filters of a tensor",
        "mode": "the mode is left to the caller",
        "caller": "in training mode a forward pass updates BatchNorm's statistics",
    }

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """Scan a random plane."""
        seeded(seed)
        return self._scan(problem, points)

    def along(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Scan:
        """Scan given directions."""
        return self._scan(problem, points[0], directions)

    def picture(
        self, problem: Problem, directions: tuple[State, State], points: tuple[int, int]
    ) -> Any:
        """Keep the figure, which it clears after it is saved."""
        plt.close("all")
        with patch("matplotlib.pyplot.clf"):
            self._scan(problem, points[0], directions)
        return plt.gcf()

    def _scan(
        self, problem: Problem, points: int, directions: tuple[State, State] | None = None
    ) -> Scan:
        names = [name for name, _ in problem.model.named_parameters()]
        with tempfile.TemporaryDirectory() as folder:
            x, y, losses = create_3D_losscape(
                problem.model,
                problem.loader,
                directions=directions and [[d[name] for name in names] for d in directions],
                criterion=problem.loss,
                num_batches=len(problem.loader),
                save_only=True,
                output_path=folder,
                num_points=points,
            )
        return Scan(np.asarray(x[0]), np.asarray(y[:, 0]), np.asarray(losses).T)


TOOL = Losscape()
