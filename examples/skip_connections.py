"""Skip connections smooth the surface.

The two 56-layer networks of Li et al. (2018), with the weights that the authors published, on
CIFAR-10: without (left) and with (right) skip connections. Directions, range and colors are the
same. With skip connections the loss falls from all sides into one basin; without them a narrow
minimum lies in a rugged plateau.
"""

import sys
from pathlib import Path

import landscape

results = Path(__file__).resolve().parent.parent / "results" / "li2018"
plain = landscape.load(results / "plain56.h5")
residual = landscape.load(results / "resnet56.h5")

figure = landscape.plot(
    plain, residual, names=["without skip connections", "with skip connections"]
)
figure.savefig((sys.argv[1:] or ["skip_connections.png"])[0])
