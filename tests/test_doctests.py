"""The examples in docstrings and in the description of the interface run."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

import landscape
from tests.conftest import ROOT
from tests.huggingface import library

API = ROOT / "docs" / "API.md"
OWN_MODELS = (ROOT / "docs" / "own-models.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (.+?)$(?:(?!^## ).)*?^```python\n(.*?)^```", OWN_MODELS, re.M | re.S)
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


@pytest.mark.slow
def test_the_description_of_the_interface(tmp_path: Path) -> None:
    result = doctest.testfile(
        str(API), module_relative=False, globs={"path": tmp_path / "a.h5"}, encoding="utf-8"
    )
    plt.close("all")
    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_the_examples_of_own_models(title: str, code: str) -> None:
    """Each ends with an objective, of which nothing is refused."""
    for name in re.findall(r"^(?:from|import) (transformers|peft|timm)", code, re.MULTILINE):
        library(name)
    names: dict[str, Any] = {}
    exec(code, names)
    surface = landscape.scan(names["objective"], grid=2)
    assert np.isfinite(surface.losses).all()
    assert np.ptp(surface.losses) > 0


def test_every_public_name_is_described() -> None:
    text = API.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == set(landscape.__all__) - {"__version__"}
