"""``landscape check`` names the fault of each spoiled scan, and is silent on good ones."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from landscape import diagnostics
from landscape.cli import group
from tests.conftest import ROOT
from tests.diagnostics.good import GOOD, Make
from tests.diagnostics.networks import Trained
from tests.diagnostics.spoiled import SPOILED

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained()


def check(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["check", str(path), *options], catch_exceptions=False)
    return result.exit_code, result.output


@pytest.mark.parametrize(("name", "make"), SPOILED, ids=[make.__name__ for _, make in SPOILED])
def test_faults_are_named(name: str, make: Make, trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "spoiled.h5"
    make(trained, tmp_path).save(path)
    code, output = check(path)
    assert f"[{name}]" in output
    assert code == 0
    is_wrong = f"{path}: wrong: " in output
    assert check(path, "--strict") == (3 if is_wrong else 0, output)


@pytest.mark.parametrize("name", GOOD)
def test_good_scans_have_no_finding(name: str, trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "good.h5"
    GOOD[name](trained, tmp_path).save(path)
    assert check(path, "--strict") == (0, f"{path}: no finding\n")


def test_every_check_has_a_spoiled_scan() -> None:
    """``other-net`` has its own in test_identify.py: networks of other programs."""
    assert {name for name, _ in SPOILED} == set(diagnostics.names()) - {"other-net"}


def test_every_check_is_described() -> None:
    described = re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs" / "checks.md").read_text(), re.M)
    assert sorted(described) == sorted(diagnostics.names())


def test_findings_are_printed_as_json_and_stand_at_the_end_of_a_scan(
    trained: Trained, tmp_path: Path
) -> None:
    surface = {make.__name__: make for _, make in SPOILED}["even_points"](trained, tmp_path)
    path = tmp_path / "a.h5"
    surface.save(path)
    code, output = check(path, "--json", "--strict")
    (finding,) = json.loads(output)["findings"]
    assert (code, finding["check"], finding["severity"]) == (3, "no-center", "wrong")
    assert finding["text"] in check(path)[1]
