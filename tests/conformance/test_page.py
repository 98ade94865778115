"""What is measured becomes a page; what cannot be measured is listed with the reason."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

import conformance
from conformance_checks import table
from conformance_checks.problems import Problem
from conformance_checks.run import CHECKS, name_of, report
from conformance_checks.tool import NotOfferedError, Scan, Tool
from conformance_tools.ours import Landscape
from tests.conformance.test_checks import BY_NAME, Changed


class Without(Landscape):
    """A tool that offers nothing, or fails."""

    def random(self, problem: Problem, points: int, seed: int) -> Scan:
        if points == 7:
            raise ZeroDivisionError("float division by zero\nsecond line")
        raise NotOfferedError("scans nothing")


_GOOD = {"measured": "1", "expected": True, "details": "", "variants": {}}


def _found(name: str, outcome: dict[str, Any] = _GOOD) -> dict[str, Any]:
    facts = dict.fromkeys(("version", "python", "torch", "numpy"), "1.0")
    outcomes = {name_of(each): outcome for each in CHECKS}
    return {"name": name, **facts, "calls": {}, "remarks": {}, "outcomes": outcomes}


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_outcomes_become_a_page(check: ModuleType) -> None:
    other = {"measured": "2", "expected": False, "details": "why", "variants": {"copied": _GOOD}}
    none = {**_GOOD, "measured": "—", "expected": None, "details": "no Hessian"}
    reports = [_found("a"), _found("b", other), _found("c", none)]
    reports[1]["remarks"] = {name_of(check): "its docstring"}
    rows = table.table(reports)
    assert rows[0].endswith("| a 1.0 | b 1.0 | c 1.0 |")
    assert all(row.endswith("| ✓ 1 | ≠ 2; copied: ✓ 1 | — |") for row in rows[2:])
    text = "\n".join(table.numbers(reports))
    assert "- **b** ≠ 2: why.\n  - copied: ✓ 1.\n  - Its docstring." in text
    assert "- Does not apply: c (no Hessian)." in text
    assert f"`benchmarks/conformance_checks/{name_of(check)}.py`" in text


def test_a_check_that_does_not_apply_is_no_failure() -> None:
    found = report(BY_NAME["center"], Without())
    assert (found["expected"], found["details"]) == (None, "scans nothing")


def test_an_error_of_a_tool_is_reported() -> None:
    class Failing(Without):
        def random(self, problem: Problem, points: int, seed: int) -> Scan:
            return super().random(problem, 7, seed)

    found = report(BY_NAME["center"], Failing())
    assert (found["measured"], found["expected"]) == ("error", False)
    assert found["details"] == "ZeroDivisionError: float division by zero"


def test_variants_are_reported_where_they_differ() -> None:
    class Varied(Changed):
        def variants(self) -> dict[str, Tool]:
            return {"right": Landscape()}

    found = report(BY_NAME["center"], Varied(lambda losses: losses * 2))
    assert not found["expected"]
    assert found["variants"]["right"]["expected"]
    same = report(BY_NAME["nonfinite"], Varied(lambda losses: losses))
    assert same["variants"] == {}


def test_a_tool_that_cannot_be_installed_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(environment: conformance.Environment) -> None:
        if "losscape" in environment.requirement:
            raise click.ClickException("pip cannot install it: no matching distribution")

    monkeypatch.setattr(conformance.Environment, "make", make)
    monkeypatch.setattr(conformance, "report", lambda _, module, __: _found(module))
    out = tmp_path / "a.md"
    options = ["--out", str(out), "--cache", str(tmp_path)]
    CliRunner().invoke(conformance.main, options, catch_exceptions=False)
    text = out.read_text(encoding="utf-8")
    assert "- losscape==1.5.10: pip cannot install it: no matching distribution." in text
    assert "| ours 1.0 | loss_landscapes 1.0 | landscaper 1.0 |" in text


def test_no_page_is_written_if_our_own_checks_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    out = tmp_path / "a.md"
    result = CliRunner().invoke(conformance.main, ["--out", str(out), "--cache", str(tmp_path)])
    assert result.exit_code == 1
    assert "the checks of ours failed" in result.output
    assert not out.exists()
