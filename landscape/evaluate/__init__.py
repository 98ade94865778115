"""How the loss is computed at many points of a plane."""

from landscape.evaluate.chooser import Choice, choose, run, slow_way, values_at
from landscape.evaluate.precision import PRECISIONS, Precision, check_precision, kernels
from landscape.evaluate.values import Values
from landscape.evaluate.workers import NotSpreadError, spread

__all__ = [
    "PRECISIONS",
    "Choice",
    "NotSpreadError",
    "Precision",
    "Values",
    "check_precision",
    "choose",
    "kernels",
    "run",
    "slow_way",
    "spread",
    "values_at",
]
