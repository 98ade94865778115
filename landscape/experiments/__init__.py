"""Claims of the literature about why deep networks train, each re-run by one file.

An experiment is a function of a :class:`Lab`, written with the public interface. It states what
must be seen if the claim is true, and what was measured::

    >>> from landscape import experiments
    >>> "skip" in experiments.NAMES
    True
"""

from landscape.experiments.lab import Lab, Scale
from landscape.experiments.running import NAMES, run
from landscape.experiments.verdict import Statement, Verdict, committed

__all__ = ["NAMES", "Lab", "Scale", "Statement", "Verdict", "committed", "run"]
