"""The nets that can be named: ``resnet56``, ``plain20``, ``resnet110x4``.

Nets only: nothing here knows of surfaces. Import as ``landscape.models``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from landscape.models.resnet import ResNet, Shortcut

FORMS = "resnetD or plainD with depth D = 20, 32, 44, 56, 110 (6n+2), wider as resnet56x4"


@dataclass(frozen=True)
class Net:
    """What is needed to build a net again; plain data, stored in checkpoints.

    Attributes:
        name: ``resnet56``, ``plain56``, ``resnet56x4``, ….
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        shortcut: At stage changes: option ``A`` or ``B``; without effect in plain nets.
    """

    name: str
    in_channels: int = 3
    num_classes: int = 10
    shortcut: Shortcut = "A"

    def parse(self) -> tuple[str, int, int]:
        """Return the family (``resnet`` or ``plain``), the depth and the width.

        Raises:
            ValueError: The name is not one of ours.
        """
        match = re.fullmatch(r"(resnet|plain)([1-9][0-9]{0,3})(?:x([1-9][0-9]?))?", self.name)
        if match is None or int(match[2]) % 6 != 2 or int(match[2]) < 8:
            raise ValueError(f"no net is named {self.name!r}; known are {FORMS}")
        return match[1], int(match[2]), int(match[3] or 1)

    def build(self) -> nn.Module:
        """Return the net with new weights from torch's global random stream.

        Raises:
            ValueError: The name is not one of ours.
        """
        family, depth, width = self.parse()
        shortcut: Shortcut = self.shortcut if family == "resnet" else "none"
        return ResNet(depth, width, shortcut, self.in_channels, self.num_classes)

    @classmethod
    def recognize(cls, name: str, state: Mapping[str, Tensor]) -> "Net":
        """Return the net of this name that has the sizes and shortcuts of ``state``.

        Where ``state`` says nothing, the defaults stay; loading it will tell what differs.
        """
        conv, linear = state.get("conv1.weight"), state.get("linear.weight")
        return cls(
            name,
            in_channels=conv.shape[1] if conv is not None and conv.dim() == 4 else cls.in_channels,
            num_classes=linear.shape[0] if linear is not None else cls.num_classes,
            shortcut="B" if any(".shortcut.0." in key for key in state) else "A",
        )
