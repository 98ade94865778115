"""Normalization layers by name."""

from typing import Literal, get_args

from torch import nn

Norm = Literal["batch", "layer", "group", "none"]
NORMS: tuple[str, ...] = get_args(Norm)

_CHANNELS_OF_A_GROUP = 8


def norm(kind: Norm, channels: int) -> nn.Module:
    """Return a normalization layer for inputs of shape (images, channels, height, width).

    ``batch`` has one mean and variance for each channel, over all images and pixels of a batch
    (Ioffe & Szegedy 2015); ``layer`` one for each image, over all its channels and pixels (Ba et
    al. 2016); ``group`` one for each image and group of channels (Wu & He 2018), 8 of them or the
    next larger number that divides the channels; ``none`` is the identity. All others have a
    weight and a bias for each channel.

    Args:
        kind: Name of the normalization.
        channels: Number of channels.

    Returns:
        The layer.

    Raises:
        ValueError: No such normalization.

    Example:
        >>> norm("group", 32).num_groups
        4
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    if kind == "group":
        most = max(1, channels // _CHANNELS_OF_A_GROUP)
        groups = next(groups for groups in range(most, 0, -1) if channels % groups == 0)
        return nn.GroupNorm(groups, channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"expected norm {', '.join(NORMS[:-1])} or {NORMS[-1]}, got {kind!r}")
