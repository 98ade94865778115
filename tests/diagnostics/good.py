"""Good scans, in which no check may find anything."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import models, planes
from landscape.grid import Grid
from landscape.plane import Plane
from landscape.surface import Surface
from tests.diagnostics.networks import (
    FAMILIES,
    SOME,
    TEST,
    TRAIN,
    Trained,
    around,
    created,
    fit,
    objective,
    on,
    through,
)

Make = Callable[[Trained, Path], Surface]

MLP = "mlp2x64"


def plane(name: str, trained: Trained, _: Path) -> Surface:
    return around(objective(trained(name)))


def line_of_seeds(trained: Trained, _: Path) -> Surface:
    of = objective(trained(MLP))
    return landscape.scan(
        of, [Plane.random(of.center, seed) for seed in range(3)], Grid.regular((41, 1))
    )


def unseen_images(trained: Trained, _: Path) -> Surface:
    return around(objective(trained("resnet8"), TEST))


def recomputed(trained: Trained, _: Path) -> Surface:
    return around(objective(trained("resnet8"), batchnorm="recomputed"))


def through_recomputed(trained: Trained, _: Path) -> Surface:
    """Other statistics than those of the center, and no fault: each point has its own."""
    return through(trained, "resnet8", 2, batchnorm="recomputed")


def logarithmic(trained: Trained, _: Path) -> Surface:
    return landscape.scan(objective(trained(MLP)), None, Grid.logarithmic(15))


def eigenvectors(trained: Trained, _: Path) -> Surface:
    of = objective(trained(MLP))
    return on(of, planes.eigenvectors(of))


def tolerance(trained: Trained, _: Path) -> Surface:
    return around(objective(trained(MLP), TRAIN), tolerance=0.05)


def refined(trained: Trained, _: Path) -> Surface:
    """A scan that leaves points out where neighbors predict them."""
    return around(objective(trained(MLP)), 33, points_tolerance=0.02)


def regression(trained: Trained, _: Path) -> Surface:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    x = torch.linspace(-1, 1, 128)[:, None]
    data = x, torch.sin(3 * x)
    return around(objective(fit(net, data, 500, F.mse_loss, 2e-2), data, "mse"))


def of_tokens(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)


def language(trained: Trained, _: Path) -> Surface:
    torch.manual_seed(0)
    windows = torch.tensor(list(b"the loss landscape of the network " * 40)).unfold(0, 17, 5)
    data = windows[:, :-1], windows[:, 1:]
    net = models.create("gpt1", vocabulary=128, context=16, width=32, heads=2)
    net = fit(net, data, 80, lambda *pair: of_tokens(*pair).mean(), 1e-2)
    return around(objective(net, data, of_tokens))


def along_a_run(trained: Trained, folder: Path) -> Surface:
    net = created(MLP)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with landscape.Recorder(net, folder / "run", every=5, share=float("inf")) as recorder:
        for _ in range(30):
            optimizer.zero_grad()
            F.cross_entropy(net(SOME[0]), SOME[1]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            recorder.step()
    of = objective(net)
    return on(of, planes.pca(of, folder / "run"))


def towards(trained: Trained, _: Path) -> Surface:
    of = objective(trained(MLP))
    return on(of, planes.towards(of, trained(MLP, 1)))


def through_two(trained: Trained, _: Path) -> Surface:
    return through(trained, MLP, 2)


def through_three(trained: Trained, _: Path) -> Surface:
    return through(trained, MLP, 3)


GOOD: dict[str, Make] = {
    **{f"plane of {name}": partial(plane, name) for name in FAMILIES},
    **{
        make.__name__: make
        for make in (
            line_of_seeds,
            unseen_images,
            recomputed,
            through_recomputed,
            logarithmic,
            eigenvectors,
            tolerance,
            refined,
            regression,
            language,
            along_a_run,
            towards,
            through_two,
            through_three,
        )
    },
}
