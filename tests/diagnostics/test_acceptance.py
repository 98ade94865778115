"""``landscape check`` names the fault of each spoiled scan, and is silent on good ones."""

import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import landscape
from landscape import diagnostics
from landscape.cli import group
from tests.conftest import ROOT
from tests.diagnostics.good import GOOD, Make
from tests.diagnostics.networks import Trained, around, objective
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
    page = (ROOT / "docs" / "reference" / "checks.md").read_text()
    described = re.findall(r"^\| `([a-z-]+)`", page, re.M)
    assert sorted(described) == sorted(diagnostics.names())


def test_findings_are_printed_as_json(trained: Trained, tmp_path: Path) -> None:
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path, points in zip(paths, (9, 10), strict=True):
        around(objective(trained("mlp2x64")), points).save(path)
    arguments = ["check", *map(str, paths), "--json", "--strict"]
    result = CliRunner().invoke(group, arguments)
    good, bad = map(json.loads, result.output.splitlines())
    assert result.exit_code == 3
    assert good == {"path": str(paths[0]), "findings": []}
    (finding,) = bad["findings"]
    assert (finding["check"], finding["severity"]) == ("no-center", "wrong")
    text = f"{finding['text']}: {finding['remedy']}"
    assert check(paths[1])[1] == f"{paths[1]}: wrong: {text} [no-center]\n"


def test_findings_stand_at_the_end_of_a_scan(trained: Trained, tmp_path: Path) -> None:
    torch.save(trained("mlp2x64").state_dict(), tmp_path / "net.pt")
    usual = ("--net", "mlp2x64", "--data", "digits", "--images", "64", "--device", "cpu")
    arguments = ["scan", str(tmp_path / "net.pt"), *usual, "--points", "4", "--out"]
    result = CliRunner().invoke(group, [*arguments, str(tmp_path / "a.h5")])
    assert result.exit_code == 0, result.output
    (finding,) = diagnostics.warnings(landscape.load(tmp_path / "a.h5"))
    assert f"warning: a: {finding}" in result.output
    assert finding.check == "no-center"
