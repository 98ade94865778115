"""Two optimizers, one start.

SGD and Adam train the same network from the same initial weights. A `Recorder` writes the weights
during training; the plane is that of the two largest principal components of all of them. Paths lie
off this plane, by the distance of the right panel, so that the loss below a path is that of the
plane, not that of the network.
"""

import copy
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import landscape

digits = landscape.datasets.load("digits")
x, y = digits.preprocessing(digits.x), digits.y
torch.manual_seed(0)
start = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))


def train(model, optimizer, folder):
    """Take 200 steps, and record the weights after every fifth."""
    with landscape.Recorder(model, folder, every=5, share=float("inf")) as recorder:
        for _ in range(200):
            batch = torch.randint(len(x), (64,))
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step()


with tempfile.TemporaryDirectory() as folder:
    sgd, adam = copy.deepcopy(start), copy.deepcopy(start)
    train(sgd, torch.optim.SGD(sgd.parameters(), lr=0.1, momentum=0.9), Path(folder, "SGD"))
    train(adam, torch.optim.Adam(adam.parameters(), lr=0.005), Path(folder, "Adam"))
    objective = landscape.Objective(sgd, "cross_entropy", (x, y), name="MLP on digits")
    plane = landscape.planes.pca(objective, Path(folder, "SGD"), Path(folder, "Adam"))
    surface = landscape.scan(objective, plane, 31)

figure = surface.plot(kind="path")
figure.savefig((sys.argv[1:] or ["optimizers.png"])[0])
