"""A net as a function of a plane's parameters, as its author wrote it or rewritten."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.brief import brief
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane

Prepare = Callable[[Parameters, Iterable[Tensor]], Parameters]
"""From the parameters of a point and all inputs to what the forward pass takes."""


@dataclass(frozen=True, eq=False)
class Network:
    """A net, and the plane of the parameters that it takes.

    Attributes:
        name: How it is computed, in a few words.
        plane: What is moved.
        forward: From parameters of the plane and inputs to outputs.
        channels_last: Names of parameters that it takes in the channels-last layout.
        num_images: Set where it holds the values of so many images, and takes no others.
        compiles: Whether ``torch.compile`` may be tried on it.
        prepare: What is done once at every point, where there is something.
    """

    name: str
    plane: Plane
    forward: Callable[[Parameters, Tensor], Tensor]
    channels_last: frozenset[str] = frozenset()
    num_images: int | None = None
    compiles: bool = True
    prepare: Prepare | None = None

    __repr__ = brief


def as_it_is(objective: Objective, plane: Plane, dtype: torch.dtype | None = None) -> Network:
    """Return the net as its author wrote it.

    Args:
        objective: Whose net.
        plane: What is moved.
        dtype: Floating-point type of the forward pass; by default the objective's.
    """
    model = objective.model
    if dtype not in (None, objective.dtype):
        model = copy.deepcopy(model).to(dtype)  # its buffers; parameters are given

    def forward(parameters: Parameters, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.func.functional_call(model, dict(parameters), (inputs,))
        return outputs

    if objective.re_estimates:
        return Network(
            "BatchNorm re-estimated", plane, forward, compiles=False, prepare=_re_estimating(model)
        )
    return Network("as it is", plane, forward)


def _re_estimating(model: nn.Module) -> Prepare:
    """Return what gives BatchNorm the statistics of the data at a point.

    They are the means over batches, as the paper on weight averaging has it (Izmailov et al.,
    2018).
    """
    own = copy.deepcopy(model)
    empty = {}
    for path, module in own.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            module.train()
            module.momentum = None  # the plain mean
            module.reset_running_stats()
            empty.update({f"{path}.{name}": tensor for name, tensor in module.named_buffers()})

    def prepare(parameters: Parameters, inputs: Iterable[Tensor]) -> Parameters:
        moved = {**parameters, **{name: tensor.clone() for name, tensor in empty.items()}}
        for x in inputs:
            torch.func.functional_call(own, moved, (x,))  # changes the clones
        return moved

    return prepare


def moves_only_parameters(objective: Objective, plane: Plane) -> bool:
    """Return whether a rewritten net can take all that a plane moves."""
    return not objective.re_estimates and plane.center.keys() == objective.center.keys()


def own_tensors(traced: fx.GraphModule) -> set[str]:
    """Return the parameters that one module has, and nothing reads but its call."""
    direct = {str(node.target) for node in traced.graph.nodes if node.op == "get_attr"}
    every = list(traced.named_parameters(remove_duplicate=False))
    owners = Counter(id(p) for _, p in every)
    return {name for name, p in every if owners[id(p)] == 1 and name not in direct}
