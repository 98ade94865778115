"""A quadratic bowl with a known answer: not transposed, mirrored, scrambled or off center."""

import numpy as np
from torch import Tensor

from conformance_checks.problems import AXES, Problem, of_displacement
from conformance_checks.tool import Outcome, Scan, Tool

TITLE = "Bowl along two given directions: offset of its minimum, and scatter of the losses"
EXPECTED = "both below 0.01 of the range; 9×6 points where the axes may differ, else 9×9"
BOUND = 0.01


def height(u: Tensor, v: Tensor) -> Tensor:
    """A bowl that no transposition and no reflection maps to itself."""
    return (u - 0.25) ** 2 + 3 * (v + 0.5) ** 2 + 1


def bowl() -> Problem:
    """Return the problem whose loss is the bowl."""
    return of_displacement(height)


def check(tool: Tool) -> Outcome:
    """Fit a quadratic function, which the bowl is, to the losses over the coordinates."""
    scan = tool.along(bowl(), AXES, (9, 9 if tool.square else 6))
    c, scatter = _fit(scan)
    if min(c[3], c[4]) <= 0:
        return Outcome("no bowl", False, f"curvatures {c[3]:.3g} and {c[4]:.3g}")
    # The unit of the coordinates is the tool's: curvatures 2 and 6 give it, of each axis.
    units = np.sqrt([c[3], c[4] / 3])
    lowest = np.array([-c[1] / (2 * c[3]), -c[2] / (2 * c[4])]) * units
    offset = float(np.abs(lowest - (0.25, -0.5)).max())
    ratio = float(units[1] / units[0])
    right = offset < BOUND and scatter < BOUND and abs(ratio - 1) < BOUND
    measured = f"{offset:.1e}, {scatter:.1e}"
    details = (
        f"{len(scan.alphas)}×{len(scan.betas)} points; minimum at ({lowest[0]:.3f}, "
        f"{lowest[1]:.3f}), expected (0.25, -0.5); unit of β over that of α {ratio:.3f}"
    )
    return Outcome(measured, right, details)


def _fit(scan: Scan) -> tuple[list[float], float]:
    """Return the coefficients of 1, α, β, α², β², αβ, and the median deviation per range."""
    a, b = (axis.ravel() for axis in np.meshgrid(scan.alphas, scan.betas, indexing="ij"))
    columns = np.stack([np.ones_like(a), a, b, a**2, b**2, a * b], axis=1)
    values = scan.losses.ravel()
    found, *_ = np.linalg.lstsq(columns, values, rcond=None)
    scatter = np.median(np.abs(columns @ found - values)) / np.ptp(values)
    return [float(each) for each in found], float(scatter)
