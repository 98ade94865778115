"""Random directions in parameter space, and their normalizations."""

import hashlib
import math
import re
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from landscape.compact import CompactDirection
from landscape.parameters import (
    Center,
    Parameters,
    check_match,
    filter_norms,
    is_large,
    single_type,
)
from landscape.random_numbers import BLOCK, UNIT, normal_integers

Normalization = Literal["filter", "layer", "weight", "none"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)

RECIPES = {
    1: "numpy PCG64 per tensor from SHA-256 of its name, 1",
    2: f"numpy Philox per block of {BLOCK} from SHA-256 of seed, axis and name, 2",
}
"""Names of the recipes that turn a seed into a direction, as stored with a scan.

Recipe 1 draws each tensor as a whole; recipe 2 in blocks, so that any part of it can be drawn
alone. Both leave tensors with at most one dimension unchanged; recipe 2 also leaves the parameters
of normalization layers unchanged whatever their shape.
"""

# Types that do not inherit from torch's: LayerNorm2d, GlobalResponseNorm, GRN, RMSNorm, …
_NORMALIZATION_TYPE = re.compile(r"norm|^grn$|layer_?scale", re.IGNORECASE)
# Per-channel scales of residual branches: torchvision, Hugging Face, timm.
_LAYER_SCALE = re.compile(r"^(layer_?scale(_parameter|_\d+)?|gamma(_\d+)?|ls\d*)$")


def normalization_parameters(model: nn.Module) -> frozenset[str]:
    """Return the names of the parameters of normalization layers and layer scales.

    A normalization layer is a module whose type is named after one (``LayerNorm``, ``RMSNorm``,
    ``GRN``, …) and that has parameters of its own.

    Args:
        model: Any module.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LayerNorm((2, 6, 6)))
        >>> sorted(normalization_parameters(model))
        ['1.bias', '1.weight']
    """
    return frozenset(
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if _NORMALIZATION_TYPE.search(type(module).__name__) or _LAYER_SCALE.match(name)
    )


def random_direction(center: Parameters, seed: int, axis: int, recipe: int = 2) -> Parameters:
    """Draw a standard normal direction with the names and shapes of ``center``.

    Every tensor has its own random stream, determined by the seed, the axis and the tensor's
    *name*. A plane therefore does not depend on device or precision, and parameters with equal
    name and shape get equal directions in every network.

    Args:
        center: The trained parameters.
        seed: A non-negative integer.
        axis: 0 for δ, 1 for η.
        recipe: A key of :data:`RECIPES`.

    Returns:
        The direction, of the types of ``center``, at least float32.
    """
    direction = {}
    for name, tensor in center.items():
        if recipe == 1:
            key = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
            entropy = np.random.SeedSequence([seed, axis, *key.tolist()])
            values = np.random.Generator(np.random.PCG64(entropy)).standard_normal(tensor.numel())
            drawn = torch.from_numpy(values).reshape(tensor.shape)
        else:
            drawn = random_rows(name, tensor.shape, seed, axis).double() * UNIT
        direction[name] = drawn.to(tensor.device, single_type(tensor.dtype))
    return direction


def random_rows(
    name: str, shape: torch.Size, seed: int, axis: int, first: int = 0, last: int | None = None
) -> Tensor:
    """Draw the standard normal numbers of some filters of a parameter, by recipe 2.

    Args:
        name: Name of the parameter.
        shape: Its shape.
        seed: A non-negative integer.
        axis: 0 for δ, 1 for η.
        first: The first filter, an index of the first dimension.
        last: The filter after the last; by default all.

    Returns:
        The numbers as multiples of :data:`landscape.random_numbers.UNIT`, int16.

    Example:
        >>> whole = random_rows("conv.weight", torch.Size([4, 3, 3, 3]), seed=0, axis=1)
        >>> part = random_rows("conv.weight", torch.Size([4, 3, 3, 3]), 0, 1, first=2, last=4)
        >>> torch.equal(part, whole[2:4])
        True
    """
    if not shape:
        return torch.from_numpy(normal_integers(name, seed, axis, 0, 1)).reshape(())
    size = math.prod(shape[1:])
    last = shape[0] if last is None else last
    numbers = normal_integers(name, seed, axis, first * size, last * size)
    return torch.from_numpy(numbers).reshape(last - first, *shape[1:])


def random_pair(
    center: Parameters, seed: int, normalization: Normalization, recipe: int = 2
) -> tuple[Parameters, Parameters, str]:
    """Return δ and η, normalized, and the name of the recipe that reproduces them.

    Args:
        center: The trained parameters.
        seed: Seed of both.
        normalization: Their normalization.
        recipe: A key of :data:`RECIPES`.

    Raises:
        ValueError: The seed is out of its range, or both would be zero.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be 0 or more and below 2^63, not {seed}")
    layers = center.unmoved if isinstance(center, Center) else frozenset()
    unchanged = frozenset() if recipe == 1 else layers
    if not any(t.dim() > 1 and name not in unchanged for name, t in center.items()):
        raise ValueError(
            "no parameter has two or more dimensions, so random directions are zero "
            "(biases and normalization layers are not perturbed): give directions"
        )

    def direction(axis: int) -> Parameters:
        if recipe == 2 and is_large(center):
            return _compact(center, seed, axis, normalization, unchanged)
        drawn = random_direction(center, seed, axis, recipe)
        return normalize(drawn, center, normalization, unchanged)

    return direction(0), direction(1), RECIPES[recipe]


def _compact(
    center: Parameters,
    seed: int,
    axis: int,
    normalization: Normalization,
    unchanged: frozenset[str],
) -> CompactDirection:
    integers, scales = {}, {}
    for name, tensor in center.items():
        if tensor.dim() > 1 and name not in unchanged:
            drawn = random_rows(name, tensor.shape, seed, axis)
            scales[name] = _scale(drawn, tensor, normalization, UNIT)
            integers[name] = drawn.to(tensor.device)
    return CompactDirection(integers, scales, center)


def filter_normalize(direction: Parameters, center: Parameters) -> Parameters:
    r"""Scale every filter of ``direction`` to the norm of that filter in ``center``.

    .. math:: d_{ij} \leftarrow d_{ij} \, \lVert\theta_{ij}\rVert / \lVert d_{ij}\rVert

    A filter is one index of a tensor's first dimension. Tensors with at most one dimension
    (biases, BatchNorm) become zero. Coordinates along the result are dimensionless: at
    α = 1 a filter has moved by its own norm.

    Args:
        direction: Any direction.
        center: The trained parameters.

    Returns:
        The scaled direction.

    Raises:
        ParameterMismatchError: Names or shapes differ.

    References:
        Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 4.
    """
    return normalize(direction, center, "filter")


def normalize(
    direction: Parameters,
    center: Parameters,
    how: Normalization,
    unchanged: frozenset[str] = frozenset(),
) -> Parameters:
    """Scale ``direction`` to ``center``.

    Args:
        direction: Any direction.
        center: The trained parameters.
        how: ``filter`` (see :func:`filter_normalize`); ``layer``: each tensor gets the norm
            of that tensor in the center; ``weight``: each entry is multiplied by the
            center's entry; ``none``: unchanged. Tensors with at most one dimension become
            zero in every case.
        unchanged: Names of further tensors that become zero.

    Returns:
        The scaled direction.

    Raises:
        ParameterMismatchError: Names or shapes differ.
        ValueError: ``how`` is not a normalization.
    """
    check_match(direction, center, "the direction")
    return {
        name: _zero(tensor)
        if tensor.dim() <= 1 or name in unchanged
        else _normalize_tensor(direction[name], tensor, how)
        for name, tensor in center.items()
    }


def _zero(tensor: Tensor) -> Tensor:
    return torch.zeros(tensor.shape, dtype=single_type(tensor.dtype), device=tensor.device)


def _normalize_tensor(direction: Tensor, center: Tensor, how: Normalization) -> Tensor:
    # In float64, so that a float32 plane is the rounded float64 plane.
    scaled = direction.double() * _scale(direction, center, how)
    return scaled.to(single_type(center.dtype))


def _scale(direction: Tensor, center: Tensor, how: Normalization, unit: float = 1.0) -> Tensor:
    """Return what normalization multiplies a direction with, of a shape that broadcasts.

    Args:
        direction: A tensor of the direction, in multiples of ``unit``.
        center: The same tensor of the center.
        how: The normalization.
        unit: A power of two.

    Raises:
        ValueError: ``how`` is not a normalization.
    """
    if how == "weight":
        return center
    if how == "none":
        scale = torch.ones(1, dtype=torch.float64)
    elif how == "filter":
        scale = _ratio(filter_norms(center), unit * filter_norms(direction))
    elif how == "layer":
        norm = unit * filter_norms(direction).norm()
        scale = _ratio(filter_norms(center).norm(), norm).reshape(1)
    else:
        raise ValueError(f"normalize must be one of {', '.join(NORMALIZATIONS)}, not {how!r}")
    return scale.to(center.device).reshape(-1, *[1] * (center.dim() - 1))


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the quotient, or 0 where the denominator is 0: no direction to scale."""
    return torch.where(denominator > 0, numerator / denominator, 0.0)
