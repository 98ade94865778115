"""Another height: the margin.

A metric is a further height of the same scan. Here it is the mean margin: the logit of the true
class minus the largest other one, positive where an image is classified correctly. Its scale is
linear, in units of logits, where the loss spans three orders of magnitude.
"""

import sys
import tempfile
from pathlib import Path

from matplotlib import pyplot as plt

import landscape


def margin(outputs, y):
    """Return the logit of the true class minus the largest other one, for each image."""
    true = outputs.gather(1, y[:, None])[:, 0]
    others = outputs.scatter(1, y[:, None], float("-inf"))
    return true - others.max(1).values


digits = landscape.datasets.load("digits")
network = landscape.models.Architecture("resnet8", in_channels=1)
with tempfile.TemporaryDirectory() as folder:
    recipe = landscape.Recipe(epochs=4)
    model = landscape.train(network, digits, None, recipe, Path(folder)).model()

data = digits.preprocessing(digits.x[:300]), digits.y[:300]
objective = landscape.Objective(model, "cross_entropy", data, metrics={"margin": margin})
surface = landscape.scan(objective, grid=21)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), subplot_kw={"projection": "3d"})
surface.plot(kind="surface", ax=left, title="loss")
surface.plot(kind="surface", ax=right, quantity="margin", cmap="viridis", title="margin")
figure.savefig((sys.argv[1:] or ["margin.png"])[0], bbox_inches="tight")
