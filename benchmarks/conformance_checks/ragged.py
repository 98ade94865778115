"""The mean loss is that of all examples, whatever the batches."""

from conformance_checks.center import of_center
from conformance_checks.problems import conv_net
from conformance_checks.tool import Outcome, Tool

TITLE = "50 examples in batches of 16, the last of 2: deviation of the loss at the center"
EXPECTED = "below 1e-5"


def check(tool: Tool) -> Outcome:
    """Scan with a ragged last batch."""
    return of_center(tool, conv_net().in_batches(16), 5)
