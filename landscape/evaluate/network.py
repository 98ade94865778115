"""A net as a function of a plane's parameters, as its author wrote it or rewritten."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

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
    """

    name: str
    plane: Plane
    forward: Callable[[Parameters, Tensor], Tensor]
    channels_last: frozenset[str] = frozenset()


def as_it_is(objective: Objective, plane: Plane) -> Network:
    """Return the net as its author wrote it."""

    def forward(parameters: Parameters, inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.func.functional_call(objective.model, dict(parameters), (inputs,))
        return outputs

    return Network("as it is", plane, forward)
