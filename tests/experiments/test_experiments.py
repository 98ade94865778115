import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from landscape import experiments
from landscape.errors import LandscapeError
from landscape.experiments import NAMES, Lab, Statement, Verdict, committed, running
from landscape.experiments.experiment import Experiment
from landscape.experiments.lab import STATE
from landscape.progress import Silent
from tests.conftest import ROOT

ALLOWED = {"landscape", "torch", "numpy", "scipy", "matplotlib"}
FRAMEWORK = {"landscape.experiments.experiment", "landscape.experiments.lab"}


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_uses_the_public_interface(name: str) -> None:
    """Names of private modules would not teach it."""
    tree = ast.parse((ROOT / "landscape" / "experiments" / f"{name}.py").read_text("utf-8"))
    public = {"landscape", "landscape.models", "landscape.checkpoints", "landscape.geometry"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            package = node.module.split(".")[0]
            if package == "landscape":
                assert node.module in public | FRAMEWORK, node.module
        elif isinstance(node, ast.Import):
            for each in node.names:
                assert each.name.split(".")[0] in ALLOWED or "." not in each.name


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_comes_with_the_package(name: str) -> None:
    verdict, experiment = committed()[name], running.get(name)
    assert (verdict.claim, verdict.source) == (experiment.claim, experiment.source)
    assert verdict.statements
    assert verdict.seeds >= 3


def counted(times: list[str]) -> Experiment:
    """An experiment that notes what it computes, and is interrupted at its second value."""

    def examine(lab: Lab) -> None:
        def first() -> float:
            times.append("first")
            return 0.5

        def second() -> list[float]:
            times.append("second")
            if times.count("second") == 1:
                raise KeyboardInterrupt
            return [1.0, 2.0]

        value = lab.once("first", first)
        lab.state("The first is a half", value == 0.5, f"{value}")
        lab.state("The second is empty", not lab.once("second", second), "2 values")

    return Experiment("Values are what they are.", "unknown", examine)


def test_an_interrupted_experiment_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[str] = []
    monkeypatch.setattr(running, "get", lambda _: counted(times))
    with pytest.raises(KeyboardInterrupt):
        experiments.run("skip", tmp_path, progress=Silent())
    verdict = experiments.run("skip", tmp_path, progress=Silent())
    assert times == ["first", "second", "second"]
    assert verdict.summary == "held in part (1 of 2)"
    again = experiments.run("skip", tmp_path, progress=Silent())
    assert times == ["first", "second", "second"]
    assert again.statements == verdict.statements
    assert again.seconds >= verdict.seconds
    path = tmp_path / "skip" / "verdict.json"
    loaded = Verdict.load(path.read_text("utf-8"), path)
    assert loaded == replace(again, seconds=loaded.seconds)
    with pytest.raises(LandscapeError, match="seeds 3, .* requested .* seeds 4"):
        experiments.run("skip", tmp_path, seeds=4, progress=Silent())
    experiments.run("skip", tmp_path, seeds=4, overwrite=True, progress=Silent())
    assert times.count("first") == 2


def test_other_files_are_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "get", lambda _: counted([]))
    mine = tmp_path / "skip" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("x")
    with pytest.raises(LandscapeError, match="not the folder of an experiment"):
        experiments.run("skip", tmp_path, overwrite=True, progress=Silent())
    assert mine.read_text() == "x"


def test_a_damaged_state_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "get", lambda _: counted([]))
    (tmp_path / "skip").mkdir()
    (tmp_path / "skip" / STATE).write_text("{")
    with pytest.raises(LandscapeError, match="damaged"):
        experiments.run("skip", tmp_path, progress=Silent())


@pytest.mark.parametrize("held", [(True,), (True, False), (False, False)])
def test_summaries(held: tuple[bool, ...]) -> None:
    statements = tuple(Statement("a", "b", each) for each in held)
    verdict = replace(next(iter(committed().values())), statements=statements)
    expected = {(True,): "held", (True, False): "held in part (1 of 2)"}
    assert verdict.summary == expected.get(held, "did not hold")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"statements": 3})])
def test_what_is_no_verdict_is_said(text: str) -> None:
    with pytest.raises(LandscapeError, match="not the verdict of an experiment"):
        Verdict.load(text, Path("a.json"))


def test_wrong_names_and_seeds(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no experiment is named 'skips'"):
        experiments.run("skips", tmp_path)
    with pytest.raises(ValueError, match="seeds must be 1 or more"):
        experiments.run("skip", tmp_path, seeds=0)
