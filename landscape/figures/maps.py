"""A map of the curvature over the plane."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.figures.captions import caption, write
from landscape.figures.parts import edges, flat, name_axes, outlined
from landscape.surface import Surface


def draw_curvature(
    surfaces: Sequence[Surface],
    size: tuple[float, float] | None,
    captions: Sequence[str] | None = None,
) -> Figure:
    """Draw |λ_min / λ_max| over the grid.

    Args:
        surfaces: With curvature.
        size: Width and height in inches.
        captions: What stands above each, instead of its name and how far it is.
    """
    figure, every = plt.subplots(
        1,
        len(surfaces),
        figsize=size or (5.0 * len(surfaces) + 0.6, 4.6),
        layout="constrained",
        squeeze=False,
    )
    image: Any = None
    told = []
    for axes, surface in zip(every[0], surfaces, strict=True):
        curvature: Any = surface.curvature
        flat(axes, surface)
        image = axes.pcolormesh(
            edges(surface.grid.alphas),
            edges(surface.grid.betas),
            np.ma.masked_invalid(
                replace(surface, evaluated=curvature.state > 0).filled(curvature.ratio).T
            ),
            norm=Normalize(0, 1),
            cmap="cividis",
            rasterized=True,
        )
        loose = np.argwhere(curvature.state == 2)
        axes.plot(
            surface.grid.alphas[loose[:, 0]],
            surface.grid.betas[loose[:, 1]],
            "x",
            markersize=3,
            **outlined("w", "k", 2),
        )
        notes = [] if not len(loose) else [f"× {len(loose)} points not converged"]
        done = (curvature.state > 0).mean()
        notes += [] if done == 1 else [f"{done:.0%} of the points"]
        told.append(caption(surface, ", ".join(notes)))
        name_axes(axes, surface)
    bar = figure.colorbar(image, ax=list(every[0]), shrink=0.8, extend="max")
    bar.set_label(r"$|\lambda_{\min} / \lambda_{\max}|$ of the Hessian")
    write(list(every[0]), captions or told)
    return figure
