"""An optimizer's path through the space of weights, and the plane nearest to it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.evaluate import values_at
from landscape.objective import Objective
from landscape.parameters import Parameters, check_match
from landscape.plane import Plane
from landscape.surface import Mark, Trajectory

Net = Callable[[], Parameters]
"""Returns one net's parameters when it is called: they are not all held at a time."""

_BLOCK = 16  # nets in memory at a time, twice
_ROUNDING = 1e-12


def principal_plane(center: Parameters, nets: Sequence[Net]) -> tuple[Plane, NDArray[np.float64]]:
    """Return the plane through ``center`` along the two principal components of some nets.

    The components are found from the Gram matrix of the nets, shape (nets, nets). Both
    directions have length 1: coordinates are distances between weights. (Li et al. 2018,
    section 7, who take the differences from the last net.)

    Args:
        center: Where the plane goes through, the last net as a rule.
        nets: Two or more, which are not all on one line.

    Returns:
        The plane, and the explained variation: the parts of the nets' summed squared
        distance from their mean that lie along each of the two, shape (2,).

    Raises:
        ParameterMismatchError: Names or shapes of a net are not the center's.
        ValueError: The nets do not span a plane.
    """
    gram = _gram(center, nets)
    num = len(nets)
    centering = np.eye(num) - 1 / num
    values, vectors = np.linalg.eigh(centering @ gram @ centering)
    values, vectors = values[::-1], vectors[:, ::-1]
    if num < 3 or values[1] <= _ROUNDING * max(values[0], 0.0) or values[0] <= 0:
        raise ValueError(
            f"{num} nets do not span a plane: three or more are needed that are not on one line"
        )
    # A component is the combination of the nets with these weights; the mean drops out, as
    # they add up to zero.
    weights = vectors[:, :2] / np.sqrt(values[:2])
    weights *= np.where(weights[np.abs(weights).argmax(0), [0, 1]] < 0, -1.0, 1.0)
    directions = [
        {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in center.items()}
        for _ in range(2)
    ]
    for net, pair in zip(nets, weights, strict=True):
        parameters = net()
        for name, tensor in center.items():
            offset = parameters[name].double() - tensor.double()
            for direction, weight in zip(directions, pair, strict=True):
                direction[name] += float(weight) * offset
    delta, eta = (
        {name: tensor.to(center[name].dtype) for name, tensor in direction.items()}
        for direction in directions
    )
    return Plane(center, delta, eta), values[:2] / values.sum()


def _gram(center: Parameters, nets: Sequence[Net]) -> NDArray[np.float64]:
    """Return the inner products of all differences from the center, shape (nets, nets)."""
    gram = np.zeros((len(nets), len(nets)))
    starts = range(0, len(nets), _BLOCK)
    for i in starts:
        rows = _differences(center, nets[i : i + _BLOCK])
        for j in starts:
            if j < i:
                continue
            columns = rows if j == i else _differences(center, nets[j : j + _BLOCK])
            block = sum((a.double() @ columns[name].double().T).numpy() for name, a in rows.items())
            gram[i : i + _BLOCK, j : j + _BLOCK] = block
            gram[j : j + _BLOCK, i : i + _BLOCK] = np.transpose(block)
    return gram


def _differences(center: Parameters, nets: Sequence[Net]) -> dict[str, Tensor]:
    """Return the differences of some nets from the center, each of shape (nets, numbers)."""
    loaded = [net() for net in nets]
    for parameters in loaded:
        check_match(parameters, center, "a net of the path")
    return {
        name: torch.stack([p[name].cpu() - tensor.cpu() for p in loaded]).flatten(1)
        for name, tensor in center.items()
    }


def follow(
    name: str,
    objective: Objective,
    plane: Plane,
    nets: Sequence[Net],
    steps: Sequence[float],
    unit: str = "epoch",
    told: Callable[[int], None] = lambda _: None,
) -> Trajectory:
    """Return where some nets lie beside a plane, and what their losses are.

    Args:
        name: What figures call the path.
        objective: Whose loss; the nets' own parameters and buffers take the place of its.
        plane: The plane.
        nets: Return parameters, and buffers as well.
        steps: Where each is on the path.
        unit: What ``steps`` count.
        told: Called with the number of nets that are done.

    Raises:
        ParameterMismatchError: Names or shapes of a net are not the plane's.
    """
    rows = []
    for number, net in enumerate(nets, 1):
        everything = net()
        parameters = {key: t for key, t in everything.items() if key in plane.center}
        alpha, beta = plane.project(parameters)
        rows.append(
            (
                alpha,
                beta,
                plane.distance(parameters),
                values_at(objective, everything).loss,
                values_at(objective, plane.at(alpha, beta)).loss,
            )
        )
        told(number)
    alphas, betas, distances, losses, plane_losses = np.array(rows, dtype=np.float64).T
    return Trajectory(
        name,
        np.asarray(steps, dtype=np.float64),
        alphas,
        betas,
        distances,
        losses,
        plane_losses,
        unit,
    )


def mark(name: str, objective: Objective, plane: Plane, net: Parameters) -> Mark:
    """Return where a net lies beside a plane.

    Args:
        name: What figures call it.
        objective: Whose loss.
        plane: The plane.
        net: Parameters, and buffers as well.

    Raises:
        ParameterMismatchError: Names or shapes of the net are not the plane's.
    """
    parameters = {key: tensor for key, tensor in net.items() if key in plane.center}
    alpha, beta = plane.project(parameters)
    return Mark(name, alpha, beta, plane.distance(parameters), values_at(objective, net).loss)
