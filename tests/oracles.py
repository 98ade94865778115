"""Slow and obvious: what the fast code is compared with. Written from the definitions."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landscape.grid import Grid
from landscape.parameters import Parameters
from landscape.plane import Plane


def filter_normalized(direction: Parameters, model: nn.Module) -> dict[str, Tensor]:
    """Li et al. 2018, section 4, one filter after the other."""
    result = {}
    for name, weight in model.named_parameters():
        d = direction[name].double().clone()
        if weight.dim() <= 1:
            d.zero_()
        else:
            for j in range(weight.shape[0]):
                size = math.sqrt(sum(float(v) ** 2 for v in weight[j].detach().flatten()))
                length = math.sqrt(sum(float(v) ** 2 for v in d[j].flatten()))
                d[j] *= size / length
        result[name] = d
    return result


def moved(
    model: nn.Module,
    delta: Mapping[str, Tensor],
    eta: Mapping[str, Tensor],
    alpha: float,
    beta: float,
) -> nn.Module:
    """A fresh float64 copy of the model with the weights of a point."""
    result = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for name, parameter in result.named_parameters():
            parameter.add_(alpha * delta[name] + beta * eta[name])
    return result


def naive_surface(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    delta: Mapping[str, Tensor],
    eta: Mapping[str, Tensor],
    alphas: Sequence[float],
    betas: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses and accuracies: a fresh float64 copy of the model for every point."""
    losses = np.empty((len(alphas), len(betas)))
    accuracies = np.empty((len(alphas), len(betas)))
    for i, alpha in enumerate(alphas):
        for j, beta in enumerate(betas):
            with torch.no_grad():
                point = moved(model, delta, eta, alpha, beta)
                outputs = point(x.double() if x.is_floating_point() else x)
                losses[i, j] = float(loss(outputs, y))
                accuracies[i, j] = float((outputs.argmax(1) == y).double().mean())
    return losses, accuracies


def surface_on(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    data: tuple[Tensor, Tensor],
    plane: Plane,
    grid: Grid,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same on the grid of a plane."""
    alphas, betas = grid.alphas.tolist(), grid.betas.tolist()
    return naive_surface(model, loss, *data, plane.delta, plane.eta, alphas, betas)


class Bowl(nn.Module):
    """Returns its two weights for every input: a loss of them is a known surface."""

    def __init__(self, a: float = 0.0, b: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[a, b]], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), 2)


BOWL_DELTA = {"weight": torch.tensor([[1.0, 0.0]])}
BOWL_ETA = {"weight": torch.tensor([[0.0, 1.0]])}


def bowl_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """(a - 0.25)² + 3 (b + 0.5)² + 7, the same for every example; not symmetric in a and b."""
    return (outputs[:, 0] - 0.25) ** 2 + 3 * (outputs[:, 1] + 0.5) ** 2 + 7


def bowl_surface(alphas: NDArray[np.float64], betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same in closed form, around weights of zero."""
    result: NDArray[np.float64] = (alphas[:, None] - 0.25) ** 2 + 3 * (betas + 0.5) ** 2 + 7
    return result
