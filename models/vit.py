"""Vision transformer (Dosovitskiy et al. 2021)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape.models.registry import register
from landscape.models.transformer import Block


class ViT(nn.Module):
    """Patches and a class token with learned positions, pre-norm blocks, a linear layer.

    With and without skip connections, nets have the same parameter names and shapes, and from one
    seed the same initial weights: those of linear layers as of Glorot & Bengio (2010), positions
    and token with a standard deviation of 0.02.

    Args:
        depth: Number of blocks.
        width: Size of an embedding.
        heads: Number of heads; divides the width.
        patch: Height and width of a patch, in pixels.
        image_size: Height and width of the images, in pixels; a multiple of the patch.
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        skip: Whether both branches of each block have skip connections.

    Raises:
        ValueError: The patches do not divide the image, or the heads the width.
    """

    def __init__(
        self,
        depth: int,
        width: int,
        heads: int,
        patch: int,
        image_size: int,
        in_channels: int = 3,
        num_classes: int = 10,
        skip: bool = True,
    ) -> None:
        super().__init__()
        if patch < 1 or image_size % patch:
            raise ValueError(
                f"expected an image_size divisible by the patch, got {image_size} and {patch}"
            )
        self.token = nn.Parameter(torch.empty(1, width))
        self.positions = nn.Parameter(torch.empty(1 + (image_size // patch) ** 2, width))
        self.patches = nn.Conv2d(in_channels, width, patch, patch)
        self.blocks = nn.Sequential(*(Block(width, heads, skip=skip) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.token, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (images, num_classes), of x, shape (images, channels, h, w)."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        token = self.token.expand(x.shape[0], 1, -1)
        x = self.blocks(torch.cat([token, patches], 1) + self.positions)
        logits: Tensor = self.head(self.norm(x[:, 0]))
        return logits


def _describe(options: Mapping[str, Any]) -> str:
    return "" if options["skip"] else ", without skip connections"


@register(
    "vit{depth}",
    examples=("vit6", "vit12"),
    infer=lambda _: [],  # the number of heads is not among the weights
    describe=_describe,
)
def vit(
    depth: int,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int = 32,
    patch: int = 4,
    width: int = 192,
    heads: int = 3,
    skip: bool = True,
) -> ViT:
    """Return a vision transformer, by default as wide as DeiT-Ti (Touvron et al. 2021).

    Example:
        >>> vit(6, image_size=8, patch=2)(torch.zeros(5, 3, 8, 8)).shape
        torch.Size([5, 10])
    """
    return ViT(depth, width, heads, patch, image_size, in_channels, num_classes, skip)
