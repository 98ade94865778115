"""How much memory a forward pass needs."""

import weakref
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from landscape import trees
from landscape.evaluation.rewrites.network import Network
from landscape.objective import Objective

_SAMPLE = 16
_GUESS = 64  # activations for each input number


def bytes_per_image(objective: Objective, network: Network) -> float:
    """Return the most memory that one image's activations occupy at a time.

    Measured on a few images, with the net's weights in the objective's type. What an operator
    takes for itself on a CPU is not seen.
    """
    some = objective.data.part(0, min(_SAMPLE, objective.num_images)).batches[0]
    try:
        with torch.no_grad(), _Live() as live:
            outputs = network.forward(network.plane.center, some.inputs)
            objective.measure(outputs, some.targets, some.num)
    except Exception:  # tensors without a storage, as sparse ones: a guess
        size = sum(x.numel() * x.element_size() for x in trees.tensors(some.inputs))
        return float(_GUESS * size / some.num)
    most: int = live.most
    return max(most, 1) / some.num


class _Live(TorchDispatchMode):
    """Follows how many bytes of new tensors are alive.

    Attributes:
        most: The most at any time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most: int = 0
        self._now: int = 0
        self._owners: Counter[int] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        old = {_storage(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if not isinstance(tensor, Tensor):
                continue
            key = _storage(tensor)
            if key in old and not self._owners[key]:
                continue  # a view of an input or a weight
            size = tensor.untyped_storage().nbytes()
            if not self._owners[key]:
                self._now += size
                self.most = max(self.most, self._now)
            self._owners[key] += 1
            weakref.finalize(tensor, self._release, key, size)
        return result

    def _release(self, key: int, size: int) -> None:
        self._owners[key] -= 1
        if not self._owners[key]:
            self._now -= size


def _storage(tensor: Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key
