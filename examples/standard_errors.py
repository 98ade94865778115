"""How many images are enough?

The loss along one random direction, as the mean over 50 random images and over 400, each with a
band of two standard errors, and over all 1438. The standard error is stored for every point. All
points of a line share their images, so that a small sample shifts whole stretches of it to one
side; four times the images halve the band.
"""

import sys
import tempfile
from pathlib import Path

import torch
from matplotlib import pyplot as plt

import landscape

digits = landscape.datasets.load("digits")
x, y = digits.preprocessing(digits.x), digits.y
network = landscape.models.Architecture("resnet8", in_channels=1)
with tempfile.TemporaryDirectory() as folder:
    recipe = landscape.Recipe(epochs=4)
    model = landscape.train(network, digits, None, recipe, Path(folder)).model()

torch.manual_seed(0)
shuffled = torch.randperm(len(x))
grid = landscape.Grid.regular((41, 1), alpha=(-0.6, 0.6))


def line(images):
    """Return the loss along α, as the mean over random images."""
    some = shuffled[:images]
    return landscape.scan(
        landscape.Objective(model, "cross_entropy", (x[some], y[some])), grid=grid
    )


figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for images, color in ((50, "C1"), (400, "C0")):
    few = line(images)
    loss, error = few.losses[:, 0], few.standard_errors[:, 0]
    axes.plot(grid.alphas, loss, color, label=f"{images} images ± 2 standard errors")
    axes.fill_between(grid.alphas, loss - 2 * error, loss + 2 * error, color=color, alpha=0.3, lw=0)
everything = line(len(x))
axes.plot(grid.alphas, everything.losses[:, 0], "k--", lw=1, label="all images")
axes.set(xlabel="α", ylabel=everything.quantity, title="resnet8 on digits, one random direction")
axes.legend()
figure.savefig((sys.argv[1:] or ["standard_errors.png"])[0])
