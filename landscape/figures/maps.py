"""A map of the curvature over the plane."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.errors import LandscapeError
from landscape.figures.parts import edges, flat, plain
from landscape.surface import Surface


def draw_curvature(surfaces: Sequence[Surface], size: tuple[float, float] | None) -> Figure:
    """Draw |λ_min / λ_max| over the grid."""
    figure, every = plt.subplots(
        1,
        len(surfaces),
        figsize=size or (5.0 * len(surfaces) + 0.6, 4.6),
        layout="constrained",
        squeeze=False,
    )
    image: Any = None
    for axes, surface in zip(every[0], surfaces, strict=True):
        curvature = surface.curvature
        if curvature is None or not (curvature.state > 0).any():
            raise LandscapeError(f"{surface.name} holds no eigenvalues: scan it with --curvature")
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
            color="w",
            markersize=3,
        )
        notes = [] if not len(loose) else [f"× {len(loose)} points not converged"]
        done = (curvature.state > 0).mean()
        notes += [] if done == 1 else [f"{done:.0%} of the points"]
        axes.set_title("\n".join([plain(surface.name), ", ".join(notes)]))
        axes.set_xlabel("α, along δ")
        axes.set_ylabel("β, along η")
    bar = figure.colorbar(image, ax=list(every[0]), shrink=0.8, extend="max")
    bar.set_label(r"$|\lambda_{\min} / \lambda_{\max}|$ of the Hessian")
    return figure
