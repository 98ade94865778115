"""A net as a function of a plane's parameters, as its author wrote it or rewritten."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane


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
    """

    name: str
    plane: Plane
    forward: Callable[[Parameters, Tensor], Tensor]
    channels_last: frozenset[str] = frozenset()
    num_images: int | None = None
    compiles: bool = True


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

    return Network("as it is", plane, forward)


def own_tensors(traced: fx.GraphModule) -> set[str]:
    """Return the parameters that one module has, and nothing reads but its call."""
    direct = {str(node.target) for node in traced.graph.nodes if node.op == "get_attr"}
    every = list(traced.named_parameters(remove_duplicate=False))
    owners = Counter(id(p) for _, p in every)
    return {name for name, p in every if owners[id(p)] == 1 and name not in direct}
