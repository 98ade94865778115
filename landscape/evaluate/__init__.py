"""How the loss is computed at many points of a plane."""

from landscape.evaluate.sequential import evaluate
from landscape.evaluate.values import Values

__all__ = ["Values", "evaluate"]
