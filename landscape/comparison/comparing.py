"""``compare``: measures of several surfaces, and in which they differ."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.comparison import text
from landscape.comparison.notes import notes
from landscape.comparison.significance import Difference, differences
from landscape.diagnostics import Finding, check
from landscape.errors import LandscapeError
from landscape.geometry import Measure, measures
from landscape.naming import numbered
from landscape.surface import Surface


@dataclass(frozen=True, eq=False)
class Group:
    """Surfaces of one network, and their measures.

    Attributes:
        name: Name of the network or file.
        surfaces: One for each plane.
        values: The measures of each sample, shape (samples, measures). A sample is a plane, or
            if the surfaces are of several trainings, the mean over the planes of a training.
        trainings: Number of trainings.
    """

    name: str
    surfaces: tuple[Surface, ...]
    values: NDArray[np.float64]
    trainings: int

    __repr__ = brief

    @classmethod
    def of(cls, name: str, surfaces: Sequence[Surface], measured: Sequence[Measure]) -> "Group":
        """Measure surfaces.

        Args:
            name: Name of the group.
            surfaces: Surfaces of one or several trainings, each of one or several planes.
            measured: The measures.

        Returns:
            The group.
        """
        planes = tuple(plane for surface in surfaces for plane in surface.seeds)
        values = np.array([[float(m.function(plane)) for m in measured] for plane in planes])
        weights = [str(plane.settings.get("weights_sha256", "")) for plane in planes]
        trainings = sorted(set(weights), key=weights.index)
        if len(trainings) > 1:
            of_each = [np.array(weights) == training for training in trainings]
            values = np.array([values[mask].mean(axis=0) for mask in of_each])
        return cls(name, planes, values, len(trainings))

    @property
    def samples(self) -> str:
        """What the values are the spread of: ``3 planes`` or ``3 trainings``."""
        unit = "training" if self.trainings > 1 else "plane"
        return f"{len(self.values)} {unit}{'s' if len(self.values) > 1 else ''}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measures of groups of surfaces; ``str`` returns the table and what differs.

    Attributes:
        groups: The groups.
        measures: The measures, in the order of the groups' values.
        notes: What the numbers depend on, as sentences.
        findings: What is wrong with a surface, or probably is, with the name of the surface.
    """

    groups: tuple[Group, ...]
    measures: tuple[Measure, ...]
    notes: tuple[str, ...]
    findings: tuple[tuple[str, Finding], ...] = ()

    __repr__ = brief

    def differences(self, first: int = 0, second: int = 1) -> tuple[Difference, ...]:
        """Return for each measure whether two groups differ in it.

        Args:
            first: Index of a group.
            second: Index of the other group.
        """
        return differences(self.measures, self.groups[first].values, self.groups[second].values)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Indices of every two groups."""
        return list(combinations(range(len(self.groups)), 2))

    def values(self, name: str) -> dict[str, list[float]]:
        """Return the samples of one measure, by name of the group.

        Args:
            name: Name of the measure.
        """
        column = [measure.name for measure in self.measures].index(name)
        return {group.name: group.values[:, column].tolist() for group in self.groups}

    def __str__(self) -> str:
        return text.report(self)


def compare(
    *surfaces: Surface | Sequence[Surface],
    level: float | None = None,
    names: Sequence[str] | None = None,
) -> Comparison:
    """Measure surfaces on one grid, and test in which measures they differ.

    The samples of a surface are its planes (seeds). Their spread does not cover that of several
    trainings; to cover it, pass the surfaces of all trainings of a network as one sequence. See
    :func:`landscape.geometry.measures` for the measures, and
    :func:`landscape.comparison.differences` for the test.

    Args:
        *surfaces: One or more, each a complete surface or a sequence of surfaces of several
            trainings.
        level: Loss below which the area is measured; by default that of guessing, ln(classes), of
            a cross-entropy, else the median loss.
        names: Names instead of the surfaces' own.

    Returns:
        The comparison; ``print`` shows it, with the findings of :func:`landscape.check`.

    Raises:
        ValueError: No surfaces, or a wrong number of names.
        LandscapeError: The surfaces are on different grids, or not complete.

    Example:
        >>> import numpy as np
        >>> from landscape import Grid, Surface
        >>> def surface(name, ripple):
        ...     made = Surface.empty(Grid.regular(21), {}, {"name": name})
        ...     a, b = np.meshgrid(made.grid.alphas, made.grid.betas, indexing="ij")
        ...     made.losses[:] = 1 + 5 * (a**2 + b**2) + ripple * np.sin(9 * a) * np.sin(9 * b)
        ...     made.evaluated[:] = made.examples[:] = 1
        ...     return made
        >>> comparison = compare(surface("smooth", 0.0), surface("rippled", 1.0))
        >>> comparison.values("local minima")
        {'smooth': [1.0], 'rippled': [2.0]}
    """
    if not surfaces or not all(surfaces):
        raise ValueError("expected one surface or more")
    parts = [(each,) if isinstance(each, Surface) else tuple(each) for each in surfaces]
    names = [part[0].name for part in parts] if names is None else names
    if len(names) != len(parts):
        raise ValueError(f"expected {len(parts)} names, got {len(names)}")
    every = [surface for part in parts for surface in part]
    _check_grids(every)
    level = _usual_level(every) if level is None else level
    measured = measures(every[0].grid, level)
    names = numbered(names)
    groups = tuple(Group.of(name, part, measured) for name, part in zip(names, parts, strict=True))
    return Comparison(groups, measured, tuple(notes(groups)), tuple(_findings(names, parts)))


def _findings(
    names: Sequence[str], parts: Sequence[Sequence[Surface]]
) -> Iterator[tuple[str, Finding]]:
    """Yield the findings of :func:`landscape.check`, each with its surface's name."""
    for name, part in zip(names, parts, strict=True):
        for number, surface in enumerate(part, 1):
            title = name if len(part) == 1 else f"{name}, {number} of {len(part)}"
            yield from ((title, finding) for finding in check(surface))


def _check_grids(surfaces: Sequence[Surface]) -> None:
    first = surfaces[0]
    for other in surfaces[1:]:
        if other.grid != first.grid:
            raise LandscapeError(
                f"expected surfaces on one grid, got {first.name} with {first.grid}, and "
                f"{other.name} with {other.grid}: scan them with the same points and ranges"
            )


def _usual_level(surfaces: Sequence[Surface]) -> float:
    """Return ln(classes) of cross-entropies over one number of classes, else the median loss."""
    classes = {s.provenance.get("classes") if s.is_cross_entropy else None for s in surfaces}
    num = classes.pop() if len(classes) == 1 else None
    if isinstance(num, int | float) and num > 1:
        return math.log(num)
    losses = np.concatenate([np.ravel(surface.stacked()) for surface in surfaces])
    finite = losses[np.isfinite(losses)]
    return float(np.median(finite)) if finite.size else 1.0
