"""How the loss is computed at many points of a plane."""

from landscape.evaluate.chooser import PRECISIONS, Choice, Precision, choose, run, slow_way
from landscape.evaluate.values import Values

__all__ = ["PRECISIONS", "Choice", "Precision", "Values", "choose", "run", "slow_way"]
