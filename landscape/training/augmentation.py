"""Random crops and flips of images."""

import torch
from torch import Tensor


def augment(images: Tensor, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Return random crops of padded images, half of them mirrored.

    Args:
        images: Shape (n, channels, h, w), on any device.
        fill: What the padding shows, shape (1, channels, 1, 1).
        generator: On the CPU, so that every device sees the same crops.
    """
    num, _, height, width = images.shape
    pads = (height // 8, width // 8)
    shifts = [torch.randint(2 * pad + 1, (num, 1), generator=generator) for pad in pads]
    flips = torch.randint(2, (num, 1), generator=generator, dtype=torch.bool)
    rows = torch.arange(height) + shifts[0]
    columns = torch.arange(width) + shifts[1]
    columns = torch.where(flips, columns.flip(1), columns)
    padded = fill.expand(num, -1, height + 2 * pads[0], width + 2 * pads[1]).clone()
    padded[:, :, pads[0] : pads[0] + height, pads[1] : pads[1] + width] = images
    index = torch.arange(num)[:, None, None], rows[:, :, None], columns[:, None, :]
    n, r, c = (part.to(images.device) for part in index)
    return padded.permute(0, 2, 3, 1)[n, r, c].permute(0, 3, 1, 2)
