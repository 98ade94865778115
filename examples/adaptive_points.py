"""Points where the picture needs them.

With `points_tolerance`, a grid of 101 × 101 points is evaluated from coarse to fine, and only
where interpolation deviates. Dots are the evaluated points: few on smooth slopes, many where the
loss turns. Random points among those left out are evaluated as well, and bound the error.
"""

import sys
import tempfile
from pathlib import Path

import landscape

digits = landscape.datasets.load("digits")
network = landscape.models.Architecture("resnet8", in_channels=1)
with tempfile.TemporaryDirectory() as folder:
    recipe = landscape.Recipe(epochs=4)
    model = landscape.train(network, digits, None, recipe, Path(folder)).model()

data = digits.preprocessing(digits.x[:200]), digits.y[:200]
objective = landscape.Objective(model, "cross_entropy", data, name="resnet8")
surface = landscape.scan(objective, grid=101, compute=landscape.Compute(points_tolerance=0.02))

figure = surface.plot(kind="contour", evaluated=True)
figure.savefig((sys.argv[1:] or ["adaptive_points.png"])[0])
