"""Where the loss is convex, in all directions.

Left the loss of a small network on a plane, right the ratio of the lowest and the highest
eigenvalue of the Hessian at every point of it, |λ_min / λ_max|: a number about all directions, not
only the two of the plane. Near zero the loss is almost convex; near one, it curves downwards as
strongly as upwards.
"""

import sys
import tempfile
from pathlib import Path

from matplotlib import pyplot as plt

import landscape

digits = landscape.datasets.load("digits")
network = landscape.models.Architecture("plain8", in_channels=1)
with tempfile.TemporaryDirectory() as folder:
    recipe = landscape.Recipe(epochs=4)
    model = landscape.train(network, digits, None, recipe, Path(folder)).model()

data = digits.preprocessing(digits.x[:30]), digits.y[:30]
objective = landscape.Objective(model, "cross_entropy", data, name="plain8")
surface = landscape.scan(objective, grid=9, quantities=("loss", "curvature"))

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
surface.plot(kind="heatmap", ax=left, title="loss")
surface.plot(kind="heatmap", quantity="ratio", ax=right, title="|λ_min / λ_max|")
figure.savefig((sys.argv[1:] or ["curvature.png"])[0])
