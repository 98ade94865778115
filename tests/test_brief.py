"""Representations of objects are one line, also of those that hold arrays."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import landscape
from landscape.brief import brief
from landscape.checkpoints import Checkpoint
from landscape.curvature_map import Curvature
from landscape.datasets.dataset import load
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.overlays import Mark, Trajectory
from landscape.plane import Plane
from landscape.surface import Surface


def dataclasses_of_the_package() -> Iterator[Any]:
    for found in pkgutil.walk_packages(landscape.__path__, "landscape."):
        if not found.name.endswith("__main__"):
            try:
                module = importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if str(error.name).startswith("landscape"):
                    raise
                continue  # without an optional package
            for each in vars(module).values():
                if dataclasses.is_dataclass(each) and each.__module__ == found.name:
                    yield each


def test_no_dataclass_prints_its_arrays() -> None:
    holders = []
    for each in dataclasses_of_the_package():
        kinds = " ".join(str(field.type) for field in dataclasses.fields(each))
        if any(word in kinds for word in ("Tensor", "ndarray", "Module", "list[int]")):
            holders.append(each.__name__)
            # dataclasses wraps the representation that it makes.
            assert not hasattr(each.__repr__, "__wrapped__"), each
    assert {"Surface", "Plane", "Stage", "Checkpoint", "Dataset"} <= set(holders)


@dataclass(repr=False)
class Things:
    array: NDArray[np.float64]
    tensor: Tensor
    weights: dict[str, Tensor]
    steps: list[int]
    nothing: tuple[int, ...]
    name: str
    long: str
    net: nn.Module
    loss: Any
    scalar: Any

    __repr__ = brief


def test_arrays_are_described_by_type_and_shape() -> None:
    things = Things(
        np.zeros((3, 2)),
        torch.zeros(4, dtype=torch.int64),
        {"a": torch.zeros(9)},
        list(range(5000)),
        (),
        "a",
        "b" * 300,
        nn.Sequential(nn.Linear(2, 2)),
        nn.functional.cross_entropy,
        np.float64(0.5),
    )
    assert repr(things) == (
        "Things(array=float64[3, 2], tensor=int64[4], weights={1 entry}, steps=[5000 entries], "
        f"nothing=(), name='a', long='{'b' * 47}…, net=Sequential, loss=cross_entropy, "
        "scalar=np.float64(0.5))"
    )


@pytest.fixture
def nouns(mlp: nn.Module, vectors: tuple[Tensor, Tensor]) -> list[Any]:
    grid = Grid.regular((101, 1))
    center = {name: parameter.detach() for name, parameter in mlp.named_parameters()}
    steps = np.arange(1000.0)
    return [
        grid,
        replace(Surface.empty(grid, {"x": "y" * 999}, {"name": "line"}), marks=(Mark("a", 0, 0),)),
        Plane.random(center, 0),
        Objective(mlp, "mse", (vectors[0], vectors[0][:, :3]), device=torch.device("cpu")),
        Trajectory("path", steps, steps, steps, steps, steps, steps),
        Curvature.empty(grid),
        Mark("control point", 0.5, 0.25),
        Checkpoint(center, history={"train_loss": list(range(1000))}),
        load("digits"),
    ]


def test_nouns_are_one_line(nouns: list[Any]) -> None:
    for noun in nouns:
        text = repr(noun)
        assert text.startswith(f"{type(noun).__name__}(")
        assert len(text) < 330, text
        assert "\n" not in text


def test_a_surface_is_described_by_what_is_known(surface: Surface) -> None:
    assert repr(surface) == "Surface('mlp', 3x2 points, alpha -1:1, beta -0.5:0.25)"
    partly = replace(surface, evaluated=surface.evaluated & (surface.grid.alphas > 0)[:, None])
    assert "2 of 6 points done" in repr(partly)
    seeds = replace(surface, repeats=(surface,))
    assert repr(seeds).endswith("2 seeds)")
