"""Callables of a user's files that cannot be called, and what the messages advise."""

from pathlib import Path

import pytest

from landscape.commands.loaded import load_loss
from landscape.errors import UserCodeError
from landscape.user_code import load_callable
from tests.conftest import Run

NETS = """
from torch import nn

class DigitNet(nn.Module):
    def __init__(self, width, *, depth, bias=True):
        super().__init__()

def failing(a=1, *more, **others):
    raise TypeError("of the user")

class Weighted:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, outputs, targets):
        return self.weight * (outputs - targets) ** 2

weighted = Weighted(2.0)

def data(split, root):
    return root
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    (tmp_path / "nets.py").write_text(NETS)
    return str(tmp_path / "nets.py")


def test_arguments_that_are_missing_are_named(nets: str) -> None:
    with pytest.raises(UserCodeError) as found:
        load_callable(f"{nets}:DigitNet")()
    assert str(found.value) == (
        f"{nets}:DigitNet: expected a function or class that can be called without arguments, it "
        "needs width, depth: write a function that gives them, def make(): return DigitNet(…)"
    )
    with pytest.raises(UserCodeError, match="it needs root: write a function"):
        load_callable(f"{nets}:data")(split="train")


def test_errors_of_the_function_itself_keep_their_place(nets: str) -> None:
    with pytest.raises(UserCodeError, match=r"failed: TypeError: of the user \(.*nets.py:9\)"):
        load_callable(f"{nets}:failing")()


def test_a_loss_with_arguments_is_an_object_of_the_file(nets: str) -> None:
    with pytest.raises(UserCodeError, match=r"it needs weight: write NAME = Weighted\(…\) into"):
        load_loss(f"{nets}:Weighted")
    assert load_loss(f"{nets}:weighted")(3.0, 1.0) == 8.0


@pytest.mark.parametrize("call", ["DigitNet(12,4)", "DigitNet(a={1:2})", "DigitNet()"])
def test_a_call_in_a_reference(nets: str, call: str) -> None:
    with pytest.raises(UserCodeError) as found:
        load_callable(f"{nets}:{call}")
    assert f"def make(): return {call}, " in str(found.value)
    assert f"give {nets}:make or {nets}:loss" in str(found.value)


def test_a_folder_whose_name_has_parentheses(tmp_path: Path) -> None:
    (tmp_path / "nets (copy)").mkdir()
    (tmp_path / "nets (copy)" / "nets.py").write_text("def make(): return 3")
    assert load_callable(f"{tmp_path}/nets (copy)/nets.py:make")() == 3


@pytest.mark.parametrize("end", ["import sys\nsys.exit(2)", "raise SystemExit", "exit()"])
def test_a_training_script(tmp_path: Path, run: Run, end: str) -> None:
    (tmp_path / "train.py").write_text(f"from torch import nn\n\ndef make(): pass\n\n{end}\n")
    (tmp_path / "a.pt").write_bytes(b"")
    result = run("curvature", "a.pt", "--loss", "train.py:make")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert 'without a main program, or guard that with if __name__ == "__main__":' in result.stderr
