"""Statements on depth, for training curves whose order is known."""

from pathlib import Path

import numpy as np
import pytest

from landscape.experiments import Lab
from landscape.experiments import depth as module
from landscape.progress import Silent

DEPTHS = (8, 20, 56)

Ends = tuple[float, ...]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "depth", "small", 2, "cpu", Silent())


def curves(plain: Ends, residual: Ends) -> module.Curves:
    """Return curves of two seeds and two epochs that end at some values by depth, ± 1 %."""
    return {
        family: np.array([[[1.0, 0.99 * end], [1.0, 1.01 * end]] for end in ends])
        for family, ends in (("plain", plain), ("resnet", residual))
    }


@pytest.mark.parametrize(
    ("plain", "residual", "held"),
    [
        ((0.1, 0.2, 0.4), (0.1, 0.1, 0.0), [True, True]),
        ((0.1, 0.4, 0.4), (0.1, 0.1, 0.0), [False, True]),  # the seeds overlap
        ((0.1, 0.2, 0.4), (0.1, 0.3, 0.0), [True, False]),
    ],
)
def test_errors(lab: Lab, plain: Ends, residual: Ends, held: list[bool]) -> None:
    module._state_errors(lab, DEPTHS, curves(plain, residual))
    assert [each.held for each in lab.statements] == held
    assert "40.0 % (39.6 to 40.4) with 56 layers" in lab.statements[0].measured


@pytest.mark.parametrize(
    ("plain", "residual", "held", "remark"),
    [
        ((0.1, 0.2, 0.4), (0.3, 0.2, 0.1), [True, True], False),
        ((0.3, 0.2, 0.4), (0.3, 0.2, 0.2), [False, False], True),
        ((0.1, 0.4, 0.2), (0.3, 0.1, 0.2), [False, False], False),
    ],
)
def test_losses(lab: Lab, plain: Ends, residual: Ends, held: list[bool], remark: bool) -> None:
    module._state_losses(lab, DEPTHS, curves(plain, residual))
    assert [each.held for each in lab.statements] == held
    assert bool(lab.remark) == remark
