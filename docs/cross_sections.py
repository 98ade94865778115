"""Draw the figure of docs/concepts/cross-sections.md.

python docs/cross_sections.py docs/images/cross-sections.png
"""

import sys

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

_PARAMETERS, _DIRECTIONS = 1000, 2000


def directions(random: np.random.Generator, number: int) -> NDArray[np.float64]:
    """Return random directions of length 1, shape (number, parameters)."""
    drawn = random.normal(size=(number, _PARAMETERS))
    unit: NDArray[np.float64] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def averages(axes: Axes) -> None:
    """Draw the curvatures along random directions, and the eigenvalues."""
    random = np.random.default_rng(0)
    eigenvalues = np.concatenate(
        [np.full(100, -1.0), random.uniform(0, 1, 890), random.uniform(5, 20, 10)]
    )
    seen = directions(random, _DIRECTIONS) ** 2 @ eigenvalues
    bins = np.linspace(-2, 20, 89).tolist()
    axes.hist(eigenvalues, bins, color="C0", label="eigenvalues of the Hessian")
    axes.hist(seen, bins, color="C1", alpha=0.8, label=f"along {_DIRECTIONS} random directions")
    axes.set_yscale("log")
    axes.set(xlabel="curvature", ylabel="number", title="A direction averages")
    axes.legend(fontsize="small")


def planes(axes: Axes) -> None:
    """Draw how often a random plane shows negative curvature."""
    random = np.random.default_rng(1)
    shares = np.linspace(0, 0.8, 33)
    for number, color in ((10, "C2"), (100, "C1"), (1000, "C0")):
        found = []
        for share in shares:
            signs = np.where(np.arange(number) < share * number, -1.0, 1.0)
            pair = random.normal(size=(500, number, 2))
            basis = np.linalg.qr(pair)[0]
            hessians = np.einsum("pni,n,pnj->pij", basis, signs, basis)
            found.append(np.mean(np.linalg.eigvalsh(hessians)[:, 0] < 0))
        axes.plot(100 * shares, 100 * np.array(found), color=color, label=f"{number} parameters")
    axes.set(
        xlabel="negative eigenvalues (%)",
        ylabel="planes with negative curvature (%)",
        title="A plane hides directions",
    )
    axes.legend(fontsize="small")


def scales(axes: Axes) -> None:
    """Draw a scale-invariant loss along one direction, for two lengths of the weights."""
    random = np.random.default_rng(2)
    minimum, direction = directions(random, 2)
    alphas = np.linspace(-1, 1, 201)

    def loss(weights: NDArray[np.float64]) -> float:
        """Of a direction alone, as of weights before a normalization layer."""
        return float(1 - weights @ minimum / np.linalg.norm(weights))

    for length, style in ((0.5, "-"), (5.0, "--")):
        raw = [loss(length * minimum + a * direction) for a in alphas]
        axes.plot(alphas, raw, f"C0{style}", label=f"fixed direction, weights × {length:g}")
    for length, style in ((0.5, "-"), (5.0, ":")):
        scaled = [loss(length * minimum + a * length * direction) for a in alphas]
        axes.plot(alphas, scaled, f"C3{style}", lw=2, label=f"normalized, weights × {length:g}")
    axes.set(xlabel="α", ylabel="loss", title="A scale without effect changes the curve")
    axes.legend(fontsize="x-small")


def main() -> None:
    """Draw the figure to the file of the first argument."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for draw, each in zip((averages, planes, scales), axes, strict=True):
        draw(each)
    figure.savefig(sys.argv[1], dpi=110)


if __name__ == "__main__":
    main()
