"""Random directions in the space of weights, and their normalizations."""

import hashlib
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from landscape.parameters import Parameters, check_match, filters

Normalization = Literal["filter", "layer", "weight", "none"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)

RECIPE = "numpy PCG64 per tensor from SHA-256 of its name, 1"
"""How raw directions are drawn; changes when the same seed would give other numbers."""


def random_direction(center: Parameters, seed: int, axis: int) -> Parameters:
    """Draw a standard normal direction with the names, shapes and types of ``center``.

    Every tensor has a random stream of its own, made from the seed, the axis and the
    tensor's *name*, on the CPU and in float64. So a plane does not depend on the device or
    the precision, and two nets get the same numbers in every tensor that they share, also
    where one of them has more tensors than the other.

    Args:
        center: The parameters around which to look.
        seed: A non-negative integer.
        axis: 0 for δ, 1 for η.
    """
    direction = {}
    for name, tensor in center.items():
        key = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
        entropy = np.random.SeedSequence([seed, axis, *key.tolist()])
        values = np.random.Generator(np.random.PCG64(entropy)).standard_normal(tensor.numel())
        direction[name] = torch.from_numpy(values).reshape(tensor.shape).to(tensor)
    return direction


def filter_normalize(direction: Parameters, center: Parameters) -> Parameters:
    r"""Scale every filter of ``direction`` to the norm of that filter in ``center``.

    .. math:: d_{ij} \leftarrow d_{ij} \, \lVert\theta_{ij}\rVert / \lVert d_{ij}\rVert

    A filter is one index of a tensor's first dimension. Tensors with at most one dimension
    (biases, BatchNorm) become zero. Coordinates along the result are dimensionless: at
    alpha = 1 a filter has moved by its own norm.

    Raises:
        ParameterMismatchError: Names or shapes differ.

    References:
        Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 4.
    """
    return normalize(direction, center, "filter")


def normalize(direction: Parameters, center: Parameters, how: Normalization) -> Parameters:
    """Scale ``direction`` to ``center``.

    Args:
        direction: Any direction.
        center: The parameters whose sizes are taken.
        how: ``filter`` (see :func:`filter_normalize`); ``layer``: each tensor gets the norm
            of that tensor in the center; ``weight``: each entry is multiplied by the
            center's entry; ``none``: as it is. Tensors with at most one dimension become
            zero in every case.

    Raises:
        ParameterMismatchError: Names or shapes differ.
        ValueError: ``how`` is none of the four.
    """
    if how not in NORMALIZATIONS:
        raise ValueError(f"normalize must be one of {', '.join(NORMALIZATIONS)}, not {how!r}")
    check_match(direction, center, "the direction")
    return {
        name: _normalize_tensor(direction[name], tensor, how) for name, tensor in center.items()
    }


def _normalize_tensor(direction: Tensor, center: Tensor, how: Normalization) -> Tensor:
    if center.dim() <= 1:
        return torch.zeros_like(center)
    # Norms in float64, so that a float32 plane is the rounded float64 plane.
    d, c = filters(direction.double()), filters(center.double())
    if how == "filter":
        d = d * _ratio(c.norm(dim=1, keepdim=True), d.norm(dim=1, keepdim=True))
    elif how == "layer":
        d = d * _ratio(c.norm(), d.norm())
    elif how == "weight":
        d = d * c
    return d.reshape(center.shape).to(center)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide, with 0 where the denominator is 0: such a filter has no direction to scale."""
    return torch.where(denominator > 0, numerator / denominator, 0.0)
