"""Random directions in parameter space, and their normalizations."""

import hashlib
import re
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from landscape.parameters import Center, Parameters, check_match, filters

Normalization = Literal["filter", "layer", "weight", "none"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)

RECIPES = {
    1: "numpy PCG64 per tensor from SHA-256 of its name, 1",
    2: "numpy PCG64 per tensor from SHA-256 of its name, 2",
}
"""Names of the recipes that turn a seed into a direction, as stored with a scan.

Both leave tensors with at most one dimension unchanged; recipe 2 also leaves the parameters of
normalization layers unchanged whatever their shape. Where no such parameter has two dimensions or
more, both give the same direction, and recipe 1 is recorded.
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


def random_direction(center: Parameters, seed: int, axis: int) -> Parameters:
    """Draw a standard normal direction with the names, shapes and types of ``center``.

    Every tensor has its own random stream, seeded by the seed, the axis and the tensor's
    *name*, on the CPU and in float64. A plane therefore does not depend on device or
    precision, and parameters with equal name and shape get equal directions in every network.

    Args:
        center: The trained parameters.
        seed: A non-negative integer.
        axis: 0 for δ, 1 for η.

    Returns:
        The direction.
    """
    direction = {}
    for name, tensor in center.items():
        key = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
        entropy = np.random.SeedSequence([seed, axis, *key.tolist()])
        values = np.random.Generator(np.random.PCG64(entropy)).standard_normal(tensor.numel())
        direction[name] = torch.from_numpy(values).reshape(tensor.shape).to(tensor)
    return direction


def random_pair(
    center: Parameters, seed: int, normalization: Normalization, recipe: int | None = None
) -> tuple[Parameters, Parameters, str]:
    """Return δ and η, normalized, and the name of the recipe that reproduces them.

    Args:
        center: The trained parameters.
        seed: Seed of both.
        normalization: Their normalization.
        recipe: A key of :data:`RECIPES`; by default the newest.

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
    delta, eta = (
        normalize(random_direction(center, seed, axis), center, normalization, unchanged)
        for axis in (0, 1)
    )
    differs = any(center[name].dim() > 1 for name in unchanged if name in center)
    return delta, eta, RECIPES[2 if differs else 1]


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
    if how not in NORMALIZATIONS:
        raise ValueError(f"normalize must be one of {', '.join(NORMALIZATIONS)}, not {how!r}")
    check_match(direction, center, "the direction")
    return {
        name: torch.zeros_like(tensor)
        if tensor.dim() <= 1 or name in unchanged
        else _normalize_tensor(direction[name], tensor, how)
        for name, tensor in center.items()
    }


def _normalize_tensor(direction: Tensor, center: Tensor, how: Normalization) -> Tensor:
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
    """Return the quotient, or 0 where the denominator is 0: no direction to scale."""
    return torch.where(denominator > 0, numerator / denominator, 0.0)
