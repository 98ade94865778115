"""PyHessian, by its docstrings."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pyhessian import hessian

from conformance_checks.problems import Problem
from conformance_checks.tool import Leading, NotOfferedError, Scan, Tool, seeded


class PyHessian(Tool):
    """It computes eigenvalues, and scans nothing."""

    name = "pyhessian"
    calls: ClassVar[Mapping[str, str]] = {
        "eigenvalue": "`hessian(model, loss, dataloader=loader, cuda=False).eigenvalues("
        "maxIter=1000, tol=1e-7)`",
        "seed": "`torch.manual_seed`",
    }

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        """It has no scans."""
        raise NotOfferedError("the Hessian alone")

    def leading(self, problem: Problem) -> Leading:
        """Iterate to a small tolerance."""
        seeded(0)
        calculator = hessian(problem.model, problem.loss, dataloader=problem.loader, cuda=False)
        values, vectors = calculator.eigenvalues(maxIter=1000, tol=1e-7)
        return Leading(float(values[0]), torch.cat([each.flatten() for each in vectors[0]]))


TOOL = PyHessian()
