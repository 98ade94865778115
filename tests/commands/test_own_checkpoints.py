"""Checkpoints and data of users, from the command line."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from tests.conftest import Run

OWN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def make():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))

class Wrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make()

    def forward(self, x):
        return self.net(x)

def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 4, generator=generator)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()

def loader():
    return DataLoader(TensorDataset(*data()), batch_size=7, shuffle=True)

def dictionary():
    x, y = data()
    return {"input": x, "labels": y}
"""
MINE = ("--model", "mine.py:make", "--device", "cpu", "--out", "a.h5")
SCAN = ("--data", "mine.py:data", "--points", "3", *MINE)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def make() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def data() -> tuple[Tensor, Tensor]:
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def loss(net: nn.Module) -> float:
    x, y = data()
    with torch.no_grad():
        return float(F.cross_entropy(net.double().eval()(x.double()), y))


@pytest.mark.parametrize("model", ["make", "Wrapper"])
def test_a_key_names_the_network(own: Path, run: Run, model: str) -> None:
    net = make()
    torch.save({"ema": net.state_dict(), "state_dict": make().state_dict()}, own / "a.ckpt")
    options = [*SCAN, "--model", f"mine.py:{model}"]
    result = run("scan", "a.ckpt", *options, "--key", "ema")
    assert result.returncode == 0, result.stderr
    assert landscape.load(own / "a.h5").center_loss == pytest.approx(loss(net), rel=1e-6)
    torch.save({"a": net.state_dict(), "b": net.state_dict()}, own / "b.ckpt")
    result = run("scan", "b.ckpt", *options)
    assert result.returncode == 1
    assert "b.ckpt holds several networks (a, b): give --key NAME" in result.stderr


def test_a_trajectory_under_names_of_ones_own(own: Path, run: Run) -> None:
    (own / "run").mkdir()
    net = make()
    x, y = data()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    points, losses = [], []
    for epoch in range(31):
        if epoch % 10 == 0:
            content = {"model": net.state_dict(), "ema": make().state_dict()}
            torch.save(content, own / "run" / f"model_{epoch}.pth")
            points.append(nn.utils.parameters_to_vector(net.parameters()).detach().clone())
            other = make()
            other.load_state_dict(net.state_dict())
            losses.append(loss(other))
        optimizer.zero_grad()
        F.cross_entropy(net.train()(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.save(net.state_dict(), own / "run" / "teacher_1.pth")
    result = run("scan", "--plane", "pca", "run", *SCAN)
    assert result.returncode == 1
    assert "run holds model_*.pth, teacher_*.pth: give --pattern 'model_*.pth'" in result.stderr
    result = run("scan", "--plane", "pca", "run", "--pattern", "model_*.pth", *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(own / "a.h5")
    trajectory = surface.trajectories[0]
    assert list(trajectory.steps) == [0, 10, 20, 30]
    np.testing.assert_allclose(trajectory.losses, losses, rtol=1e-5)
    matrix = torch.stack(points).double().numpy()
    values = np.linalg.svd(matrix - matrix.mean(0), compute_uv=False) ** 2
    explained = values[:2].sum() / values.sum()
    assert surface.settings["explained_variation"] == pytest.approx(explained, rel=1e-5)
    averaged = ("--pattern", "model_*.pth", "--key", "ema", "--out", "b.h5")
    result = run("scan", "--plane", "pca", "run", *SCAN, *averaged)
    assert result.returncode == 0, result.stderr
    assert not np.isclose(landscape.load(own / "b.h5").trajectories[0].losses, losses).any()


@pytest.mark.parametrize("source", ["loader", "dictionary"])
def test_data_are_anything_that_holds_batches(own: Path, run: Run, source: str) -> None:
    net = make()
    torch.save(net.state_dict(), own / "a.pt")
    options = ("--data", f"mine.py:{source}", "--points", "3", *MINE)
    result = run("scan", "a.pt", *options)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(own / "a.h5")
    assert surface.center_loss == pytest.approx(loss(net), rel=1e-6)
    assert surface.settings["images"] == 50
    result = run("scan", "a.pt", *options, "--images", "10", "--overwrite")
    assert result.returncode == 0, result.stderr
    surface = landscape.load(own / "a.h5")
    x, y = (each[:10] for each in data())
    with torch.no_grad():
        first = float(F.cross_entropy(net.double().eval()(x.double()), y))
    assert surface.center_loss == pytest.approx(first, rel=1e-6)
    assert surface.settings["images"] == 10
    result = run("scan", "a.pt", *options, "--images", "51")
    assert result.returncode == 1
    assert f"mine.py:{source}: 51 examples asked of data that hold 50" in result.stderr


def test_a_pair_of_loaders_is_refused(own: Path, run: Run) -> None:
    torch.save(make().state_dict(), own / "a.pt")
    with (own / "mine.py").open("a") as file:
        file.write("\ndef both():\n    return loader(), loader()\n")
    result = run("scan", "a.pt", "--data", "mine.py:both", "--points", "3", *MINE)
    assert result.returncode == 1
    assert "mine.py:both: expected one DataLoader or Dataset, got 2" in result.stderr
    assert result.stderr.count("\n") == 1
