"""The tool that kills scans and trainings finds nothing, and finds faults that are planted."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from landscape.hdf5.transaction import SurfaceFile
from landscape.hdf5.writer import Writer
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="forks")]


@pytest.fixture
def stress() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stress", ROOT / "tools" / "stress_kills.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faults(found: Any) -> list[str]:
    return [name for name in found if name.startswith("fault")]


def test_killed_scans_and_trainings_lose_nothing(stress: ModuleType, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for subject in (stress.scan("scan"), stress.training("training", tmp_path / "whole")):
        found = stress.kills(subject, 4, tmp_path, chance)
        assert faults(found) == []
        assert found["at a write"] + found["at a time"] == 4


def test_points_marked_before_their_values_are_found(
    stress: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Writer.put

    def too_early(writer: Writer, layer: str, index: int, *values: Any, **options: Any) -> None:
        put(writer, layer, index, *values, **options)
        writer._write(layer, "evaluated", index, b"\x01")

    subject = stress.scan("scan")
    monkeypatch.setattr(Writer, "put", too_early)
    found = stress.kills(subject, 5, tmp_path, np.random.default_rng(0))
    assert any("do not match their checksums" in text for text in faults(found))


def test_lost_points_are_found(stress: ModuleType, tmp_path: Path) -> None:
    subject, path = stress.scan("scan"), tmp_path / "last.pt"
    everything = [np.ones((7, 7), dtype=bool)]
    _, acknowledged = stress._once(subject, path, None, None)
    np.testing.assert_array_equal(acknowledged, everything)
    subject.check(path, everything, whole_=True)
    with SurfaceFile(path) as file:
        assert file.found is not None
        file.found.evaluated[3, 2] = False
        file.write(file.found)
    with pytest.raises(AssertionError, match="a point is lost"):
        subject.check(path, everything, whole_=False)
    path.unlink()
    with pytest.raises(AssertionError, match="the file is gone"):
        subject.check(path, everything, whole_=False)
