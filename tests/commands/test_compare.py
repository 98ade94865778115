"""``landscape compare`` on files of known surfaces."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import landscape
from landscape.cli import group
from landscape.errors import LandscapeError
from landscape.grid import Grid
from tests.conftest import ROOT
from tests.test_comparison import planes, rippled, smooth


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Surfaces of three planes: rippled.h5, smooth.h5; of one plane: single.h5."""
    monkeypatch.chdir(tmp_path)
    planes(rippled, "rippled", range(3)).save(tmp_path / "rippled.h5")
    planes(smooth, "smooth", range(3)).save(tmp_path / "smooth.h5")
    planes(smooth, "smooth", range(1)).save(tmp_path / "single.h5")
    return tmp_path


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["compare", *arguments])


def test_the_table_and_what_differs(files: Path) -> None:
    result = compare("rippled.h5", "smooth.h5")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "rippled",
        "smooth",
        *["adjusted", "p", "smallest", "effect", "different"],
    ]
    assert lines[1].split() == ["3", "planes"] * 2
    rough = lines[lines.index("roughness") + 1 : lines.index("")]
    assert len(rough) == 5
    assert all(line.endswith("yes") for line in rough)
    minima = next(line for line in rough if line.startswith("local minima"))
    assert minima.split()[5:8] == ["1", "±", "0"]
    assert lines[-1].startswith("rippled is rougher than smooth by all 5 measures of roughness")


def test_json(files: Path) -> None:
    result = compare("rippled.h5", "smooth.h5", "--json", "--level", "2")
    facts: dict[str, Any] = json.loads(result.stdout)
    assert facts["samples"] == {"rippled": "3 planes", "smooth": "3 planes"}
    measures = {each["name"]: each for each in facts["measures"]}
    assert measures["local minima"]["values"]["smooth"] == [1.0, 1.0, 1.0]
    area = measures["area with loss below 2"]["values"]["smooth"]
    # height (1 + a² + 3 b²) < 2 with a height of each seed.
    heights = [np.random.default_rng(seed).uniform(0.9, 1.1) for seed in range(3)]
    expected = [np.pi * (2 / height - 1) / np.sqrt(3) for height in heights]
    np.testing.assert_allclose(area, expected, rtol=0.1)
    (pair,) = facts["differences"]
    assert pair["between"] == ["rippled", "smooth"]
    assert pair["measures"]["local minima"]["differs"]
    assert facts["conclusions"][0].startswith("rippled is rougher than smooth")
    assert facts["figure"] is None


def test_infinite_losses_are_valid_json(files: Path) -> None:
    surface = planes(smooth, "diverged", range(2))
    surface.losses[0] = np.inf
    surface.save(files / "diverged.h5")
    facts = json.loads(compare("diverged.h5", "--json").stdout)
    assert "inf" in facts["measures"][5]["values"]["diverged"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figure(files: Path, suffix: str) -> None:
    result = compare("rippled.h5", "smooth.h5", "--out", f"figures/a.{suffix}")
    assert result.stdout.endswith(f"\n\nfigures/a.{suffix}\n")
    assert (files / "figures" / f"a.{suffix}").stat().st_size > 10_000


def test_groups_of_several_files(files: Path) -> None:
    for k in range(3):
        planes(smooth, f"training {k}", range(10 * k, 10 * k + 2)).save(files / f"t{k}.h5")
    facts = json.loads(compare("net=t0.h5,t1.h5,t2.h5", "rippled.h5", "--json").stdout)
    assert facts["samples"] == {"net": "3 trainings", "rippled": "3 planes"}


def test_files_of_one_name_differ_by_their_folders(files: Path) -> None:
    for name in "ab":
        (files / name).mkdir()
        planes(smooth, "smooth", range(2)).save(files / name / "smooth.h5")
    facts = json.loads(compare("a/smooth.h5", "b/smooth.h5", "--json").stdout)
    assert list(facts["samples"]) == ["a-smooth", "b-smooth"]


def test_one_plane_of_each(files: Path) -> None:
    result = compare("single.h5", "rippled.h5")
    assert result.exit_code == 0
    assert "Scan three planes or more of each (`landscape scan --repeats 3`)." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'SURFACE...|FOLDER...'"),
        (["smooth.h5", "--out", "a.txt"], "--out must end in .png, .pdf, .svg, not a.txt"),
        (["smooth.h5", "--level", "x"], "'x' is not a valid float"),
    ],
)
def test_usage_errors(files: Path, arguments: list[str], message: str) -> None:
    result = compare(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_errors_in_one_line(files: Path) -> None:
    planes(smooth, "coarse", range(2), Grid.regular(11)).save(files / "coarse.h5")
    for arguments, message in (
        (["smooth.h5", "coarse.h5"], "expected surfaces on one grid, got smooth with 21x21 points"),
        (["missing.h5"], "missing.h5"),
        (["net=smooth.h5,missing.h5"], "missing.h5"),
    ):
        result = compare(*arguments)
        assert isinstance(result.exception, LandscapeError)
        assert message in str(result.exception)
        assert "\n" not in str(result.exception)


@pytest.mark.slow
def test_help_needs_no_torch() -> None:
    code = "import sys, landscape.commands.compare; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_findings_stand_below_the_table(files: Path) -> None:
    surface = planes(smooth, "broken", range(3))
    for seed in surface.seeds:
        seed.losses[10, 10] = np.nan  # the center
    surface.save(files / "broken.h5")
    finding = landscape.check(landscape.load("broken.h5"))[0]
    assert (finding.severity, finding.check) == ("wrong", "not-finite")
    line = f"broken: wrong: {finding.text}: {finding.remedy} [not-finite]"
    lines = compare("smooth.h5", "broken.h5").stdout.splitlines()
    table = lines.index("")
    assert lines[table + 1] == line
    assert not any(each.startswith("smooth: wrong") for each in lines)
    two = compare("net=smooth.h5,broken.h5", "single.h5").stdout
    assert f"\nnet, 2 of 2: wrong: {finding.text}" in two
    facts = json.loads(compare("smooth.h5", "broken.h5", "--json").stdout)
    assert [each["surface"] for each in facts["findings"]] == ["broken"]
    assert facts["findings"][0]["text"] == finding.text
    assert line in str(landscape.compare(landscape.load("broken.h5")))


def test_a_folder_means_all_surfaces_in_it(files: Path) -> None:
    (files / "part.h5").write_bytes(b"no surface")
    result = compare(".")
    assert result.exit_code == 0, result.output
    assert result.stdout == compare("rippled.h5", "single.h5", "smooth.h5").stdout
    assert result.stderr.startswith("left out: part.h5")
    assert len(result.stderr.splitlines()) == 1
    checked = CliRunner().invoke(group, ["check", "."])
    assert [line.split(":")[0] for line in checked.stdout.splitlines()] == [
        "rippled.h5",
        "single.h5",
        "smooth.h5",
    ]
    assert checked.stderr == result.stderr
    (files / "empty").mkdir()
    for verb in ("check", "compare"):
        empty = CliRunner().invoke(group, [verb, "empty"])
        assert str(empty.exception) == "empty holds no surface: scan one into it first"
