"""How the loss is computed at many points of a plane."""

from landscape.evaluate.chooser import choose, run, slow_way
from landscape.evaluate.values import Values

__all__ = ["Values", "choose", "run", "slow_way"]
