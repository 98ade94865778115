"""Figures with matplotlib: what stands still, and what moves."""

from landscape.figures.curves import learning_curves, spectrum
from landscape.figures.fitting import KINDS, QUANTITIES, Kind, Quantity, kind_of, why_not
from landscape.figures.motion import MOTIONS, MOVIES, Motion, animate
from landscape.figures.still import FORMATS, plot, save

__all__ = [
    "FORMATS",
    "KINDS",
    "MOTIONS",
    "MOVIES",
    "QUANTITIES",
    "Kind",
    "Motion",
    "Quantity",
    "animate",
    "kind_of",
    "learning_curves",
    "plot",
    "save",
    "spectrum",
    "why_not",
]
