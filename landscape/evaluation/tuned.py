"""The result of choosing a plan."""

from dataclasses import dataclass

from landscape.evaluation.plan import Plan
from landscape.evaluation.strategy import Strategy


@dataclass(frozen=True)
class Tuned:
    """A plan that agrees with the reference, and its speed.

    Attributes:
        plan: The selected plan.
        seconds_per_point: Its measured time for one point.
        deviation: Largest relative deviation of its losses from the reference plan's, over
            the probes and a part of the data.
        strategy: Its strategy for all data, where making it again would take long.
        trials: A line for every trial.
    """

    plan: Plan
    seconds_per_point: float
    deviation: float
    strategy: Strategy | None = None
    trials: tuple[str, ...] = ()
