"""Small trained networks, and scans of them, for good and spoiled surfaces."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import datasets, models, planes
from landscape.compute import Compute
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.surface import Surface

Data = tuple[Tensor, Tensor]

OF_DIGITS: Mapping[str, Any] = {"in_channels": 1, "image_size": 8}
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "mlp2x64": OF_DIGITS,
    "linear2": OF_DIGITS,
    "resnet8": {"in_channels": 1},
    "plain8": {"in_channels": 1},
    "vit2": {**OF_DIGITS, "patch": 2, "width": 32, "heads": 2},
    "convnext11": {"in_channels": 1},
}


def digits(split: Any) -> Data:
    found = datasets.load("digits", split)
    assert found.preprocessing is not None
    return found.preprocessing(found.x), found.y


TRAIN, TEST = digits("train"), digits("test")
SOME: Data = (TRAIN[0][:256], TRAIN[1][:256])


def fit(
    model: nn.Module, data: Data, steps: int = 60, loss: Any = F.cross_entropy, rate: float = 3e-3
) -> nn.Module:
    """Train a model on batches of 64, with a learning rate that falls to 0."""
    x, y = data
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    for _ in range(steps):
        some = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        loss(model(x[some]), y[some]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def created(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return models.create(name, **FAMILIES[name])


class Trained:
    """Trained networks, each trained when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], nn.Module] = {}

    def __call__(self, name: str, seed: int = 0) -> nn.Module:
        if (name, seed) not in self._found:
            self._found[name, seed] = fit(created(name, seed), TRAIN)
        return copy.deepcopy(self._found[name, seed])


def objective(
    model: nn.Module, data: Any = SOME, loss: Any = "cross_entropy", **options: Any
) -> Objective:
    return Objective(model, loss, data, device="cpu", **options)


def around(of: Objective, points: int = 9, extent: float = 0.5, **options: Any) -> Surface:
    """A scan of a random plane."""
    grid = Grid.regular(points, (-extent, extent))
    return landscape.scan(of, None, grid, compute=Compute(**options))


def on(of: Objective, plane: Plane) -> Surface:
    """A scan of a plane, or a line."""
    return landscape.scan(of, plane, (21, 1) if plane.is_line else 9)


def through(trained: Trained, name: str, num: int, **options: Any) -> Surface:
    of = objective(trained(name), **options)
    return on(of, planes.through(of, *(trained(name, seed) for seed in range(1, num))))
