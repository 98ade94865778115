"""Facts of network and plane that a surface is checked by, recorded when a scan begins."""

import math

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.checks import has_batchnorm
from landscape.compact import CompactDirection
from landscape.data import Data
from landscape.evaluation import values_at
from landscape.facts import Facts
from landscape.objective import Objective
from landscape.parameters import Center, filter_norms, inner_product
from landscape.plane import Plane

_ZERO = 1e-6  # of the largest filter of a parameter: it moves by nothing that is seen
_IMAGES, _FEWEST = 512, 32


def facts_of_plane(plane: Plane) -> Facts:
    """Return the cosine of the directions, and the fraction of filters that have norm zero.

    Args:
        plane: The plane; directions of large networks have no cosine, nor has a line.

    Returns:
        ``cosine``; ``zero_filters`` where the directions are filter-normalized.

    Example:
        >>> center = {"weight": torch.tensor([[1.0, 2.0], [0.0, 0.0]])}
        >>> facts_of_plane(Plane.random(center))["zero_filters"]
        0.5
    """
    facts: dict[str, float] = {}
    if not isinstance(plane.delta, CompactDirection) and not plane.is_line:
        squares = [inner_product(each, each) for each in (plane.delta, plane.eta)]
        if min(squares) > 0:
            facts["cosine"] = inner_product(plane.delta, plane.eta) / math.sqrt(math.prod(squares))
    if plane.origin.get("normalize") == "filter" and "seed" in plane.origin:
        facts["zero_filters"] = _zero_filters(plane)
    return facts


def _zero_filters(plane: Plane) -> float:
    unmoved = plane.center.unmoved if isinstance(plane.center, Center) else frozenset()
    zero = every = 0
    for name, tensor in plane.center.items():
        if tensor.dim() <= 1 or name in unmoved:
            continue
        if isinstance(plane.delta, CompactDirection):
            norms = plane.delta.scales[name].flatten().cpu()
        else:
            norms = filter_norms(tensor)
        zero += int((norms <= _ZERO * norms.max()).sum())
        every += len(norms)
    return zero / every if every else 0.0


def facts_of_batchnorm(objective: Objective) -> Facts:
    """Return whether BatchNorm's statistics are the initial ones, and whether others fit better.

    Args:
        objective: The objective; nothing is returned where its statistics are not used.

    Returns:
        ``batchnorm_layers`` and ``batchnorm_initial``, numbers of layers; loss and accuracy on
        some examples with the stored statistics, and with those of these examples.
    """
    if objective.batchnorm == "recomputed" or not has_batchnorm(objective.model):
        return {}
    layers = [each for each in objective.model.modules() if isinstance(each, _BatchNorm)]
    initial = [
        layer
        for layer in layers
        if layer.running_mean is not None
        and layer.running_var is not None
        and not layer.running_mean.any()
        and bool((layer.running_var == 1).all())
    ]
    return {
        "batchnorm_layers": len(layers),
        "batchnorm_initial": len(initial),
        **_of_statistics(objective),
    }


def _of_statistics(objective: Objective) -> Facts:
    num = min(objective.num_images, _IMAGES)
    if num < _FEWEST or not objective.data.can_split:
        return {}
    chosen = np.random.default_rng(0).choice(objective.num_images, num, replace=False)
    data = objective.data.at(torch.from_numpy(chosen).to(objective.device))
    some = objective.replaced(data=Data((data,), True), metrics={}, model_metrics={})
    facts: dict[str, float] = {"statistics_images": num}
    for name, batchnorm in (("stored", "frozen"), ("data", "recomputed")):
        try:
            values = values_at(some.replaced(batchnorm=batchnorm), objective.parameters)
        except Exception:  # a BatchNorm that is not computed here in training mode
            return {}
        for key, value in (("loss", values.loss), ("accuracy", values.accuracy)):
            if math.isfinite(value):
                facts[f"{name}_statistics_{key}"] = value
    return facts
