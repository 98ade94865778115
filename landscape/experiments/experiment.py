"""A claim, and the function that examines it."""

from collections.abc import Callable
from dataclasses import dataclass

from landscape.experiments.lab import Lab


@dataclass(frozen=True)
class Experiment:
    """A claim, and the function that examines it.

    Attributes:
        claim: The claim.
        source: Where it is made.
        examine: States what is seen.
    """

    claim: str
    source: str
    examine: Callable[[Lab], None]


def experiment(*, claim: str, source: str) -> Callable[[Callable[[Lab], None]], Experiment]:
    """Make a function the experiment of its module.

    Args:
        claim: The claim.
        source: Where it is made.

    Returns:
        A decorator.
    """
    return lambda examine: Experiment(claim, source, examine)
