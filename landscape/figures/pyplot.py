"""How figures live with pyplot and with the inline figures of notebooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


@contextmanager
def settings(values: Mapping[Any, Any]) -> Iterator[None]:
    """Set some of matplotlib's parameters for a while, and leave all others alone.

    ``matplotlib.rc_context`` puts back *all* parameters at its end, also those that others set
    meanwhile. The inline backend of notebooks is loaded with the first figure and sets
    ``interactive`` then; without that no figure of the notebook is displayed.

    Args:
        values: By the name of the parameter.
    """
    before = {name: matplotlib.rcParams[name] for name in values}
    try:
        matplotlib.rcParams.update(values)
        yield
    finally:
        matplotlib.rcParams.update(before)


def displayed_once(figure: Figure) -> Figure:
    """Let a figure of pyplot appear once in a notebook, also as the value of a cell.

    The inline backend displays pyplot's open figures at the end of a cell, and the notebook the
    value of its last line. What has been displayed as a value is closed in pyplot.

    Args:
        figure: The figure; also a user-supplied one.

    Returns:
        The same figure.
    """
    vars(figure)["_repr_mimebundle_"] = partial(_leave_pyplot, figure)
    return figure


def _leave_pyplot(figure: Figure, **_: Any) -> Mapping[str, Any]:
    """Return the formats in which a notebook displays a figure, having closed it in pyplot."""
    if matplotlib.get_backend().endswith("inline"):
        plt.close(figure.canvas.figure)
    return {}
