"""Surfaces as objects of other libraries: plotly, xarray, pandas."""

from typing import TYPE_CHECKING, Any

import numpy as np

from landscape.coordinates import axis_labels

if TYPE_CHECKING:
    import pandas
    import xarray
    from plotly import graph_objects as go

    from landscape.surface import Surface

_ARRAYS = ("losses", "accuracies", "standard_errors", "evaluated", "examples")  # of all surfaces
_VALUES = ("loss", "accuracy", "standard_error")


def to_plotly(surface: "Surface") -> "go.Figure":
    """Return the median surface as a plotly figure, or the line as a curve.

    Args:
        surface: The surface.
    """
    from plotly import graph_objects as go

    middle = surface.median
    losses = np.where(middle.evaluated, middle.losses, np.nan)
    alphas, betas = surface.grid.alphas, surface.grid.betas
    trace: Any
    axes: dict[str, Any]
    if surface.is_line:
        trace = go.Scatter(x=alphas, y=losses[:, 0], name=surface.name)
        axes = {"xaxis_title": axis_labels(surface)[0], "yaxis_title": surface.quantity}
    else:
        trace = go.Surface(x=alphas, y=betas, z=losses.T, name=surface.name)
        titles = (*axis_labels(surface), surface.quantity)
        axes = {
            "scene": {
                f"{axis}axis": {"title": {"text": title}}
                for axis, title in zip("xyz", titles, strict=True)
            }
        }
    return go.Figure(trace, layout={"title": {"text": surface.name}, **axes})


def to_xarray(surface: "Surface") -> "xarray.Dataset":
    """Return all seeds as a data set with dimensions seed, alpha and beta.

    Args:
        surface: The surface.

    Raises:
        ImportError: xarray is not installed.
    """
    import xarray

    dimensions = ("seed", "alpha", "beta")
    return xarray.Dataset(
        {
            name: (dimensions, np.stack([each.array(name) for each in surface.seeds]))
            for name in (*_ARRAYS, *surface.metrics)
        },
        {
            "seed": [int(s.settings.get("seed", k)) for k, s in enumerate(surface.seeds)],
            "alpha": surface.grid.alphas,
            "beta": surface.grid.betas,
        },
        {**surface.settings, **surface.provenance},
    )


def to_dataframe(surface: "Surface") -> "pandas.DataFrame":
    """Return the evaluated points of all seeds as rows.

    Args:
        surface: The surface.

    Raises:
        ImportError: pandas is not installed.
    """
    import pandas

    rows = [
        {
            "seed": int(each.settings.get("seed", number)),
            "alpha": alpha,
            "beta": beta,
            **dict(zip(_VALUES, values, strict=False)),
            **values.metrics,
        }
        for number, each in enumerate(surface.seeds)
        for alpha, beta, values in each
    ]
    columns = ["seed", "alpha", "beta", *_VALUES, *surface.metrics]
    return pandas.DataFrame(rows, columns=columns)
