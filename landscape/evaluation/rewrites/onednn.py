"""A net whose linear layers, products and attention run on oneDNN on a CPU.

torch computes float32 products with MKL, which on processors that are not Intel's leaves half of
the arithmetic unused; oneDNN, which torch has for its convolutions, does not. An activation that
follows a linear layer in an ``nn.Sequential`` is computed with it, while its results are in the
cache.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from landscape.evaluation.rewrites.network import Network, moves_only_parameters
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree, arguments

ONEDNN = "linear layers by oneDNN"
"""Name of the network."""

TYPES = (torch.float32, torch.bfloat16)

_SAMPLE = 2


def available(operator: str) -> bool:
    """Return whether this build of torch has oneDNN's fused operator."""
    has_it: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_it and hasattr(torch.ops.mkldnn, operator)


def with_onednn(objective: Objective, plane: Plane) -> Network | None:
    """Return the net with its products computed by oneDNN, or None where that is no use.

    None where the device, the type or this build of torch has no such operator, where the net has
    no product that it takes, and where the rewritten net raises.

    Args:
        objective: The objective.
        plane: The plane.
    """
    on_cpu = objective.device.type == "cpu"
    if not moves_only_parameters(objective, plane):
        return None
    if not on_cpu or objective.dtype not in TYPES or not available("_linear_pointwise"):
        return None
    model = copied(objective.model)
    fuses = False
    for module in model.modules():
        if type(module) is nn.MultiheadAttention:
            module.__class__ = _Attention
        elif type(module) is nn.Sequential and any(map(_fuse, module, list(module)[1:])):
            module.__class__ = _Sequential
            fuses = True
        elif type(module) is nn.TransformerEncoderLayer:
            # Its fused form would take the weights past the products replaced here.
            module.activation_relu_or_gelu = 0

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        with Products():
            return torch.func.functional_call(model, dict(parameters), *arguments(inputs))

    sample = objective.data.part(0, min(_SAMPLE, objective.num_images)).batches[0]
    try:
        with torch.no_grad(), Products() as products:
            torch.func.functional_call(model, dict(plane.center), *arguments(sample.inputs))
    except Exception:  # whatever a user's forward pass raises in its place
        return None
    if not (fuses or products.replaced):
        return None
    return Network(ONEDNN, plane, forward, compiles=False)


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    activation: str = "none",
    form: str = "",
) -> Tensor:
    """Return ``F.linear`` and an activation, computed by oneDNN.

    Args:
        x: Shape (…, in).
        weight: Shape (out, in).
        bias: Shape (out,), or None.
        activation: oneDNN's name of it.
        form: Of a GELU, as in torch: ``none`` or ``tanh``.
    """
    operators: Any = torch.ops.mkldnn
    y: Tensor = operators._linear_pointwise(x, weight, bias, activation, [], form)
    return y


class Products(TorchFunctionMode):
    """A context in which products of activations with a matrix are computed by oneDNN.

    A product that oneDNN's operator does not take, or that is differentiated, is left to torch.

    Attributes:
        replaced: Number of products that oneDNN has computed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replaced = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Return what a call of torch returns."""
        options = kwargs or {}
        form = _PRODUCTS.get(func)
        if form is not None:
            try:
                factors = form(*args, **options)
            except TypeError:  # an option that the product has not
                factors = None
            if factors is not None and _is_taken(*factors):
                self.replaced += 1
                return linear(*factors)
        return func(*args, **options)


Factors = tuple[Tensor, Tensor, Tensor | None]
"""Activations, weight of shape (out, in), and bias."""


def _of_linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Factors:  # noqa: A002
    return input, weight, bias


def _of_addmm(input: Tensor, mat1: Tensor, mat2: Tensor) -> Factors | None:  # noqa: A002
    return (mat1, mat2.t(), input) if input.shape == mat2.shape[1:] else None


def _of_matmul(input: Tensor, other: Tensor) -> Factors | None:  # noqa: A002
    is_matrix = isinstance(other, Tensor) and other.dim() == 2
    return (input, other.t(), None) if is_matrix else None


_PRODUCTS: Mapping[Any, Callable[..., Factors | None]] = {
    F.linear: _of_linear,
    torch.addmm: _of_addmm,
    torch.mm: _of_matmul,
    torch.matmul: _of_matmul,
    Tensor.mm: _of_matmul,
    Tensor.matmul: _of_matmul,
    Tensor.__matmul__: _of_matmul,
}


def _is_taken(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether oneDNN's operator computes a product as torch does."""
    given = (x, weight) if bias is None else (x, weight, bias)
    return (
        all(
            type(each) in (Tensor, nn.Parameter)
            and each.device.type == "cpu"
            and each.layout == torch.strided
            and each.dtype == x.dtype
            and each.numel() > 0
            for each in given
        )
        and x.dtype in TYPES
        and x.dim() > 1
        and weight.dim() == 2
        and x.shape[-1] == weight.shape[1]
        and (bias is None or bias.shape == weight.shape[:1])
        and not any(_is_differentiated(each) for each in given)
    )


def _is_differentiated(x: Tensor) -> bool:
    """Return whether the forward pass differentiates by its inputs: the operator cannot be."""
    return torch.is_grad_enabled() or torch._C._functorch.is_functorch_wrapped_tensor(x)


class _Sequential(nn.Sequential):
    """Computes an activation with the linear layer before it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        modules = list(self)
        while modules:
            first = modules.pop(0)
            if modules and _fuse(first, modules[0]) and _is_taken(*_of_layer(first, input)):
                second = modules.pop(0)
                factors = _of_layer(first, input)
                if isinstance(second, nn.GELU):
                    input = linear(*factors, "gelu", second.approximate)  # noqa: A001
                else:  # oneDNN's own ReLU makes 0 of NaN, and a finite loss of an overflow
                    input = linear(*factors).relu_()  # noqa: A001
            else:
                input = first(input)  # noqa: A001
        return input


def _of_layer(layer: Any, x: Tensor) -> Factors:
    return x, layer.weight, layer.bias


_ACTIVATIONS = (nn.ReLU, nn.GELU)


def _fuse(first: nn.Module, second: nn.Module) -> bool:
    """Return whether two modules are a linear layer and an activation, with nothing between."""
    return (
        type(first) is nn.Linear
        and type(second) in _ACTIVATIONS
        and not any(
            module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
            for module in (first, second)
        )
    )


class _Attention(nn.MultiheadAttention):
    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, **options: Any
    ) -> Any:
        """Return the attention; what is not plain self-attention is left to torch."""
        plain = (
            query is key is value
            and query.dim() == 3
            and not _is_differentiated(query)
            and self.batch_first
            and self.in_proj_weight is not None
            and self.bias_k is None
            and not self.add_zero_attn
            and not options.get("need_weights", True)
            and not any(options.get(mask) is not None for mask in ("attn_mask", "key_padding_mask"))
            and not options.get("is_causal", False)
        )
        if not plain:
            return super().forward(query, key, value, **options)
        num, length, width = query.shape
        together = F.linear(query, self.in_proj_weight, self.in_proj_bias)
        q, k, v = together.view(num, length, 3, self.num_heads, self.head_dim).permute(
            2, 0, 3, 1, 4
        )
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(num, length, width)
        return F.linear(seen, self.out_proj.weight, self.out_proj.bias), None
