"""The pre-norm block of transformers (Vaswani et al. 2017, Radford et al. 2019)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention.

    Args:
        width: Size of an embedding.
        heads: Number of heads; divides the width.
        causal: Whether a position attends only to itself and those before it.

    Raises:
        ValueError: The number of heads does not divide the width.
    """

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"expected a width divisible by the heads, got {width} and {heads}")
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (examples, positions, width), of x of the same shape."""
        heads = self.qkv(x).unflatten(2, (3, self.heads, -1))  # (examples, positions, 3, heads, …)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        result: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return result


class Block(nn.Module):
    """Attention and an MLP with GELU, each after a LayerNorm.

    Args:
        width: Size of an embedding; the MLP's hidden layer has four times as many units.
        heads: Number of heads.
        causal: Whether a position attends only to itself and those before it.
        skip: Whether inputs are added to the outputs, of the attention and of the MLP.
    """

    def __init__(self, width: int, heads: int, *, causal: bool = False, skip: bool = True) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (examples, positions, width), of x of the same shape."""
        for norm, branch in ((self.norm1, self.attention), (self.norm2, self.mlp)):
            y = branch(norm(x))
            x = x + y if self.skip else y
        return x
