"""Consoles whose encoding lacks some characters, as those of Windows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from landscape.encoding import write_in_any_encoding
from tests.conftest import ROOT

MODEL = """
import torch
def make():
    return torch.nn.Linear(4, 3)
def data():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(20, 4, generator=generator), torch.arange(20) % 3
"""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("θ* + α δ", "theta* + alpha delta"),
        ("1 … 2, 3×2, [-1, 1]²", "1 ... 2, 3x2, [-1, 1]2"),
        ("Bézier – 目", "Bezier - ?"),
    ],
)
def test_characters_that_an_encoding_lacks_are_spelled_out(text: str, written: str) -> None:
    write_in_any_encoding()
    assert text.encode("ascii", "landscape").decode() == written
    assert "é".encode("cp1252", "landscape") == b"\xe9"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "landscape")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "cp437"])
def test_a_scan_in_an_encoding_of_windows(tmp_path: Path, encoding: str) -> None:
    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "landscape", "scan", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
            capture_output=True,
            encoding=encoding,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    (tmp_path / "user.py").write_text(MODEL)
    torch.save(torch.nn.Linear(4, 3).state_dict(), tmp_path / "m.pt")
    theta = "theta* + alpha delta" if encoding == "cp1252" else "theta* + α δ"
    assert theta in run("--help")
    own = ("m.pt", "--model", "user.py:make", "--data", "user.py:data", "--points", "3")
    assert "9 points" in run(*own, "--out", "a.h5")
