"""The interactive page with plotly: surfaces side by side, in one file that works offline."""

import os
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from landscape.atomic import replacing
from landscape.errors import LandscapeError
from landscape.scale import COLORS, Scale, ScaleKind
from landscape.surface import Surface

# Nothing may leave the page: newer versions of plotly.js offer an upload by default.
_CONFIG = {
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displaylogo": False,
    "responsive": True,
}

_HOVER = (
    "α %{x:.4g}, β %{y:.4g}<br>loss %{customdata[0]}<br>accuracy %{customdata[1]}"
    "<extra>%{fullData.name}</extra>"
)


def view(
    surfaces: Sequence[Surface],
    html: str | Path | None = None,
    *,
    scale: ScaleKind = "auto",
    maximum: float | None = None,
    open_browser: bool | None = None,
) -> Path:
    """Write a page with surfaces side by side, and open it.

    Args:
        surfaces: One or more.
        html: Where to write; by default a temporary file.
        scale: ``linear``, ``log``, or ``auto``: log where losses span a factor of 100.
        maximum: Losses above are drawn at this height; the page says so.
        open_browser: By default only where ``html`` is not given. Without a display nothing
            is opened.

    Returns:
        The page's path.

    Raises:
        LandscapeError: There is nothing to draw.
        OSError: The page cannot be written.
    """
    if html is None:
        path = Path(tempfile.mkdtemp(prefix="landscape-")) / "landscape.html"
    else:
        path = Path(html)
    page = figure(surfaces, scale=scale, maximum=maximum).to_html(
        config=dict(_CONFIG), include_plotlyjs=True, full_html=True, default_height="100vh"
    )
    title = ", ".join(surface.name for surface in surfaces)
    page = page.replace("<head>", f"<head><title>{escape(title)}</title>", 1)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if open_browser or (open_browser is None and html is None):
        _open(path)
    return path


def figure(
    surfaces: Sequence[Surface], *, scale: ScaleKind = "auto", maximum: float | None = None
) -> go.Figure:
    """Return plotly's figure of surfaces side by side on one scale.

    Args:
        surfaces: One or more.
        scale: See :func:`view`.
        maximum: See :func:`view`.

    Raises:
        ValueError: No surfaces.
        LandscapeError: There is nothing to draw.
    """
    if not surfaces:
        raise ValueError("expected one surface or more")
    lines = [surface.name for surface in surfaces if min(surface.grid.shape) < 2]
    if lines:
        raise LandscapeError(f"{lines[0]} is a line, not a surface: draw it with `landscape plot`")
    surfaces = [surface.median for surface in surfaces]
    common = Scale.of(surfaces, scale, maximum)
    low, high = common.limits
    levels = common.levels(8)
    ticks = {"tickvals": common.heights(levels).tolist(), "ticktext": [*map(Scale.label, levels)]}
    result = go.Figure()
    width = 1 / len(surfaces)
    clipped = f", cut at {Scale.label(common.high)}" if common.clipped else ""
    unit = f"mean loss{' (log scale)' if common.log else ''}{clipped}"
    for number, surface in enumerate(surfaces):
        scene = "scene" if number == 0 else f"scene{number + 1}"
        result.add_trace(
            go.Surface(
                x=surface.grid.alphas,
                y=surface.grid.betas,
                z=common.heights(surface.filled()).T,
                customdata=_hover_texts(surface),
                hovertemplate=_HOVER,
                name=surface.name,
                scene=scene,
                cmin=low,
                cmax=high,
                colorscale="Viridis",
                showscale=number == 0,
                colorbar={"title": {"text": unit, "side": "right"}, "len": 0.7, **ticks},
                lighting={"ambient": 0.55, "diffuse": 0.7, "specular": 0.15, "roughness": 0.6},
            )
        )
        for trace in _beside(surface, common):
            result.add_trace(trace.update(scene=scene))
        result.update_layout(
            {
                scene: {
                    "domain": {"x": [number * width, (number + 1) * width - 0.01], "y": [0, 0.93]},
                    "xaxis": {"title": {"text": "α"}},
                    "yaxis": {"title": {"text": "β"}},
                    "zaxis": {"title": {"text": ""}, "range": [low, high], **ticks},
                    "aspectmode": "manual",
                    "aspectratio": {"x": 1, "y": 1, "z": 0.75},
                    "camera": {
                        "eye": {"x": 1.4, "y": -1.65, "z": 0.95},
                        "center": {"x": 0, "y": 0, "z": -0.12},
                    },
                }
            }
        )
        result.add_annotation(
            text=_title(surface),
            x=(number + 0.5) * width,
            y=1,
            xref="paper",
            yref="paper",
            showarrow=False,
        )
    result.update_layout(template="plotly_white", margin={"l": 10, "r": 10, "t": 30, "b": 10})
    return result


def _title(surface: Surface) -> str:
    note = "" if surface.is_complete else f" ({surface.evaluated.mean():.0%} of the points)"
    return f"<b>{escape(surface.name)}</b>{note}"


def _beside(surface: Surface, scale: Scale) -> list[go.Scatter3d]:
    """Return paths and marks at their own losses: they need not lie on the surface."""
    traces = []
    for number, path in enumerate(surface.paths):
        numbers = np.stack([path.steps, path.losses, path.plane_losses, path.distances], 1)
        traces.append(
            go.Scatter3d(
                x=path.alphas,
                y=path.betas,
                z=scale.heights(path.losses),
                customdata=[[f"{value:.4g}" for value in row] for row in numbers],
                hovertemplate=f"{escape(path.unit)} %{{customdata[0]}}<br>own loss "
                "%{customdata[1]}<br>on the plane %{customdata[2]}<br>"
                "off the plane by %{customdata[3]}<extra>%{fullData.name}</extra>",
                name=path.name,
                mode="lines+markers",
                line={"color": COLORS[number % len(COLORS)], "width": 5},
                marker={"size": 3, "color": COLORS[number % len(COLORS)]},
                showlegend=False,
            )
        )
    if surface.marks:
        traces.append(
            go.Scatter3d(
                x=[mark.alpha for mark in surface.marks],
                y=[mark.beta for mark in surface.marks],
                z=scale.heights(np.array([mark.loss for mark in surface.marks])),
                text=[mark.name for mark in surface.marks],
                customdata=[f"{mark.loss:.4g}" for mark in surface.marks],
                hovertemplate="%{text}<br>own loss %{customdata}<extra></extra>",
                mode="markers+text",
                marker={"size": 4, "color": "black", "symbol": "diamond"},
                name="marks",
                showlegend=False,
            )
        )
    return traces


def _hover_texts(surface: Surface) -> NDArray[np.object_]:
    """Return true loss and accuracy as texts, shape (num_betas, num_alphas, 2)."""
    texts = np.empty((*surface.grid.shape, 2), dtype=object)
    for index in np.ndindex(*surface.grid.shape):
        if surface.evaluated[index]:
            loss, error = surface.losses[index], surface.standard_errors[index]
            accuracy = surface.accuracies[index]
            texts[index] = (
                f"{loss:.4g}" + (f" ± {error:.2g}" if np.isfinite(error) else ""),
                "not defined" if np.isnan(accuracy) else f"{accuracy:.1%}",
            )
        else:
            texts[index] = "not evaluated"
    swapped: NDArray[np.object_] = texts.transpose(1, 0, 2)
    return swapped


def _open(path: Path) -> None:
    """Open a page in the browser where there is a display."""
    needs_display = sys.platform not in ("darwin", "win32")
    if needs_display and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    webbrowser.open(path.resolve().as_uri())
