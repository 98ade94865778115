"""Spectral densities of Hessians."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.figures.pyplot import displayed_once
from landscape.figures.style import escape_mathtext, line_color

if TYPE_CHECKING:
    from landscape.curvature import Density


def spectrum(densities: Mapping[str, "Density"]) -> Figure:
    """Draw spectral densities of Hessians in one picture.

    Args:
        densities: By the net's name.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for number, (name, density) in enumerate(densities.items()):
        color = line_color(number)
        axes.semilogy(density.eigenvalues, density.values, color=color, label=escape_mathtext(name))
    peak = max(float(density.values.max()) for density in densities.values())
    axes.set_ylim(1e-6 * peak, 2 * peak)
    axes.set_xlabel("eigenvalue of the Hessian of the mean loss")
    axes.set_ylabel("density (part of all eigenvalues per unit)")
    axes.grid(alpha=0.3)
    axes.legend()
    return displayed_once(figure)
