"""The figure kind ``curvature``: local convexity along the plane."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.figures.captions import caption, convergence, put_above, with_planes, write
from landscape.figures.kinds import CAMERA, FigureKind, Request, needs_area, register
from landscape.figures.overlay import draw_crosses, draw_dots
from landscape.figures.quantities import CURVATURE
from landscape.figures.style import edges, flat, ink, name_axes
from landscape.surface import Surface

_CMAP = "cividis"


def draw_curvature(request: Request) -> Figure:
    """Draw |λ_min / λ_max| over the grid.

    Args:
        request: What is drawn.

    Returns:
        The figure.
    """
    surfaces = request.surfaces
    figure, every = plt.subplots(
        1,
        len(surfaces),
        figsize=request.size or (5.0 * len(surfaces) + 0.6, 4.6),
        layout="constrained",
        squeeze=False,
    )
    image: Any = None
    captions = []
    for axes, surface in zip(every[0], surfaces, strict=True):
        curvature: Any = surface.curvature
        flat(axes, surface)
        image = axes.pcolormesh(
            edges(surface.grid.alphas),
            edges(surface.grid.betas),
            np.ma.masked_invalid(
                replace(surface, evaluated=curvature.evaluated).interpolated(curvature.ratio).T
            ),
            norm=Normalize(0, 1),
            cmap=_CMAP,
            rasterized=True,
        )
        if request.evaluated:
            known = curvature.evaluated & curvature.converged  # crosses mark the others
            draw_dots(axes, surface.grid, known, ink(_CMAP, np.clip(curvature.ratio[known], 0, 1)))
        draw_crosses(axes, surface.grid, curvature.not_converged)
        notes = ", ".join(convergence(curvature))
        captions.append(caption(surface, notes, evaluated=request.evaluated))
        name_axes(axes, surface)
    bar = figure.colorbar(image, ax=list(every[0]), shrink=0.8, extend="max")
    bar.set_label(CURVATURE["ratio"])
    write(list(every[0]), request.captions or with_planes(surfaces, captions))
    if request.title:
        put_above(figure, request.title)
    return figure


def _needs_curvature(surface: Surface) -> str | None:
    curvature = surface.curvature
    if curvature is None or not curvature.evaluated.any():
        return " has no eigenvalues: scan it with quantities=('loss', 'curvature')"
    return needs_area(surface)


register(
    FigureKind(
        "curvature",
        "|λ_min / λ_max| of the Hessian (Li et al. 2018, section 6)",
        draw_curvature,
        unsuitable=_needs_curvature,
        ignores=("levels", "cmap", "scale", "maximum", "quantity", *CAMERA),
        quantities=False,
        takes_axes=False,
    )
)
