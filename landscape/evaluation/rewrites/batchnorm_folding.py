"""Fold BatchNorm into convolutions, and fuse them with ReLU and sums.

In evaluation mode BatchNorm is an affine map of each channel with constants that a plane
does not move, so that it can be folded into the convolution before it:

    γ (W x + b - μ) / σ + κ  =  (W γ/σ) x + (b - μ) γ/σ + κ.

The folded weights are affine in α and β as the weights are: folding center, δ and η once
folds every point of the plane.
"""

import copy
import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from landscape.brief import brief
from landscape.checks import has_batchnorm
from landscape.evaluation.rewrites.convolution import convolve, convolve_by_cudnn
from landscape.evaluation.rewrites.fastest_convolution import convolve_by_fastest
from landscape.evaluation.rewrites.network import Network, moves_only_parameters, own_tensors
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane

Kernels = Literal["plain", "cudnn", "triton"]
"""Of the convolutions: torch's (oneDNN's); cuDNN's; or the fastest of all with Triton's."""

NAMES = {
    "plain": "BatchNorm folded",
    "cudnn": "BatchNorm folded, fused by cuDNN",
    "triton": "BatchNorm folded, fused by Triton",
}
"""Of the networks, by what computes their convolutions."""


def folded(
    objective: Objective,
    plane: Plane,
    dtype: torch.dtype | None = None,
    *,
    kernels: Kernels = "plain",
) -> Network | None:
    """Return the network with folded convolutions, or None if nothing can be folded.

    That is the case if the forward pass depends on its data (it cannot be traced), or no
    convolution is followed by a BatchNorm that the plane leaves unchanged.

    Args:
        objective: The objective.
        plane: The plane.
        dtype: Floating-point type of the forward pass; by default the objective's.
        kernels: What computes the convolutions; on a CPU ``plain``.
    """
    if not moves_only_parameters(objective, plane):
        return None
    inputs = objective.data.part(0, min(2, objective.num_images)).batches[0].inputs
    if not isinstance(inputs, Tensor) or not has_batchnorm(objective.model):
        return None
    try:
        traced = fx.symbolic_trace(copied(objective.model))
        with torch.no_grad():
            fx.Interpreter(traced).run(inputs)  # ShapeProp prints the traceback of what it raises
            ShapeProp(traced).propagate(inputs)
    except Exception:  # whatever a user's forward pass raises on being traced
        return None
    folds = _fuse(traced, plane, kernels)
    if not folds:
        return None
    own = {name for name, _ in traced.named_parameters()}
    if not own <= plane.center.keys():  # tied tensors go by another name here
        return None
    moved = _fold(plane, folds, own)
    if dtype not in (None, objective.dtype):
        traced = copy.deepcopy(traced).to(dtype)  # buffers that are left; parameters are given

    def forward(parameters: Parameters, inputs: Tensor) -> Tensor:
        left = {name: parameters[name] for name in own}
        outputs: Tensor = torch.func.functional_call(traced, left, (inputs, parameters))
        return outputs

    return Network(
        NAMES[kernels],
        moved,
        forward,
        channels_last=frozenset(f"{fold.conv}.weight" for fold in folds),
        # On CPUs all is fused already; the choice of kernels cannot be compiled.
        compiles=objective.device.type == "cuda" and kernels != "triton",
    )


@dataclass(frozen=True)
class _Fold:
    """A convolution and the BatchNorm behind it, by name."""

    conv: str
    norm: str
    modules: Mapping[str, nn.Module]

    __repr__ = brief


def _fuse(traced: fx.GraphModule, plane: Plane, kernels: Kernels) -> list[_Fold]:
    """Return the folds of a traced net, having rewritten it in place."""
    graph, modules = traced.graph, dict(traced.named_modules())
    called = Counter(node.target for node in graph.nodes if node.op == "call_module")
    alone = own_tensors(traced)
    inputs = next(node for node in graph.nodes if node.op == "placeholder")
    with graph.inserting_after(inputs):
        parameters = graph.placeholder("parameters")
    folds = []
    for norm in list(graph.nodes):
        conv = norm.args[0] if norm.op == "call_module" and norm.args else None
        if not isinstance(conv, fx.Node) or not _foldable(
            conv, norm, modules, called, alone, plane
        ):
            continue
        module: Any = modules[str(conv.target)]
        chain = [conv, norm]
        other = _summand(norm)
        if other is not None:
            chain.append(next(iter(norm.users)))
        last_users = list(chain[-1].users)
        relu = len(last_users) == 1 and _is_relu(last_users[0], modules)
        if relu:
            chain.append(last_users[0])
        with graph.inserting_before(chain[-1]):
            weight, bias = (
                graph.call_function(operator.getitem, (parameters, f"{conv.target}.{kind}"))
                for kind in ("weight", "bias")
            )
            settings = (module.stride, module.padding, module.dilation, module.groups)
            function = {
                "plain": convolve,
                "cudnn": convolve_by_cudnn if relu else convolve,
                "triton": convolve_by_fastest,
            }[kernels]
            fused = graph.call_function(
                function,
                (conv.args[0], weight, bias, other, relu, *settings),
            )
        fused.meta = chain[-1].meta
        chain[-1].replace_all_uses_with(fused)
        for node in reversed(chain):
            graph.erase_node(node)
        folds.append(_Fold(str(conv.target), str(norm.target), modules))
    graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return folds


def _foldable(
    conv: fx.Node,
    norm: fx.Node,
    modules: Mapping[str, nn.Module],
    called: Mapping[Any, int],
    alone: set[str],
    plane: Plane,
) -> bool:
    first, second = modules.get(str(conv.target)), modules.get(str(norm.target))
    return (
        conv.op == "call_module"
        and type(first) is nn.Conv2d
        and type(second) is nn.BatchNorm2d
        and first.padding_mode == "zeros"
        and not isinstance(first.padding, str)
        and second.running_mean is not None
        and not second.training
        and len(conv.users) == 1
        and f"{conv.target}.weight" in plane.center  # not recomputed by a hook
        and called[conv.target] == called[norm.target] == 1
        and all(
            f"{part}.{name}" in alone
            for part, module in ((conv.target, first), (norm.target, second))
            for name, _ in module.named_parameters()
        )
        and not any(
            direction[name].any()
            for name in (f"{norm.target}.weight", f"{norm.target}.bias")
            if name in plane.center
            for direction in (plane.delta, plane.eta)
        )
    )


def _summand(norm: fx.Node) -> fx.Node | None:
    """Return what is added to a node of the graph, if that is its only use."""
    users = list(norm.users)
    if len(users) != 1 or users[0].target not in (operator.add, operator.iadd, torch.add):
        return None
    if users[0].kwargs or len(users[0].args) != 2:
        return None
    others = [node for node in users[0].args if node is not norm]
    same_shape = (
        len(others) == 1
        and isinstance(others[0], fx.Node)
        and _shape(others[0]) is not None
        and _shape(others[0]) == _shape(norm)
    )
    return others[0] if same_shape and isinstance(others[0], fx.Node) else None


def _shape(node: fx.Node) -> Any:
    return getattr(node.meta.get("tensor_meta"), "shape", None)


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(modules[str(node.target)]) is nn.ReLU
    return node.target in (F.relu, torch.relu, torch.relu_, "relu", "relu_")


def _fold(plane: Plane, folds: list[_Fold], own: set[str]) -> Plane:
    """Return the plane of the folded net's parameters."""
    tensors: list[dict[str, Tensor]] = [
        {name: tensor for name, tensor in each.items() if name in own}
        for each in (plane.center, plane.delta, plane.eta)
    ]
    for fold in folds:
        norm: Any = fold.modules[fold.norm]
        scale = (norm.running_var.double() + norm.eps).rsqrt()
        shift = torch.zeros_like(scale)
        if norm.affine:
            scale = scale * plane.center[f"{fold.norm}.weight"].double()
            shift = plane.center[f"{fold.norm}.bias"].double()
        weight_name, bias_name = f"{fold.conv}.weight", f"{fold.conv}.bias"
        for number, part in enumerate((plane.center, plane.delta, plane.eta)):
            weight = part[weight_name]
            bias = part[bias_name].double() if bias_name in part else torch.zeros_like(scale)
            # Only the center has the constants; the directions are differences.
            constant = shift - norm.running_mean.double() * scale if number == 0 else 0.0
            tensors[number][weight_name] = (weight * scale.view(-1, 1, 1, 1)).to(weight)
            tensors[number][bias_name] = (bias * scale + constant).to(weight)
    return Plane(*tensors)
