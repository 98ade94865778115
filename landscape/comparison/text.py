"""A comparison as text: the table of measures, and what differs in one or two sentences."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landscape.comparison.significance import Difference

if TYPE_CHECKING:
    from landscape.comparison.comparing import Comparison

_MOST_NAMES = 3


def report(comparison: "Comparison") -> str:
    """Return the table, the findings, the notes and the conclusions.

    Args:
        comparison: The comparison.
    """
    findings = [f"{name}: {finding.in_full}" for name, finding in comparison.findings]
    parts = ["\n".join(table(comparison)), "\n".join(findings), *comparison.notes]
    return "\n\n".join(filter(None, [*parts, *conclusions(comparison)]))


def table(comparison: "Comparison") -> Iterator[str]:
    """Yield the lines of the table: a row for each measure, a column for each group.

    Two groups with a spread have three more columns: the adjusted p value, the smallest effect of
    the measure, and whether they differ.

    Args:
        comparison: The comparison.
    """
    groups = comparison.groups
    rows = [["", *(group.name for group in groups)], ["", *(group.samples for group in groups)]]
    tested = comparison.differences() if len(groups) == 2 else ()
    tested = tested if any(each.p_value is not None for each in tested) else ()
    ends = [["adjusted p", "smallest effect", "different"], [""] * 3] if tested else [[], []]
    for column, (measure, difference) in enumerate(zip_longest(comparison.measures, tested)):
        rows.append([measure.name, *(number_with_spread(g.values[:, column]) for g in groups)])
        ends.append(_verdict(difference) if difference else [])
    rows = [[*row, *end] for row, end in zip(rows, ends, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first = next(i for i, measure in enumerate(comparison.measures) if measure.is_roughness)
    for line, row in enumerate(rows):
        if line == first + 2:  # below two lines of names
            yield "roughness"
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def conclusions(comparison: "Comparison") -> Iterator[str]:
    """Yield for every two groups what differs and what does not, in one or two sentences.

    Args:
        comparison: The comparison.
    """
    for first, second in comparison.pairs:
        a, b = comparison.groups[first].name, comparison.groups[second].name
        tested = comparison.differences(first, second)
        if all(each.p_value is None for each in tested):
            yield (
                f"{a} and {b}: the spread is unknown, so nothing is called different. Scan three "
                "planes or more of each (`landscape scan --repeats 3`)."
            )
        elif not any(each.differs for each in tested):
            yield f"{a} and {b}: no measure differs by more than its spread."
        else:
            yield " ".join(_sentences(a, b, tested))


def _sentences(a: str, b: str, tested: Sequence[Difference]) -> Iterator[str]:
    """Yield a sentence on roughness, then one on everything else."""
    rough = [each for each in tested if each.measure.is_roughness and each.differs]
    num = sum(each.measure.is_roughness for each in tested)
    for rougher, smoother, sign in ((a, b, 1), (b, a, -1)):
        found = [each for each in rough if sign * (each.means[0] - each.means[1]) > 0]
        if found:
            by = f"all {num}" if len(found) == num else f"{len(found)} of {num}"
            yield (
                f"{rougher} is rougher than {smoother} by {by} measures of roughness: "
                f"{_listed(found)}."
            )
    different = [each for each in tested if each.differs and each not in rough]
    same = [each for each in tested if not each.differs]
    both = f"They {'also ' if different else ''}" if rough else f"{a} and {b} "
    if different and same:
        yield f"{both}differ in {_listed(different)}, not in {_named(same)}."
    elif different:
        yield f"{both}differ in {_listed(different)}."
    elif same:
        yield f"{both}do not differ in {_named(same)}."


def _listed(differences: Sequence[Difference]) -> str:
    """Return measures with both means, as ``local minima (7 against 1)``."""
    return ", ".join(
        f"{each.measure.name} ({number(each.means[0])} against {number(each.means[1])})"
        for each in differences
    )


def _named(differences: Sequence[Difference]) -> str:
    """Return the names of a few measures, or the number of many."""
    if len(differences) <= _MOST_NAMES:
        return " and ".join(each.measure.name for each in differences)
    rough = sum(each.measure.is_roughness for each in differences)
    return f"the other {len(differences)} measures" + (f" ({rough} of roughness)" if rough else "")


def _verdict(difference: Difference) -> list[str]:
    measure, p = difference.measure, difference.p_value
    effect = f"{'×' if measure.scale == 'log' else '±'}{number(measure.smallest_effect)}"
    return ["" if p is None else number(p, 2), effect, "yes" if difference.differs else "no"]


def number_with_spread(values: NDArray[np.float64]) -> str:
    """Return mean and standard deviation of some samples, as ``4.71 ± 0.12``.

    Args:
        values: The samples.
    """
    if len(values) == 1:
        return number(values[0])
    with np.errstate(invalid="ignore"):  # inf
        spread = values.std(ddof=1) if np.ptp(values) else 0.0
    return f"{number(values.mean())} ± {number(spread, 2)}"


def number(value: float, digits: int = 3) -> str:
    """Return a number with some digits, as ``0.0123`` or ``1230``.

    Args:
        value: The number.
        digits: Significant digits.
    """
    return f"{float(f'{value:.{digits}g}'):g}"
