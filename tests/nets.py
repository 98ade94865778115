"""Small nets that the tests share."""

import torch
from torch import Tensor, nn


class ConvNet(nn.Module):
    """A convolution with BatchNorm whose statistics are not the initial ones, and a head.

    For images of shape (1, 6, 6) and 3 classes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(5)
        self.head = nn.Linear(5, 3)
        with torch.no_grad():
            self.bn.running_mean.normal_()  # type: ignore[union-attr]
            self.bn.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            self.bn.weight.normal_(1, 0.2)
            self.bn.bias.normal_()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.bn(self.conv(x))).mean((2, 3)))
        return out


def mlp() -> nn.Module:
    """A net without BatchNorm for inputs of shape (7,) and 3 classes."""
    return nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))
