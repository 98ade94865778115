"""Figures with matplotlib: what stands still, and what moves."""

from landscape.figures.curves import learning_curves, spectrum
from landscape.figures.motion import MOTIONS, MOVIES, Motion, animate
from landscape.figures.still import FORMATS, KINDS, Kind, plot, save

__all__ = [
    "FORMATS",
    "KINDS",
    "MOTIONS",
    "MOVIES",
    "Kind",
    "Motion",
    "animate",
    "learning_curves",
    "plot",
    "save",
    "spectrum",
]
