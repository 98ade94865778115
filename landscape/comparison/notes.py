"""What a comparison depends on, as sentences: settings, spread, losses that are not finite."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from landscape.units import Unit

if TYPE_CHECKING:
    from landscape.comparison.comparing import Group

# Losses are of one scale and planes of one type if these agree.
_EQUAL = (
    "data",
    "data_sha256",
    "split",
    "images",
    "tolerance",
    "loss",
    "normalize",
    "plane",
    "batchnorm",
)


def notes(groups: Sequence["Group"]) -> Iterator[str]:
    """Yield the notes on some groups.

    Args:
        groups: The groups.
    """
    yield from _different_settings(groups)
    yield from _not_finite(groups)
    if max(len(group.surfaces) for group in groups) > 1:
        yield _spread(groups)


def _different_settings(groups: Sequence["Group"]) -> Iterator[str]:
    surfaces = [surface for group in groups for surface in group.surfaces]
    found = {key: {surface.settings.get(key) for surface in surfaces} for key in _EQUAL}
    units = {surface.unit.name for surface in surfaces}
    unit = Unit(units.pop() if len(units) == 1 else "examples")
    differing = [unit.renamed(key) for key, values in found.items() if len(values) > 1]
    if differing:
        yield (
            f"The scans differ in {', '.join(differing)} (`landscape info` shows the values): "
            "differences may be due to that."
        )


def _not_finite(groups: Sequence["Group"]) -> Iterator[str]:
    for group in groups:
        share = float(np.mean([~np.isfinite(surface.losses) for surface in group.surfaces]))
        if share:
            yield (
                f"{group.name}: {share:.2g} of the points are not finite; they count as above "
                "every level, and are left out of curvatures and fits."
            )


def _spread(groups: Sequence["Group"]) -> str:
    over = {"trainings" if group.trainings > 1 else "planes" for group in groups}
    text = f"± is the standard deviation over {' or '.join(sorted(over))}."
    if "planes" in over:
        text += (
            " Planes through one training do not show how much trainings of the same network "
            "vary: what is called different also has the smallest effect of its measure, above "
            "what trainings of small networks differed by."
        )
    return text
