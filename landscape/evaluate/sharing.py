"""A net whose first layers are computed once for all points.

The output of a linear layer is affine in its weights. Where its input does not depend on the
point (it is the data, or made of them without weights), its output at θ* + α δ + β η is

    X Wᵀ + b  =  (X W*ᵀ + b*) + α (X Wδᵀ + bδ) + β (X Wηᵀ + bη):

three products for a whole scan, and then the layer's output takes the place of its weights as
what the plane moves.
"""

import operator
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from landscape.evaluate.network import Network
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane

_MOST_NUMBERS = 16_000_000


def shared(objective: Objective, plane: Plane) -> Network | None:
    """Return the net with its first linear layers computed for all data, or None.

    None where it cannot be traced, has no such layer, or the outputs are too large to keep.
    """
    try:
        traced = fx.symbolic_trace(objective.model)
        layers = _first_layers(traced)
        if not layers:
            return None
        values = _Recorder(traced)
        with torch.no_grad():
            values.run(objective.inputs)
    except Exception:  # whatever a user's forward pass raises on being traced
        return None
    tensors: list[dict[str, Tensor]] = [dict(p) for p in (plane.center, plane.delta, plane.eta)]
    inputs = next(node for node in traced.graph.nodes if node.op == "placeholder")
    with traced.graph.inserting_after(inputs):
        parameters = traced.graph.placeholder("parameters")
    for node in layers:
        x = values.seen[node.args[0]]
        for each in tensors:
            weight = each.pop(f"{node.target}.weight")
            bias = each.pop(f"{node.target}.bias", None)
            each[f"{node.target} (output)"] = F.linear(x, weight, bias)
        with traced.graph.inserting_before(node):
            output = traced.graph.call_function(
                operator.getitem, (parameters, f"{node.target} (output)")
            )
        node.replace_all_uses_with(output)
        traced.graph.erase_node(node)
    if sum(t.numel() for t in tensors[0].values()) > _MOST_NUMBERS:
        return None
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    own = {name for name, _ in traced.named_parameters()}

    def forward(moved: Parameters, x: Tensor) -> Tensor:
        left = {name: moved[name] for name in own}
        outputs: Tensor = torch.func.functional_call(traced, left, (x, moved))
        return outputs

    return Network("first layers shared", Plane(*tensors), forward, num_images=objective.num_images)


def _first_layers(traced: fx.GraphModule) -> list[fx.Node]:
    """Return the calls of linear layers whose input does not depend on any parameter."""
    modules: dict[str, Any] = dict(traced.named_modules())
    called = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    direct = {str(node.target) for node in traced.graph.nodes if node.op == "get_attr"}
    every = list(traced.named_parameters(remove_duplicate=False))
    owners = Counter(id(p) for _, p in every)
    alone = {name for name, p in every if owners[id(p)] == 1 and name not in direct}
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


class _Recorder(fx.Interpreter):
    """Runs a traced net and keeps what its nodes return."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.seen: dict[Any, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.seen[n] = super().run_node(n)
        return self.seen[n]
