"""Statements on skip connections, for surfaces whose roughness is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import landscape
from landscape import Grid, Surface
from landscape.experiments import Lab
from landscape.experiments import skip as module
from landscape.progress import Silent

NETS = ["plain20", "plain56", "plain56x2", "resnet20", "resnet56"]


def surface(name: str, seed: int, ripples: float) -> Surface:
    random = np.random.default_rng(seed)
    made = Surface.empty(Grid.regular(21), {"weights_sha256": str(seed)}, {"name": name})
    a, b = np.meshgrid(made.grid.alphas, made.grid.betas, indexing="ij")
    made.losses[:] = 1 + (5 + 0.1 * random.random()) * (a**2 + b**2)
    made.losses[:] += ripples * (1 + 0.1 * random.random()) * np.sin(9 * a) * np.sin(9 * b)
    made.evaluated[:] = made.examples[:] = 1
    return made


class Trained:
    def __init__(self, accuracy: float) -> None:
        self.history = {"train_accuracy": [accuracy]}


@pytest.mark.parametrize(
    ("rough", "held"),
    [
        ({"plain56"}, [True, True, True, True]),
        (set(), [False, False, False, True]),
        ({"resnet56"}, [False, False, False, False]),
        ({"plain56", "plain56x2"}, [True, True, False, True]),
        ({"plain20", "plain56", "resnet20"}, [True, False, True, True]),
    ],
)
def test_statements_follow_the_surfaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rough: set[str], held: list[bool]
) -> None:
    def scan_all(self: Lab, name: str, nets: Any) -> list[Surface]:
        return [surface(name, seed, 2.0 * (name in rough)) for seed in self.seeds]

    monkeypatch.setattr(Lab, "train", lambda self, net, seed: Trained(0.5 if net in rough else 1))
    monkeypatch.setattr(Lab, "scan_all", scan_all)
    drawn: list[Surface] = []

    def plot(*surfaces: Surface, names: list[str], maximum: float) -> Figure:
        drawn.extend(surfaces)
        return plt.figure()

    monkeypatch.setattr(landscape, "plot", plot)
    lab = Lab(tmp_path / "skip", "small", 3, "cpu", Silent())
    module.skip.examine(lab)
    assert [each.held for each in lab.statements] == held
    assert [each.name for each in drawn] == NETS
    assert bool(lab.remark) == bool(rough)
    assert all(f"{name} (training accuracy 50.0 %" in lab.remark for name in rough)
