"""Decoder-only transformer, as GPT-2 (Radford et al. 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.registry import register
from landscape.models.transformer import Block


class GPT(nn.Module):
    """Token and position embeddings, pre-norm blocks, and the token embeddings as output layer.

    Weights are initialized as those of GPT-2: with a standard deviation of 0.02, and of
    0.02/√(2·depth) in the last layer of the two branches of each block. GELU is exact.

    Args:
        depth: Number of blocks.
        width: Size of an embedding.
        heads: Number of heads; divides the width.
        vocabulary: Number of tokens.
        context: Largest number of positions.

    Raises:
        ValueError: The heads do not divide the width.
    """

    def __init__(self, depth: int, width: int, heads: int, vocabulary: int, context: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(context, width))
        self.tokens = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*(Block(width, heads, causal=True) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            is_last = name.endswith(("attention.out.weight", "mlp.2.weight"))
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02 / (2 * depth) ** 0.5 if is_last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits, shape (examples, positions, vocabulary).

        Args:
            tokens: Integers, shape (examples, positions).
        """
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.tokens.weight)


@register(
    "gpt{depth}",
    examples=("gpt4", "gpt12"),
    infer=lambda _: [],  # the number of heads is not among the weights
)
def gpt(
    depth: int,
    *,
    vocabulary: int = 256,
    context: int = 128,
    width: int = 128,
    heads: int = 4,
) -> GPT:
    """Return a decoder-only transformer, by default for bytes.

    Example:
        >>> gpt(2)(torch.zeros(3, 5, dtype=torch.long)).shape
        torch.Size([3, 5, 256])
    """
    return GPT(depth, width, heads, vocabulary, context)
