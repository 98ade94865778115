"""Deep linear networks: solutions close to the identity, and the loss around it and around zero."""

from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.linalg import expm, fractional_matrix_power, logm
from scipy.optimize import least_squares
from torch import Tensor

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, spread

_SIZE, _EXAMPLES = 6, 64
_STARTS = {"identity": 1.0, "zero": 0.0}
_DEPTHS = (2, 4, 8, 32)
_RATES = torch.logspace(-3, 0, 7, dtype=torch.float64) / _EXAMPLES
_NOISE, _STEPS, _EVERY = 0.03, 300, 10
_REACH = 0.15
_EXACT = 1e-10


@experiment(
    claim="A deep linear network has a solution close to the identity, the closer the deeper it "
    "is; around the identity the loss is smooth and its critical points are global minima, around "
    "zero it is ill-behaved.",
    source="Hardt & Ma 2017; Bartlett, Helmbold & Long 2018",
)
def identity(lab: Lab) -> None:
    """Examine J(W) = ‖W_L ⋯ W_1 Xᵀ − Yᵀ‖², the squared Frobenius norm, in float64."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    _solutions(lab, axes[0, 0])
    _around_the_identity(lab, axes[0, 1])
    _around_zero(lab)
    _critical_points(lab)
    _descent(lab, axes[1, 0], relu=False)
    _descent(lab, axes[1, 1], relu=True)
    lab.save(figure, "identity")
    _surfaces(lab)


def problem(seed: int, size: int = _SIZE) -> tuple[Tensor, Tensor]:
    """Return X and Y, shape (examples, size): a linear map of positive determinant, with noise.

    X is not negative, as activations behind a ReLU.

    Args:
        seed: Random seed.
        size: Number of inputs and of outputs.
    """
    random = np.random.default_rng(seed)
    x = np.abs(random.normal(size=(_EXAMPLES, size)))
    y = x @ expm(random.normal(size=(size, size)) / size**0.5 / 2).T
    return torch.from_numpy(x), torch.from_numpy(y + 0.1 * random.normal(size=y.shape))


def loss(weights: Tensor, x: Tensor, y: Tensor, relu: bool = False) -> Tensor:
    """Return J.

    Args:
        weights: W_1, …, W_L, shape (…, depth, size, size).
        x: X, shape (…, examples, size).
        y: Y, shape (…, examples, size).
        relu: Apply ReLU between the layers.
    """
    first, *rest = weights.unbind(-3)
    outputs = x @ first.mT
    for each in rest:
        outputs = (outputs.relu() if relu else outputs) @ each.mT
    return (outputs - y).square().sum((-2, -1))


def solution(x: Tensor, y: Tensor, depth: int) -> Tensor:
    """Return the weights A^(1/L) of all layers, shape (depth, size, size), for A = Yᵀ(Xᵀ)⁺.

    Args:
        x: X, shape (examples, size).
        y: Y, shape (examples, size); A has no eigenvalue that is zero or negative.
        depth: L.
    """
    layer = fractional_matrix_power((y.T @ torch.linalg.pinv(x.T)).numpy(), 1 / depth)
    return torch.from_numpy(np.real(layer)).expand(depth, *layer.shape).clone()


def distance(weights: Tensor) -> float:
    """Return τ, the largest spectral norm of W_i − I.

    Args:
        weights: Shape (depth, size, size).
    """
    return float(torch.linalg.matrix_norm(weights - torch.eye(weights.shape[-1]), 2).max())


def lower_bound(weights: Tensor, x: Tensor) -> float:
    """Return a lower bound of ‖∇J‖² / (J − J_opt) for τ < 1: 4 L (1 − τ)^(2L−2) σ_min(X)².

    For P = W_L ⋯ W_1, ∇_i J = 2 (W_L ⋯ W_{i+1})ᵀ (P − A) XᵀX (W_{i−1} ⋯ W_1)ᵀ, since X is
    orthogonal to the residual of A. Its norm is at least 2 (1 − τ)^(L−1) σ_min(X) ‖(P − A) Xᵀ‖,
    since σ_min(W_i) ≥ 1 − τ; ‖(P − A) Xᵀ‖² = J − J_opt; squared, and summed over L layers.

    Args:
        weights: Shape (depth, size, size).
        x: X, shape (examples, size).
    """
    depth, smallest = len(weights), float(torch.linalg.matrix_norm(x, -2))
    return 4 * depth * (1 - distance(weights)) ** (2 * depth - 2) * smallest**2


def steepness(weights: Tensor, x: Tensor, y: Tensor) -> float:
    """Return ‖∇J‖² / (J − J_opt).

    Args:
        weights: Shape (depth, size, size).
        x: X, shape (examples, size).
        y: Y, shape (examples, size).
    """
    excess = loss(weights, x, y) - loss(solution(x, y, 1), x, y)
    return float(_gradient(weights, x, y).square().sum() / excess)


def _gradient(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    gradient: Tensor = torch.func.grad(loss)(weights, x, y)
    return gradient


def _around(start: float, noise: float, seed: int, depth: int, size: int = _SIZE) -> Tensor:
    """Return ``start`` times the identity with Gaussian noise, shape (depth, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(depth, size, size, dtype=torch.float64, generator=generator)
    return start * torch.eye(size) + noise * random


def _solutions(lab: Lab, axes: Axes) -> None:
    x, y = problem(0)
    optimum = float(np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[1].sum())
    errors, gradients = [], []
    for depth in (2, 3, 5, 8):
        random = _around(0, 0.5, depth, depth)
        others = torch.linalg.multi_dot([torch.eye(_SIZE).double(), *random[1:].flip(0)])
        random[0] = torch.linalg.solve(others, solution(x, y, 1)[0])
        for weights in (random, solution(x, y, depth)):
            terms = _gradient(weights, x, 0 * y)  # what cancels with those of Y
            errors.append(abs(float(loss(weights, x, y)) / optimum - 1))
            gradients.append(float(_gradient(weights, x, y).norm() / terms.norm()))
    lab.state(
        "Networks with W_L ⋯ W_1 = Yᵀ(Xᵀ)⁺ have the loss of least squares and no gradient",
        max(errors) < _EXACT and max(gradients) < _EXACT,
        f"{len(errors)} networks of depth 2 to 8: loss {max(errors):.0e} off, gradient at most "
        f"{max(gradients):.0e} of its terms",
    )
    depths = 2 ** np.arange(11)
    distances = np.array([distance(solution(x, y, int(depth))) for depth in depths])
    size = float(np.linalg.norm(logm(solution(x, y, 1)[0].numpy()), 2))
    remainder = np.expm1(size / depths) - size / depths  # of the exponential series
    lab.state(
        "The layers A^(1/L) of one solution approach the identity as ‖log A‖ / L",
        bool((abs(distances - size / depths) <= remainder + _EXACT).all()),
        f"‖log A‖ = {size:.3f}; L ‖A^(1/L) − I‖ = {distances[0]:.3f} for L = 1, "
        f"{32 * distances[5]:.3f} for 32, {1024 * distances[10]:.3f} for 1024",
    )
    axes.loglog(depths, distances, "o", label="$A^{1/L}$")
    axes.loglog(depths, size / depths, "k:", label=r"$\|\log A\|\,/\,L$")
    axes.set(title="A solution near the identity", xlabel="depth L")
    axes.set_ylabel(r"$\max_i \|W_i - I\|$ (spectral)")
    axes.legend()


def _around_the_identity(lab: Lab, axes: Axes) -> None:
    x, y = problem(0)
    random = np.random.default_rng(0)
    ratios = []
    for depth in (2, 4, 8, 16) * 250:
        weights = _around(0, 1, int(random.integers(2**31)), depth)
        weights *= random.random() / distance(weights + torch.eye(_SIZE))
        weights += torch.eye(_SIZE)
        ratios.append(steepness(weights, x, y) / lower_bound(weights, x))
    lab.state(
        "For τ = max ‖W_i − I‖ < 1, ‖∇J‖² ≥ 4 L (1 − τ)^(2L−2) σ_min(X)² (J − J_opt)",
        min(ratios) >= 1,
        f"{len(ratios)} random points, depths 2 to 16: the left is {min(ratios):.2f} times the "
        "right or more",
    )
    scales = np.linspace(0, 1, 101)[1:-1]
    slopes = []
    for color, depth in enumerate((2, 4, 8)):
        points = [_around(s, 0, 0, depth) for s in scales]
        found = [steepness(each, x, y) for each in points]
        axes.semilogy(scales, found, f"C{color}", label=f"depth {depth}")
        axes.semilogy(scales, [lower_bound(each, x) for each in points], f"C{color}:")
        near = [steepness(s * _around(1, 0.5, 0, depth), x, y) for s in (1e-3, 2e-3)]
        slopes.append(float(np.log2(near[1] / near[0])) / (2 * depth - 2))
    axes.set(title="Solid: along $W_i = s I$; dotted: lower bound", xlabel="s")
    axes.set_ylabel(r"$\|\nabla J\|^2 \;/\; (J - J_{opt})$")
    axes.legend()
    lab.state(
        "No such bound holds near zero: at W = s V the ratio falls as s^(2L−2)",
        all(abs(slope - 1) < 0.01 for slope in slopes),
        f"exponent / (2L − 2) = {spread(slopes, 4)} for L = 2, 4, 8",
    )


def _around_zero(lab: Lab) -> None:
    x, y = problem(0)
    largest, powers = 0.0, []
    for depth in (3, 4, 8):
        zero = _around(0, 0, 0, depth)
        hessian = landscape.Hessian(_objective(f"linear{depth}", "zero")).matrix()
        largest = max(largest, float(_gradient(zero, x, y).abs().max()), abs(hessian).max())
        falls = [loss(zero, x, y) - loss(s * solution(x, y, depth), x, y) for s in (0.05, 0.1)]
        powers.append(float(torch.log2(falls[1] / falls[0])) / depth)
    lab.state(
        "At zero gradient and Hessian vanish though J falls from it, but only as s^L",
        largest == 0 and all(abs(power - 1) < 0.05 for power in powers),
        f"largest entry of both {largest:.0e} for L = 3, 4, 8; along s A^(1/L) exponent / L = "
        f"{spread(powers, 4)}",
    )


def _critical_points(lab: Lab) -> None:
    found = lab.once("critical points", _found_critical_points)
    near = [each for each in found if each["distance"] < 1]
    others = [each for each in found if each["excess"] > _EXACT]
    lab.state(
        "Every critical point with τ < 1 is a global minimum, of non-negative Hessian",
        bool(near) and all(abs(p["excess"]) < _EXACT and p["lowest"] > -_EXACT for p in near),
        f"{len(found)} found, from starts around the identity; of {len(near)} with τ < 1 the "
        f"largest (J − J_opt) / J_opt is {max(p['excess'] for p in near):.0e}, the lowest "
        f"eigenvalue {min(p['lowest'] for p in near):.0e} of the highest; of the others "
        f"{len(others)} are saddles, from τ = {min(p['distance'] for p in others):.2f} on",
    )


def _found_critical_points() -> list[dict[str, float]]:
    """Return zeros of the gradient of a small network, found by least squares."""
    depth, size = 3, 3
    x, y = problem(0, size)
    optimum = float(loss(solution(x, y, 1), x, y))

    def of(flat: Any) -> Tensor:
        return torch.from_numpy(flat).view(depth, size, size)

    def gradient(flat: Any) -> Any:
        return _gradient(of(flat), x, y).flatten().numpy()

    def hessian(flat: Any) -> Any:
        return torch.func.hessian(loss)(of(flat), x, y).reshape(flat.size, flat.size).numpy()

    found = []
    for seed in range(60):
        start = _around(1, (0.1, 0.3)[seed % 2], seed, depth, size).flatten().numpy()
        end = least_squares(gradient, start, hessian, xtol=_EXACT, ftol=_EXACT, gtol=_EXACT)
        if np.linalg.norm(end.fun) < _EXACT * optimum:
            eigenvalues = np.linalg.eigvalsh(hessian(end.x))
            point = {
                "distance": distance(of(end.x)),
                "excess": float(loss(of(end.x), x, y)) / optimum - 1,
                "lowest": float(eigenvalues[0] / eigenvalues[-1]),
            }
            found.append(point)
    return found


def _descent(lab: Lab, axes: Axes, relu: bool) -> None:
    """Compare gradient descent from both starts, each with the best of the same rates."""
    title = "ReLU between the layers" if relu else "Linear layers"
    left: dict[str, dict[int, list[float]]] = {start: {} for start in _STARTS}
    for color, depth in enumerate(_DEPTHS):
        for start, line in zip(_STARTS, ("-", ":"), strict=True):
            compute = partial(_curves, lab.seeds, _STARTS[start], depth, relu)
            curves = np.array(lab.once(f"{title}, {depth}, near {start}", compute))
            label = f"depth {depth}" if line == "-" else None
            steps = _EVERY * np.arange(curves.shape[1])
            axes.semilogy(steps, curves.mean(0), f"C{color}{line}", label=label)
            left[start][depth] = curves[:, -1].tolist()
    near = [value for values in left["identity"].values() for value in values]
    far = [value for depth, values in left["zero"].items() if depth >= 8 for value in values]
    lab.state(
        f"{title}: descent from near the identity trains, from near zero it stalls (L ≥ 8)",
        max(near) < 0.1 and min(far) > 0.9,
        f"after {_STEPS} steps at the best rate, of the loss at zero: {spread(near, 2)} at depths "
        f"{_DEPTHS[0]} to {_DEPTHS[-1]} against {spread(far, 2)}; near zero at depth 2 "
        f"{spread(left['zero'][2], 2)}",
    )
    axes.set(title=f"{title} (dotted: from near zero)")
    axes.set(xlabel="step of gradient descent", ylim=(1e-5, 3))
    axes.set_ylabel(f"${'J' if relu else 'J - J_{opt}'}$, as a fraction of that at zero")
    axes.legend(loc="lower right")


def _curves(seeds: range, start: float, depth: int, relu: bool) -> list[list[float]]:
    """Return J (linear layers: J − J_opt) of every tenth step, of 1 at zero, for each seed."""
    problems = [problem(seed) for seed in seeds]
    x, y = (torch.stack(each)[:, None] for each in zip(*problems, strict=True))
    starts = torch.stack([_around(start, _NOISE, seed, depth) for seed in seeds])
    weights = starts[:, None].repeat(1, len(_RATES), 1, 1, 1)  # descend with all rates together
    losses = []
    for step in range(_STEPS + 1):
        weights.requires_grad_()
        values = loss(weights, x, y, relu)
        (gradient,) = torch.autograd.grad(values.sum(), weights)
        weights = (weights - _RATES[:, None, None, None] * gradient).detach()
        if step % _EVERY == 0:
            losses.append(values.detach())
    optimum = torch.stack([loss(solution(*each, 1), *each) for each in problems])[:, None]
    lowest = torch.zeros_like(optimum) if relu else optimum
    curves = (torch.stack(losses) - lowest) / (y.square().sum((-2, -1)) - lowest)
    curves = curves.nan_to_num(nan=torch.inf)
    return [curves[:, seed, curves[-1, seed].argmin()].tolist() for seed in range(len(seeds))]


def _surfaces(lab: Lab) -> None:
    grid = landscape.Grid.regular(25, (-_REACH, _REACH))
    drawn, changes = [], {}
    for start in _STARTS:
        objective = _objective("linear8", start)
        surfaces = []
        for seed in lab.seeds:
            plane = landscape.Plane.random(objective.center, seed, normalization="none")
            name = f"around {start}, plane {seed}"
            surfaces.append(lab.scan(name, objective, plane, grid))
        changes[start] = [float(each.losses.max() / each.losses.min()) for each in surfaces]
        drawn.append(surfaces[0])
    lab.state(
        "In random planes the loss is a basin around the identity, and flat around zero",
        min(changes["identity"]) > 2 and max(changes["zero"]) < 1.01,
        f"highest / lowest loss with 8 layers: {spread(changes['identity'])} around the identity, "
        f"{spread(changes['zero'], 4)} around zero",
    )
    lab.save(landscape.plot(*drawn), "identity-surfaces")


def _objective(net: str, start: str) -> landscape.Objective:
    """Return the mean squared error, J / (examples · size), of a linear net at a start."""
    options = {"in_channels": _SIZE, "num_classes": _SIZE, "image_size": 1}
    model = landscape.models.create(net, init=start, **options)
    return landscape.Objective(model, "mse", problem(0), device="cpu", dtype=torch.float64)
