"""Every plane in a few lines of Python, against what defines it."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import planes
from landscape.directions import RECIPES, normalization_parameters
from landscape.errors import CheckpointError, ParameterMismatchError
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.parameters import inner_product
from landscape.plane import Plane
from tests import inputs


@pytest.fixture
def objective(mlp: nn.Module, vectors: tuple[Tensor, Tensor]) -> Objective:
    return Objective(mlp, "cross_entropy", vectors, device="cpu")


def moved(model: nn.Module, by: float) -> nn.Module:
    """A copy with other weights."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return other


def saved(model: nn.Module, path: Path) -> Path:
    torch.save(model.state_dict(), path)
    return path


def test_a_random_plane_on_a_logarithmic_grid(objective: Objective) -> None:
    plane = landscape.Plane.random(objective.center, seed=3)
    surface = landscape.scan(objective, plane, landscape.Grid.logarithmic(5))
    assert surface.grid.alphas.tolist() == pytest.approx([-1, -1e-3, 0, 1e-3, 1])
    even = landscape.scan(objective, plane, Grid.regular(3))
    np.testing.assert_allclose(surface.losses[::2, ::2], even.losses, rtol=1e-5)


def test_a_plane_through_three_checkpoints(objective: Objective, tmp_path: Path) -> None:
    b, c = (saved(moved(objective.model, 0.1), tmp_path / f"{name}.pt") for name in "bc")
    surface = landscape.scan(objective, planes.through(objective, b, c), 3)
    assert [mark.name for mark in surface.marks] == ["Sequential", "b", "c"]
    assert [m.alpha for m in surface.marks[:2]] == [0, pytest.approx(1)]
    assert [m.beta for m in surface.marks[:2]] == pytest.approx([0, 0], abs=1e-8)  # float32
    other = landscape.Objective(
        objective.model, "cross_entropy", (objective.inputs, objective.targets)
    )
    assert surface.settings["plane"] == planes.through(other, b, c).origin["plane"]
    low, high = surface.grid.alphas[[0, -1]]
    assert low < 0 < 1 < high


def test_the_plane_of_a_training_run(objective: Objective, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for epoch in range(4):
        saved(moved(objective.model, 0.1), run / f"epoch-{epoch}.pt")
    surface = landscape.scan(objective, planes.pca(objective, run), 3)
    (path,) = surface.trajectories
    assert (path.name, path.steps.tolist()) == ("run", [0, 1, 2, 3])
    assert 0 < float(surface.settings["explained_variation"]) < 1
    model = copy.deepcopy(objective.model)
    model.load_state_dict(torch.load(run / "epoch-2.pt"))
    loss = F.cross_entropy(model(objective.inputs), objective.targets).item()
    assert path.losses[2] == pytest.approx(loss, rel=1e-5)


def test_the_plane_of_leading_eigenvectors(vectors: tuple[Tensor, Tensor]) -> None:
    """The second differences along both axes are the eigenvalues."""
    model = nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    objective = Objective(model, data=vectors, device="cpu", dtype=torch.float64)
    plane = planes.eigenvectors(objective)
    surface = landscape.scan(objective, plane, 3)
    assert surface.settings["plane"] == "top eigenvectors"
    assert inner_product(plane.delta, plane.eta) == pytest.approx(0, abs=1e-3)
    values = landscape.Hessian(objective).eigenpairs(2, tolerance=1e-8).values
    step = 1e-3
    for (alpha, beta), value in zip([(step, 0.0), (0.0, step)], values, strict=True):
        ends = [(alpha, beta), (0.0, 0.0), (-alpha, -beta)]
        losses = [v.loss for _, _, v in landscape.evaluate(objective, plane, ends)]
        assert (losses[0] - 2 * losses[1] + losses[2]) / step**2 == pytest.approx(value, rel=1e-3)


def test_the_plane_of_a_curve(objective: Objective) -> None:
    end = moved(objective.model, 0.5)
    control = landscape.connect(objective, end, landscape.Recipe(epochs=2, images_per_batch=8))
    surface = landscape.scan(objective, planes.bezier(objective, end, control, samples=5), 3)
    curve, line = surface.trajectories
    assert (curve.name, line.name) == ("curve", "straight line")
    assert curve.losses[[0, -1]] == pytest.approx(line.losses[[0, -1]])
    assert curve.distances == pytest.approx(0)
    assert [mark.name for mark in surface.marks] == ["Sequential", "second", "control point"]


@pytest.mark.slow
def test_several_surfaces_in_one_figure_and_on_one_page(
    objective: Objective, tmp_path: Path
) -> None:
    a, b = (landscape.scan(objective, planes.random(objective, seed), 3) for seed in (0, 1))
    assert len(landscape.plot(a, b).axes) == 3  # with the color bar
    page = landscape.view(a, b, html=tmp_path / "a.html")
    assert page is not None
    assert page.read_text().count('"alphas"') == 2


def test_evaluate_yields_points_in_order(objective: Objective) -> None:
    plane = Plane.random(objective.center)
    points = [(0.5, -0.25), (0.0, 0.0), (-1.0, 1.0)]
    found = list(landscape.evaluate(objective, plane, points))
    assert [(alpha, beta) for alpha, beta, _ in found] == points
    for alpha, beta, values in found:
        model = copy.deepcopy(objective.model)
        model.load_state_dict(plane.at(alpha, beta))
        expected = F.cross_entropy(model(objective.inputs), objective.targets).item()
        assert values.loss == pytest.approx(expected, rel=1e-5)
    assert list(landscape.evaluate(objective, plane, [])) == []


def test_wrong_checkpoints_are_refused(objective: Objective, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least two checkpoints, got 1"):
        planes.through(objective)
    with pytest.raises(CheckpointError, match="no such file"):
        planes.through(objective, tmp_path / "none.pt")
    with pytest.raises(ParameterMismatchError, match="does not have"):
        planes.through(objective, {"weight": torch.zeros(3)})
    broken = moved(objective.model, 0.1)
    broken.load_state_dict(inputs.diverged(broken.state_dict()))
    with pytest.raises(CheckpointError, match="contains NaN or inf"):
        planes.through(objective, saved(broken, tmp_path / "nan.pt"))


class Normalized(nn.Module):
    """Every type of normalization parameters with two dimensions or more."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.LayerNorm((4, 6, 6))
        self.grn = GRN(4)
        self.layer_scale = nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer_scale * self.grn(self.norm(self.conv(x)))
        outputs: Tensor = self.head(out.mean((2, 3)))
        return outputs


class GRN(nn.Module):
    """Global response normalization (Woo et al. 2023), in its form for images."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.rand(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = x.norm(dim=(2, 3), keepdim=True)
        result: Tensor = self.gamma * x * size / (size.mean(1, keepdim=True) + 1e-6) + self.beta + x
        return result


def test_normalization_layers_do_not_move_whatever_their_shape(images: Any) -> None:
    model = Normalized()
    fixed = normalization_parameters(model)
    assert fixed == {"norm.weight", "norm.bias", "grn.gamma", "grn.beta", "layer_scale"}
    objective = Objective(model, data=images, device="cpu")
    plane = Plane.random(objective.center)
    still = {name for name, tensor in plane.delta.items() if not tensor.any()}
    assert still == fixed | {"conv.bias", "head.bias"}
    assert plane.origin["directions"] == RECIPES[2]
    old = Plane.random(objective.center, recipe=1)
    assert old.origin["directions"] == RECIPES[1]
    assert old.delta["grn.gamma"].any()


def test_a_scan_of_the_older_recipe_keeps_it(images: Any, tmp_path: Path) -> None:
    objective = Objective(Normalized(), data=images, device="cpu")
    path = tmp_path / "a.h5"
    first = landscape.scan(objective, Plane.random(objective.center, recipe=1), 3, file=path)
    again = landscape.scan(objective, grid=3, file=path)
    np.testing.assert_array_equal(again.losses, first.losses)
    newest = landscape.scan(objective, grid=3)
    assert not np.allclose(newest.losses, first.losses)
