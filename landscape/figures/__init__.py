"""Static figures and animations with matplotlib."""

# Every type of figure registers itself when its file is imported; this is their order.
from landscape.figures import relief, contour, heatmap, lines, paths, curvature  # noqa: F401, I001
from landscape.figures.animation import MOTIONS, MOVIES, Motion, animate
from landscape.figures.comparison import comparison
from landscape.figures.figure import FORMATS, plot, save
from landscape.figures.kinds import FigureKind, kind_named, reason_not_drawn, register, registered
from landscape.figures.learning import learning_curves
from landscape.figures.quantities import Quantity
from landscape.figures.spectrum import spectrum
from landscape.figures.summary import html_summary

__all__ = [
    "FORMATS",
    "MOTIONS",
    "MOVIES",
    "FigureKind",
    "Motion",
    "Quantity",
    "animate",
    "comparison",
    "html_summary",
    "kind_named",
    "learning_curves",
    "plot",
    "reason_not_drawn",
    "register",
    "registered",
    "save",
    "spectrum",
]
