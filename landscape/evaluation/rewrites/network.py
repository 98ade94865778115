"""A network as a function of a plane's parameters: unmodified or rewritten."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.brief import brief
from landscape.evaluation.streamed_plane import is_streamed
from landscape.modules import copied, move_tensor
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree, arguments

UNMODIFIED = "unmodified"
RECOMPUTED = "BatchNorm recomputed"
"""Of the networks that are not rewritten."""

Prepare = Callable[[Parameters, Iterable[Tree]], Parameters]
"""From the parameters of a point and all inputs to what the forward pass takes."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network, and the plane of the parameters that it takes.

    Attributes:
        name: Name of the rewrite.
        plane: The plane of its parameters.
        forward: From parameters of the plane and inputs to outputs.
        channels_last: Names of parameters that it takes in the channels-last layout.
        num_images: Number of images that it is made for, if it is made for its data.
        compiles: Whether ``torch.compile`` may be tried on it.
        prepare: Work done once at every point, or None.
    """

    name: str
    plane: Plane
    forward: Callable[[Parameters, Tree], Tree]
    channels_last: frozenset[str] = frozenset()
    num_images: int | None = None
    compiles: bool = True
    prepare: Prepare | None = None

    __repr__ = brief


def unmodified(objective: Objective, plane: Plane, dtype: torch.dtype | None = None) -> Network:
    """Return the unmodified model.

    Args:
        objective: The objective.
        plane: The plane.
        dtype: Floating-point type of the forward pass; by default the objective's.
    """
    model = objective.model
    if dtype is not None and dtype != objective.dtype:  # its buffers; parameters are given
        model = copied(model, share=True)
        for module in model.modules():
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = move_tensor(buffer, buffer.device, dtype)

    changing = objective.changing_buffers

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        buffers = {name: tensor.clone() for name, tensor in changing.items()}
        return torch.func.functional_call(model, {**buffers, **parameters}, *arguments(inputs))

    if objective.batchnorm == "recomputed":
        return Network(RECOMPUTED, plane, forward, compiles=False, prepare=_recomputing(model))
    return Network(UNMODIFIED, plane, forward, compiles=not is_streamed(plane))


def _recomputing(model: nn.Module) -> Prepare:
    """Return a function that recomputes BatchNorm's running statistics from the data.

    They are the means over batches, as in Izmailov et al. 2018 (weight averaging).
    """
    own = copied(model)
    norms, empty = [], {}
    for path, module in own.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            module.train()
            module.reset_running_stats()
            norms.append(module)
            empty.update({f"{path}.{name}": tensor for name, tensor in module.named_buffers()})

    def prepare(parameters: Parameters, inputs: Iterable[Tree]) -> Parameters:
        moved = {**parameters, **{name: tensor.clone() for name, tensor in empty.items()}}
        for number, x in enumerate(inputs, 1):
            for module in norms:  # the plain mean: torch's own waits for the device
                module.momentum = 1 / number
            torch.func.functional_call(own, moved, *arguments(x))  # changes the clones
        return moved

    return prepare


def moves_only_parameters(objective: Objective, plane: Plane) -> bool:
    """Return whether nothing but parameters changes: then the model can be rewritten.

    Args:
        objective: The objective.
        plane: The plane.
    """
    moves_parameters = plane.center.keys() == objective.parameters.keys()
    is_fixed = objective.batchnorm != "recomputed" and not objective.changing_buffers
    return is_fixed and moves_parameters


def own_tensors(traced: fx.GraphModule) -> set[str]:
    """Return the parameters owned by exactly one module and not accessed outside its forward call.

    Args:
        traced: A traced model.
    """
    direct = {str(node.target) for node in traced.graph.nodes if node.op == "get_attr"}
    every = list(traced.named_parameters(remove_duplicate=False))
    owners = Counter(id(p) for _, p in every)
    return {name for name, p in every if owners[id(p)] == 1 and name not in direct}
