"""Spoiled scans: the fault is planted in network, data, plane or computation."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

import landscape
from landscape import planes
from landscape.cli import group
from landscape.grid import Grid
from landscape.plane import Plane
from landscape.surface import Surface
from tests.diagnostics.good import MLP, Make
from tests.diagnostics.networks import (
    SOME,
    TRAIN,
    Trained,
    around,
    created,
    fit,
    objective,
    on,
    through,
)

SPOILED: list[tuple[str, Make]] = []
"""Each with the name of the check that must find the fault."""


def spoiled(check: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        SPOILED.append((check, make))
        return make

    return register


@spoiled("guessing")
def wrong_labels(trained: Trained, _: Path) -> Surface:
    return around(objective(trained(MLP), (SOME[0], SOME[1].roll(1))))


@spoiled("guessing")
def initial_weights(trained: Trained, _: Path) -> Surface:
    return around(objective(created("vit2")))


@spoiled("batchnorm-initial")
def without_buffers(trained: Trained, _: Path) -> Surface:
    net = created("resnet8")
    net.load_state_dict(dict(trained("resnet8").named_parameters()), strict=False)
    return around(objective(net))


@spoiled("batchnorm-of-other-data")
def wrong_preprocessing(trained: Trained, _: Path) -> Surface:
    return around(objective(trained("resnet8"), (20 * SOME[0] + 5, SOME[1])))


@spoiled("batchnorm-of-other-data")
def without_the_shortcuts(trained: Trained, _: Path) -> Surface:
    """A function that builds another network than the trained one, with equal names and shapes."""
    net = created("plain8")
    net.load_state_dict(trained("resnet8").state_dict())
    return around(objective(net.eval()))


@spoiled("batchnorm-of-other-data")
def averaged_weights(trained: Trained, _: Path) -> Surface:
    """A moving average of the weights alone, with the statistics of its beginning."""
    average = created("resnet8")
    update_bn([(TRAIN[0],)], average)
    net = fit(copy.deepcopy(average), TRAIN, 100, rate=3e-2)
    average.load_state_dict(dict(net.named_parameters()), strict=False)
    return around(objective(average))


@spoiled("recorded")
def other_mean_of_images(trained: Trained, folder: Path) -> Surface:
    """A checkpoint of another program, with its accuracy."""
    state = {"state_dict": trained(MLP).state_dict(), "acc": 95.0, "epoch": 3}
    torch.save(state, folder / "theirs.t7")
    return by_command(folder, "theirs.t7", "--net", MLP, "--data", "digits", "--preprocess", "none")


@spoiled("probabilities")
def two_softmaxes(trained: Trained, _: Path) -> Surface:
    return around(objective(fit(nn.Sequential(created(MLP), nn.Softmax(1)), TRAIN, 300)))


@spoiled("not-finite")
def logarithm_of_negatives(trained: Trained, _: Path) -> Surface:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        room = torch.log(60 - outputs.abs().sum(1))
        return F.cross_entropy(outputs, targets, reduction="none") + 0.01 * room

    return around(objective(trained(MLP), loss=loss), extent=4)


@spoiled("constant")
def dead_units(trained: Trained, _: Path) -> Surface:
    net = trained(MLP)
    with torch.no_grad():
        net.get_parameter("layers.0.bias").fill_(-1e4)
    return around(objective(net, only="layers.0.weight"))


@spoiled("constant")
def dead_direction(trained: Trained, _: Path) -> Surface:
    x = SOME[0].clone()
    x[:, 0, 0, 0] = 0
    of = objective(trained(MLP), (x, SOME[1]))
    eta = {name: torch.zeros_like(tensor) for name, tensor in of.center.items()}
    eta["layers.0.weight"][:, 0] = 1.0  # the pixel that is 0 in all images
    return on(of, Plane(of.center, Plane.random(of.center).delta, eta))


@spoiled("too-narrow")
def narrow(trained: Trained, _: Path) -> Surface:
    return around(objective(trained(MLP)), extent=1e-3)


@spoiled("too-few-images")
def four_images(trained: Trained, _: Path) -> Surface:
    return around(objective(trained(MLP), (SOME[0][:4], SOME[1][:4])))


@spoiled("parallel")
def nearly_parallel(trained: Trained, _: Path) -> Surface:
    of = objective(trained(MLP))
    plane = Plane.random(of.center)
    eta = {name: plane.delta[name] + 0.1 * plane.eta[name] for name in of.center}
    return on(of, Plane(of.center, plane.delta, eta))


@spoiled("zero-filters")
def pruned(trained: Trained, _: Path) -> Surface:
    net = trained("resnet8")
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() == 4:
                parameter[::3] = 0
    update_bn([(TRAIN[0],)], net)
    return around(objective(net))


@spoiled("batchnorm-of-other-net")
def barrier_of_batchnorm(trained: Trained, _: Path) -> Surface:
    return through(trained, "resnet8", 2)


@spoiled("no-center")
def even_points(trained: Trained, _: Path) -> Surface:
    return around(objective(trained(MLP)), 10)


def moved(trained: Trained, alpha: float, beta: float) -> Surface:
    """Weights near those of the trained network, which lies on the plane as well."""
    net = trained(MLP)
    plane = Plane.random(objective(net).center)
    net.load_state_dict(plane.at(alpha, beta))
    of = objective(net)
    return landscape.scan(of, replace(plane, center=of.center), Grid.regular(9, (-1.6, 1.6)))


@spoiled("not-lowest")
def other_weights(trained: Trained, _: Path) -> Surface:
    return moved(trained, 0.8, -0.8)


@spoiled("sloped")
def slightly_other_weights(trained: Trained, _: Path) -> Surface:
    return moved(trained, 0.5, 0.0)


@spoiled("too-wide")
def wide(trained: Trained, _: Path) -> Surface:
    return around(objective(trained("resnet8")), 11, 20)


class Phase(nn.Module):
    """The loss oscillates along its two weights."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.linear(x))


@spoiled("too-coarse")
def oscillating(trained: Trained, _: Path) -> Surface:
    torch.manual_seed(0)
    nets, x = [Phase() for _ in range(3)], 10 * torch.randn(64, 2)
    with torch.no_grad():
        for net, weight in zip(nets, ([3.0, 4.0], [-4.0, 3.0], [1.0, -5.0]), strict=True):
            net.linear.weight.copy_(torch.tensor([weight]))
        of = objective(nets[0], (x, nets[0](x)), "mse")
    return on(of, planes.through(of, *nets[1:]))


@spoiled("imprecise")
def bfloat16(trained: Trained, _: Path) -> Surface:
    """A loss near 0, of which rounding is a large part."""
    net = fit(created(MLP), TRAIN, 600, rate=1e-2)
    return around(objective(net), precision="bfloat16")


@spoiled("seeds-disagree")
def few_parameters(trained: Trained, _: Path) -> Surface:
    """Two weights, of which one matters: how far a direction moves it is chance."""
    torch.manual_seed(0)
    x, net = torch.randn(200, 2) * torch.tensor([10.0, 0.1]), nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.1, 10.0]]))
        y = net(x) + 0.1 * torch.randn(200, 1)
    of = objective(net, (x, y), "mse")
    every = [Plane.random(of.center, seed) for seed in range(4)]
    return landscape.scan(of, every, Grid.regular((21, 1)))


class Interrupting(landscape.Silent):
    def update(self, done: int, *_: Any) -> None:
        if done == 20:
            raise KeyboardInterrupt


@spoiled("incomplete")
def interrupted(trained: Trained, folder: Path) -> Surface:
    path = folder / "part.h5"
    with pytest.raises(KeyboardInterrupt):
        landscape.scan(objective(trained(MLP)), None, 9, file=path, progress=Interrupting())
    return landscape.load(path)


def by_command(folder: Path, checkpoint: str, *options: str) -> Surface:
    path = folder / "by-command.h5"
    usual = ("--images", "256", "--points", "9", "--device", "cpu", "--out", str(path))
    arguments = ["scan", str(folder / checkpoint), *options, *usual]
    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return landscape.load(path)
