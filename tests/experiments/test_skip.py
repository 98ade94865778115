"""Statements on skip connections, for surfaces whose roughness is known."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import landscape
from landscape import Grid, Surface
from landscape.experiments import Lab
from landscape.experiments import skip as module
from landscape.progress import Silent


def surface(name, seed, ripples):
    random = np.random.default_rng(seed)
    made = Surface.empty(Grid.regular(21), {"weights_sha256": str(seed)}, {"name": name})
    a, b = np.meshgrid(made.grid.alphas, made.grid.betas, indexing="ij")
    made.losses[:] = 1 + (5 + 0.1 * random.random()) * (a**2 + b**2)
    made.losses[:] += ripples * (1 + 0.1 * random.random()) * np.sin(9 * a) * np.sin(9 * b)
    made.evaluated[:] = made.examples[:] = 1
    return made


class Trained:
    def __init__(self, accuracy):
        self.history = {"train_accuracy": [accuracy]}


@pytest.mark.parametrize(
    ("rough", "held"),
    [
        ({"plain56"}, [True, True, True, True, True]),
        (set(), [False, False, True, True, True]),
        ({"resnet56"}, [False, False, False, True, True]),
        ({"plain56", "plain20x2", "resnet20x2"}, [True, True, True, False, False]),
    ],
)
def test_statements_follow_the_surfaces(tmp_path, monkeypatch, rough, held):
    def scan_all(self, name, nets, grid=15):
        return [surface(name, seed, 2.0 * (name in rough)) for seed in self.seeds]

    monkeypatch.setattr(Lab, "train", lambda self, net, seed: Trained(0.5 if net in rough else 1))
    monkeypatch.setattr(Lab, "scan_all", scan_all)
    drawn = []
    monkeypatch.setattr(landscape, "plot", lambda *each, **_: drawn.extend(each) or plt.figure())
    lab = Lab(tmp_path / "skip", "small", 3, "cpu", Silent())
    module.skip.examine(lab)
    assert [each.held for each in lab.statements] == held
    sizes = ("20", "56", "20x2")
    assert [each.name for each in drawn] == [f"{f}{s}" for f in ("plain", "resnet") for s in sizes]
    assert bool(lab.remark) == bool(rough)
    assert all(f"{name} (training accuracy 50.0 %" in lab.remark for name in rough)
