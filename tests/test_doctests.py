"""The examples in docstrings run, and every public name is described."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from matplotlib import pyplot as plt

import landscape
from tests.conftest import ROOT

API = ROOT / "docs" / "reference" / "python.md"
MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(landscape.__path__, "landscape.")
    if ">>>" in (importlib.util.find_spec(name).loader.get_source(name) or "")  # type: ignore[union-attr]
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"landscape": landscape})
    plt.close("all")
    assert result.failed == 0


def test_every_public_name_is_described() -> None:
    text = API.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(landscape.__all__) - {"__version__"}
