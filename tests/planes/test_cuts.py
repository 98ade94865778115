"""Cuts of one model on one scale, and the plane of a saddle, against quadratics."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor, nn

import landscape
from landscape import planes
from landscape.directions import NORMALIZATIONS, Normalization
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.parameters import norm
from landscape.plane import Plane
from landscape.unformed import Unformed

CURVATURES = torch.tensor([3.0, 1.0, 0.5, -2.0, -0.1], dtype=torch.float64)


class Quadratic(nn.Module):
    """Returns half the sum of λ w² over its weights, for every input."""

    curvatures: Tensor

    def __init__(self, curvatures: Tensor = CURVATURES, shape: tuple[int, int] = (1, 5)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("curvatures", curvatures)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = (self.curvatures * self.weight.square()).sum() / 2
        return value.expand(len(x), 1)


def mean(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs[:, 0]


DATA = torch.zeros(3, 1), torch.zeros(3)


def objective_of(model: nn.Module, dtype: torch.dtype = torch.float64) -> Objective:
    return Objective(model, mean, DATA, device="cpu", dtype=dtype)


@pytest.mark.parametrize(
    ("end", "curvatures"), [("highest", (3, 1)), ("both", (3, -2)), ("lowest", (-0.1, -2))]
)
def test_planes_of_eigenvectors_show_a_saddle(end: Any, curvatures: tuple[float, float]) -> None:
    objective = objective_of(Quadratic())
    surface = landscape.scan(objective, planes.eigenvectors(objective, end), 5)
    alphas, betas = surface.grid.alphas, surface.grid.betas
    high, low = curvatures
    expected = high / 2 * alphas[:, None] ** 2 + low / 2 * betas**2
    np.testing.assert_allclose(surface.losses, expected, atol=1e-12)


def test_eigenvectors_of_an_unknown_end_are_refused() -> None:
    with pytest.raises(ValueError, match="end must be one of highest, lowest, both"):
        planes.eigenvectors(objective_of(Quadratic()), "top")  # type: ignore[arg-type]


def shifted(model: nn.Module, by: float, seed: int = 0) -> nn.Module:
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(by * torch.randn(parameter.shape, generator=generator).to(parameter))
    return other


def wide() -> Quadratic:
    model = Quadratic(torch.ones((), dtype=torch.float64), (30, 40))
    with torch.no_grad():
        model.weight.copy_(torch.linspace(-1, 1, 1200).reshape(30, 40))
    return model


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_the_line_towards_a_checkpoint_has_the_norm_of_a_random_direction(
    how: Normalization,
) -> None:
    model = wide()
    other = shifted(model, 0.1)
    objective = objective_of(model)
    plane = planes.towards(objective, other, seed=4, normalization=how)
    random = Plane.random(objective.center, 4, how)
    assert norm(plane.delta) == pytest.approx(norm(random.delta), rel=1e-12)
    assert plane.is_line
    difference = (other.get_parameter("weight") - model.weight).detach()
    alpha = float(difference.norm()) / norm(random.delta)
    (mark,) = plane.marks
    assert mark.alpha == pytest.approx(alpha)
    assert mark.distance == 0
    assert mark.loss == pytest.approx(
        float(other.get_parameter("weight").detach().square().sum()) / 2
    )
    grid = Grid.regular((5, 1), (-2 * alpha, 2 * alpha))
    surface = landscape.scan(objective, plane, grid)
    for step, loss in zip(surface.grid.alphas / alpha, surface.losses[:, 0], strict=True):
        point = model.weight.detach() + step * difference
        assert loss == pytest.approx(float(point.square().sum()) / 2, rel=1e-12)


def test_without_normalization_the_norm_is_the_square_root_of_the_number() -> None:
    plane = planes.towards(objective_of(wide()), shifted(wide(), 0.1), normalization="none")
    assert norm(plane.delta) == pytest.approx(1200**0.5, rel=4 / 2400**0.5)


def test_the_line_towards_the_same_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="same weights"):
        planes.towards(objective_of(wide()), wide())


def test_towards_a_checkpoint_of_a_large_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The direction is not kept, nor written: it would take as much as two networks."""
    model, other = wide().float(), shifted(wide().float(), 0.1)
    grid = Grid.regular((5, 1), (-0.5, 0.5))
    expected = landscape.scan(
        objective_of(model, torch.float32), planes.towards(objective_of(model), other), grid
    )
    monkeypatch.setattr("landscape.parameters.LARGE", 0)
    objective = objective_of(model, torch.float32)
    plane = planes.towards(objective, other)
    assert isinstance(plane.delta["weight"], Unformed)
    assert isinstance(plane.to(objective.device, objective.dtype).delta["weight"], Unformed)
    path = tmp_path / "a.h5"
    surface = landscape.scan(objective, plane, grid, file=path)
    np.testing.assert_allclose(surface.losses, expected.losses, rtol=1e-6)
    assert path.stat().st_size < 30_000
    again = landscape.scan(objective, planes.towards(objective, other), grid, file=path)
    np.testing.assert_array_equal(again.losses, surface.losses)


def test_cuts_stand_in_one_figure_on_one_scale() -> None:
    model = wide()
    objective = objective_of(model)
    lines = {
        "random": Plane.random(objective.center, 0, "none"),
        "tuned": planes.towards(objective, shifted(model, 0.1), normalization="none"),
        "other": planes.towards(objective, shifted(model, 0.3, 1), normalization="none"),
    }
    grid = Grid.regular((5, 1), (-0.1, 0.1))
    surfaces = [
        landscape.scan(objective.described(name=name), plane, grid) for name, plane in lines.items()
    ]
    figure = landscape.plot(*surfaces, kind="line")
    (axes, *_) = figure.axes
    drawn = [line for line in axes.get_lines() if line.get_label() in lines]
    assert [line.get_label() for line in drawn] == list(lines)
    for line, surface in zip(drawn, surfaces, strict=True):
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        np.testing.assert_array_equal(x[[0, -1]], grid.alphas[[0, -1]])
        np.testing.assert_allclose(np.interp(grid.alphas, x, y), surface.losses[:, 0])
    # The curvature along every direction of norm r is r².
    (length,) = {round(norm(plane.delta), 9) for plane in lines.values()}
    for surface in surfaces:
        ends = surface.losses[0, 0] - 2 * surface.losses[2, 0] + surface.losses[4, 0]
        assert ends / 0.1**2 == pytest.approx(length**2, rel=1e-9)
    plt.close(figure)


@pytest.mark.slow
def test_cuts_on_the_command_line(run: Callable[..., Any], tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3))
    others = {"model": model, "tuned": shifted(model, 0.1), "worse": shifted(model, 0.2, 1)}
    for name, each in others.items():
        torch.save(each.state_dict(), tmp_path / f"{name}.pt")
    np.savez(
        tmp_path / "data.npz",
        x=np.random.default_rng(0).normal(size=(20, 7)).astype("f4"),
        y=np.arange(20) % 3,
    )
    (tmp_path / "make.py").write_text(
        "from torch import nn\n"
        "def make(): return nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3))\n"
    )
    shared = ["--model", "make.py:make", "--data", "data.npz", "--points", "5", "--device", "cpu"]
    options = ["--normalize", "none", "--range=-0.1:0.1"]
    done = run("scan", "model.pt", "tuned.pt", "worse.pt", "--plane", "towards", *options, *shared)
    assert done.returncode == 0, done.stderr
    done = run("scan", "model.pt", "--line", *options, *shared)
    assert done.returncode == 0, done.stderr
    files = [f"surfaces/model{end}.h5" for end in ("-line", "-towards-tuned", "-towards-worse")]
    surfaces = [landscape.load(tmp_path / file) for file in files]
    assert [surface.grid.shape for surface in surfaces] == [(5, 1)] * 3
    assert surfaces[1].name == "model-towards-tuned"
    center = [surface.losses[2, 0] for surface in surfaces]
    assert center == pytest.approx([center[0]] * 3, rel=1e-6)
    assert [mark.name for mark in surfaces[1].marks] == ["tuned"]
    assert run("plot", *files, "--kind", "line", "--out", "cuts.png").returncode == 0
    saddle = run("scan", "model.pt", "--plane", "eigenvectors:both", *shared, "--json")
    assert saddle.returncode == 0, saddle.stderr
    assert json.loads(saddle.stdout)["path"].endswith("model-eigenvectors-both.h5")
    for wrong, text in {
        "model.pt --plane towards": "needs two checkpoints",
        "model.pt tuned.pt --plane towards --repeats 2": "--repeats needs --plane random",
        "model.pt --plane eigenvectors:both --seed 1": "--seed needs --plane random or towards",
    }.items():
        refused = run("scan", *wrong.split(), *shared)
        assert refused.returncode == 2
        assert text in refused.stderr
