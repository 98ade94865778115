"""Every example of docs/how-to/own-models.md makes an objective, of which nothing is refused."""

import re
from typing import Any

import numpy as np
import pytest

import landscape
from tests.conftest import ROOT
from tests.docs.code_blocks import PYTHON, Block, blocks
from tests.huggingface import library

TEXT = (ROOT / "docs" / "how-to" / "own-models.md").read_text(encoding="utf-8")
EXAMPLES = {
    title: next(block for block in blocks(section) if block.language in PYTHON)
    for title, section in re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    if "```python" in section
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("block", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_scanned(block: Block) -> None:
    for name in re.findall(r"^(?:from|import) (transformers|peft|timm)", block.text, re.MULTILINE):
        library(name)
    names: dict[str, Any] = {}
    exec(block.text, names)
    surface = landscape.scan(names["objective"], grid=2)
    assert np.isfinite(surface.losses).all()
    assert np.ptp(surface.losses) > 0
