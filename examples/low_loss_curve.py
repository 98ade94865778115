"""Two minima, connected.

Two networks from different seeds lie in two basins, with a barrier on the straight line between
them. `connect` trains the control point of a curve around it (Garipov et al. 2018): here the
highest loss of the curve is about a tenth of that of the line. The plane goes through both
networks and the control point, so that the whole curve lies on it.
"""

import sys
import tempfile
from pathlib import Path

import landscape

digits = landscape.datasets.load("digits")
data = digits.preprocessing(digits.x), digits.y
network = landscape.models.Architecture("mlp3", in_channels=1, image_size=8)
recipes = [landscape.Recipe(epochs=8, seed=seed) for seed in (0, 1)]
with tempfile.TemporaryDirectory() as folder:
    first, second = (
        landscape.train(network, digits, None, recipe, Path(folder, str(recipe.seed))).model()
        for recipe in recipes
    )

objective = landscape.Objective(first, "cross_entropy", data, name="mlp3 on digits")
control = landscape.connect(objective, second, landscape.Recipe(epochs=80, learning_rate=0.1))
plane = landscape.planes.bezier(objective, second, control)
surface = landscape.scan(objective, plane, 31)

figure = surface.plot(kind="path")
figure.savefig((sys.argv[1:] or ["low_loss_curve.png"])[0])
