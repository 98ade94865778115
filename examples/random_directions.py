"""Another plane, the same picture?

Two directions out of 850,000 are drawn at random. Each color is one random plane of the same two
networks; the lines, from 17 × 17 points, enclose where the loss is below 1 (solid) and below 5
(dotted). Details move from plane to plane. What is common to all of them can be concluded: the
basin of the residual network is several times wider.
"""

import sys
from pathlib import Path

from matplotlib import pyplot as plt

import landscape

results = Path(__file__).resolve().parent.parent / "results" / "li2018"
figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), sharey=True, layout="constrained")
for name, title, panel in (
    ("plain56", "without skip connections", axes[0]),
    ("resnet56", "with skip connections", axes[1]),
):
    surface = landscape.load(results / f"{name}-seeds.h5")
    alphas, betas = surface.grid.alphas, surface.grid.betas
    for seed, losses in enumerate(surface.stacked()):  # (alphas, betas); contour takes (y, x)
        for level, style in ((1, "solid"), (5, "dotted")):
            panel.contour(alphas, betas, losses.T, [level], colors=f"C{seed}", linestyles=style)
        panel.plot([], [], f"C{seed}", label=f"plane {seed + 1}")
    panel.plot(0, 0, "k+")
    panel.set(title=title, xlabel="α", aspect="equal")
axes[0].set_ylabel("β")
axes[0].legend()
figure.savefig((sys.argv[1:] or ["random_directions.png"])[0])
