"""A net whose linear layers and attention run on oneDNN on a CPU.

torch computes float32 products with MKL, which on processors that are not Intel's leaves half of
the arithmetic unused; oneDNN, which torch has for its convolutions, does not.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.evaluation.rewrites.network import Network, moves_only_parameters
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree, arguments

TYPES = (torch.float32, torch.bfloat16)


def available(operator: str) -> bool:
    """Return whether this build of torch has oneDNN's fused operator."""
    has_it: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_it and hasattr(torch.ops.mkldnn, operator)


def with_onednn(objective: Objective, plane: Plane) -> Network | None:
    """Return the net with oneDNN's product in its linear layers, or None where that is no use."""
    on_cpu = objective.device.type == "cpu"
    if not moves_only_parameters(objective, plane):
        return None
    if not on_cpu or objective.dtype not in TYPES or not available("_linear_pointwise"):
        return None
    model = copied(objective.model)
    changed = 0
    for module in model.modules():
        replacement = _REPLACEMENTS.get(type(module))
        if replacement is not None:
            module.__class__ = replacement
            changed += 1
        elif type(module) is nn.TransformerEncoderLayer:
            # Its fused form would take the weights past the modules changed here.
            module.activation_relu_or_gelu = 0
    if not changed:
        return None

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        return torch.func.functional_call(model, dict(parameters), *arguments(inputs))

    return Network("linear layers by oneDNN", plane, forward, compiles=False)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``F.linear``, computed by oneDNN."""
    operators: Any = torch.ops.mkldnn
    y: Tensor = operators._linear_pointwise(x, weight, bias, "none", [], "")
    return y


def _is_differentiated(x: Tensor) -> bool:
    """Return whether the forward pass differentiates by its inputs: the operator cannot be."""
    return torch.is_grad_enabled() or torch._C._functorch.is_functorch_wrapped_tensor(x)


class _Linear(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        if _is_differentiated(input):
            return super().forward(input)
        return linear(input, self.weight, self.bias)


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
        together = linear(query, self.in_proj_weight, self.in_proj_bias)
        q, k, v = together.view(num, length, 3, self.num_heads, self.head_dim).permute(
            2, 0, 3, 1, 4
        )
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(num, length, width)
        return linear(seen, self.out_proj.weight, self.out_proj.bias), None


_REPLACEMENTS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: _Linear,
    nn.MultiheadAttention: _Attention,
}
