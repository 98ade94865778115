"""The leading eigenvalue of the Hessian does not depend on the batches."""

import torch

from conformance_checks.problems import hessian, small_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Leading Hessian eigenvalue in batches of 40, 20, 16 and 13: largest relative deviation"
EXPECTED = "below 1e-3 of the explicit float64 Hessian of the mean loss (75 parameters)"


def check(tool: Tool) -> Outcome:
    """Compare eigenvalue and eigenvector for batches of which two have a ragged last one."""
    problem = small_net()
    values, vectors = torch.linalg.eigh(hessian(problem))
    leading = int(values.abs().argmax())
    true, vector = float(values[leading]), vectors[:, leading]
    found = [tool.leading(problem.in_batches(size)) for size in (40, 20, 16, 13)]
    cosines = [abs(float(torch.dot(each.vector.double(), vector))) for each in found]
    details = "in this order, cosine to the explicit eigenvector: " + ", ".join(
        f"{each:.6f}" for each in cosines
    )
    right = min(cosines) > 0.999
    if any(each.value is None for each in found):
        return Outcome(f"eigenvector alone: cosine {min(cosines):.2g}", right, details)
    numbers = [each.value or 0.0 for each in found]
    deviation = max(abs(number / true - 1) for number in numbers)
    listed = ", ".join(f"{number:.5f}" for number in numbers)
    return Outcome(
        f"{deviation:.1e}", right and deviation < 1e-3, f"{listed}; explicit {true:.5f}; {details}"
    )
