"""A model that is given in training mode is evaluated in evaluation mode."""

from conformance_checks.center import of_center
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "Model given in training mode: deviation of the loss at the center"
EXPECTED = "below 1e-5 from the loss in evaluation mode"


def check(tool: Tool) -> Outcome:
    """Scan a model with dropout and BatchNorm."""
    problem = conv_net()
    problem.model.train()
    return of_center(tool, problem, 5)
