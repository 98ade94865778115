"""Rewrites of a model that compute the same function faster."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from landscape.devices import is_gpu
from landscape.evaluation.rewrites.batchnorm_folding import NAMES, folded
from landscape.evaluation.rewrites.cached_modules import CACHED, with_cache
from landscape.evaluation.rewrites.convolution import cudnn_keeps_nan
from landscape.evaluation.rewrites.fastest_convolution import has_triton
from landscape.evaluation.rewrites.first_layers import SHARED, shared
from landscape.evaluation.rewrites.network import UNMODIFIED, Network, unmodified
from landscape.evaluation.rewrites.onednn import ONEDNN, with_onednn
from landscape.objective import Objective
from landscape.plane import Plane

Rewrite = Callable[[Objective, Plane, torch.dtype], Network | None]
"""From objective, plane and the type of the forward pass to a network, or None."""

CHANNELS_LAST = f"{UNMODIFIED}, channels last"
CHANNELS_FIRST = f"{NAMES['plain']}, channels first"
"""Names of networks in the layout that a GPU may have faster kernels for."""

HALF = (torch.float16, torch.bfloat16)
"""Types of half the size."""


def _cached(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    return with_cache(objective, plane, dtype) if objective.selects else None


def _shared(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    return shared(objective, plane) if dtype == objective.dtype else None


def _by_onednn(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    return with_onednn(objective, plane) if dtype == torch.float32 else None


def _by_cudnn(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    device = objective.device
    is_used = is_gpu(device) and cudnn_keeps_nan(device, dtype)
    return folded(objective, plane, dtype, kernels="cudnn") if is_used else None


def _channels_last(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    images = frozenset(name for name, tensor in plane.center.items() if tensor.dim() == 4)
    if not images or not is_gpu(objective.device):
        return None
    return replace(unmodified(objective, plane, dtype), name=CHANNELS_LAST, channels_last=images)


def _channels_first(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    network = folded(objective, plane, dtype) if is_gpu(objective.device) else None
    return network and replace(network, name=CHANNELS_FIRST, channels_last=frozenset())


def _by_triton(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    is_used = dtype in HALF and has_triton(objective.device)
    return folded(objective, plane, dtype, kernels="triton") if is_used else None


REWRITES: Mapping[str, Rewrite] = {
    UNMODIFIED: unmodified,
    NAMES["plain"]: folded,
    NAMES["cudnn"]: _by_cudnn,
    NAMES["triton"]: _by_triton,
    CHANNELS_LAST: _channels_last,
    CHANNELS_FIRST: _channels_first,
    CACHED: _cached,
    SHARED: _shared,
    ONEDNN: _by_onednn,
}
"""All rewrites by the names of their networks; None where one does not apply."""
