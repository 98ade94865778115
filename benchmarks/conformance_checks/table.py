"""The outcomes as a page: a table, and the numbers of every check."""

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from conformance_checks.run import CHECKS, name_of

Report = Mapping[str, Any]
"""What ``conformance_checks.run`` prints of a tool."""


def table(reports: Sequence[Report]) -> list[str]:
    """Return one row for each check and one column for each tool."""
    heads = [f"{report['name']} {report['version']}" for report in reports]
    lines = [
        "| | measured; expected | " + " | ".join(heads) + " |",
        "|---|---|" + "---|" * len(reports),
    ]
    for number, check in enumerate(CHECKS, start=1):
        cells = [_cell(report["outcomes"][name_of(check)]) for report in reports]
        lines.append(f"| {number} | {check.TITLE}; {check.EXPECTED} | " + " | ".join(cells) + " |")
    return lines


def numbers(reports: Sequence[Report]) -> list[str]:
    """Return a section for each check with what was measured of each tool."""
    lines = []
    for number, check in enumerate(CHECKS, start=1):
        lines += [f"### {number}. {_statement(check)}", ""]
        lines += [f"Measured by `benchmarks/conformance_checks/{name_of(check)}.py`.", ""]
        lines += _of_check(check, reports)
        lines.append("")
    return lines


def calls(reports: Iterable[Report]) -> list[str]:
    """Return what was called of each tool, and in what environment."""
    lines = []
    for report in reports:
        lines += [
            f"**{report['name']} {report['version']}** (Python {report['python']}, torch "
            f"{report['torch']}, numpy {report['numpy']})",
            "",
            *(f"- {what}: {call}" for what, call in report["calls"].items()),
            "",
        ]
    return lines


def _statement(check: ModuleType) -> str:
    return (check.__doc__ or "").splitlines()[0].rstrip(".")


def _mark(outcome: Report) -> str:
    return "✓" if outcome["expected"] else "≠"


def _cell(outcome: Report) -> str:
    if outcome["expected"] is None:
        return "—"
    others = [f"{name}: {_mark(o)} {o['measured']}" for name, o in outcome["variants"].items()]
    return "; ".join([f"{_mark(outcome)} {outcome['measured']}", *others])


def _of_check(check: ModuleType, reports: Sequence[Report]) -> list[str]:
    lines, without = [], []
    for report in reports:
        outcome = report["outcomes"][name_of(check)]
        if outcome["expected"] is None:
            without.append(f"{report['name']} ({outcome['details']})")
            continue
        remark = report["remarks"].get(name_of(check))
        lines.append(f"- **{report['name']}** {_sentence(outcome)}")
        lines += [f"  - {name}: {_sentence(other)}" for name, other in outcome["variants"].items()]
        lines += [f"  - {remark[0].upper()}{remark[1:]}."] if remark else []
    return [*lines, *([f"- Does not apply: {', '.join(without)}."] if without else [])]


def _sentence(outcome: Report) -> str:
    details = f": {outcome['details']}" if outcome["details"] else ""
    return f"{_mark(outcome)} {outcome['measured']}{details}."
