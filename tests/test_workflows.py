"""The public workflows run what make runs, on the versions that the project supports."""

import re
import sys
from pathlib import Path

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

import pytest

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_targets_of_make(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    used = re.findall(r"run: make ([\w-]+)", text)
    assert used
    assert set(used) <= targets


def test_the_oldest_versions_are_those_of_the_project() -> None:
    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(each) for each in version.split("."))

    lines = (ROOT / ".github" / "oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    for requirement in PROJECT["dependencies"]:
        found = re.match(r"([\w.-]+)>=([\d.]+)", requirement)
        assert found, requirement
        name, lowest = found[1], numbers(found[2])
        assert numbers(pinned.pop(name))[: len(lowest)] == lowest, name
    assert not pinned


def test_the_oldest_python_is_tested() -> None:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f'python: ["{oldest}", ' in text
