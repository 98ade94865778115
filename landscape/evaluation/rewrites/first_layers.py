"""A net whose first layers are computed once for all points.

The output of a linear layer is affine in its weights. Where its input does not depend on the
point (it is the data, or made of them without weights), its output at θ* + α δ + β η is

    X Wᵀ + b  =  (X W*ᵀ + b*) + α (X Wδᵀ + bδ) + β (X Wηᵀ + bη):

three products for a whole scan, and then the layer's output takes the place of its weights as
what the plane moves.

Linear layers are computed with the examples along the last dimension in memory: nets that are
worth this are narrow, and vectors of a few classes are slow to work on.
"""

import operator
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from landscape.evaluation.rewrites.network import Network, moves_only_parameters, own_tensors
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane

SHARED = "first layers shared"
"""Name of the network."""

_MOST_NUMBERS = 16_000_000


def shared(objective: Objective, plane: Plane) -> Network | None:
    """Return the net with its first linear layers computed for all data, or None.

    None where it cannot be traced, has no such layer, or the outputs are too large to keep.
    """
    inputs = objective.data.batches[0].inputs
    takes_one_tensor = objective.data.can_split and isinstance(inputs, Tensor)
    if not takes_one_tensor or not moves_only_parameters(objective, plane):
        return None
    try:
        traced = fx.symbolic_trace(copied(objective.model))
        layers = _first_layers(traced)
        if not layers:
            return None
        values = _Recorder(traced)
        with torch.no_grad():
            values.run(inputs)
    except Exception:  # whatever a user's forward pass raises on being traced
        return None
    tensors: list[dict[str, Tensor]] = [dict(p) for p in (plane.center, plane.delta, plane.eta)]
    placeholder = next(node for node in traced.graph.nodes if node.op == "placeholder")
    with traced.graph.inserting_after(placeholder):
        parameters = traced.graph.placeholder("parameters")
    for node in layers:
        x = values.seen[node.args[0]]
        for each in tensors:
            weight = each.pop(f"{node.target}.weight")
            bias = each.pop(f"{node.target}.bias", None)
            each[f"{node.target} (output)"] = F.linear(x, weight, bias).mT.contiguous()
        with traced.graph.inserting_before(node):
            output = traced.graph.call_function(
                operator.getitem, (parameters, f"{node.target} (output)")
            )
            output = traced.graph.call_method("swapaxes", (output, -1, -2))
        node.replace_all_uses_with(output)
        traced.graph.erase_node(node)
    for node in _linear_layers(traced, values.seen):
        with traced.graph.inserting_before(node):
            matrix, offset = (
                traced.graph.call_function(operator.getitem, (parameters, f"{node.target}.{kind}"))
                if f"{node.target}.{kind}" in tensors[0]
                else None
                for kind in ("weight", "bias")
            )
            result = traced.graph.call_function(linear, (node.args[0], matrix, offset))
        node.replace_all_uses_with(result)
        traced.graph.erase_node(node)
    if sum(t.numel() for t in tensors[0].values()) > _MOST_NUMBERS:
        return None
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    own = {name for name, _ in traced.named_parameters()}
    if not own <= tensors[0].keys():  # tied tensors go by another name here
        return None

    def forward(moved: Parameters, x: Tensor) -> Tensor:
        left = {name: moved[name] for name in own}
        outputs: Tensor = torch.func.functional_call(traced, left, (x, moved))
        return outputs

    return Network(SHARED, Plane(*tensors), forward, num_images=objective.num_images)


def _first_layers(traced: fx.GraphModule) -> list[fx.Node]:
    """Return the calls of linear layers whose input does not depend on any parameter."""
    modules: dict[str, Any] = dict(traced.named_modules())
    called = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    alone = own_tensors(traced)
    free: set[fx.Node] = set()
    layers = []
    for node in traced.graph.nodes:
        if node.op in ("get_attr", "output") or any(a not in free for a in node.all_input_nodes):
            continue
        module = modules[node.target] if node.op == "call_module" else None
        if module is None or not list(module.parameters()):
            free.add(node)
        elif (
            type(module) is nn.Linear
            and called[node.target] == 1
            and len(node.args) == 1
            and all(f"{node.target}.{name}" in alone for name, _ in module.named_parameters())
        ):
            layers.append(node)
    return layers


def _linear_layers(traced: fx.GraphModule, seen: Mapping[fx.Node, Any]) -> list[fx.Node]:
    """Return the calls of linear layers on matrices, by their own tensors."""
    modules: dict[str, Any] = dict(traced.named_modules())
    alone = own_tensors(traced)
    return [
        node
        for node in traced.graph.nodes
        if node.op == "call_module"
        and type(modules[node.target]) is nn.Linear
        and len(node.args) == 1
        and seen[node].dim() == 2
        and all(f"{node.target}.{n}" in alone for n, _ in modules[node.target].named_parameters())
    ]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``F.linear`` with the examples along the last dimension in memory.

    Args:
        x: Shape (examples, in features).
        weight: Shape (out features, in features).
        bias: Shape (out features,).
    """
    if bias is None:
        return (weight @ x.T).T
    return torch.addmm(bias.unsqueeze(1), weight, x.T).T


class _Recorder(fx.Interpreter):
    """Runs a traced net and keeps what its nodes return."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.seen: dict[Any, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.seen[n] = super().run_node(n)
        return self.seen[n]
