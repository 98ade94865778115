"""The nets that can be named: ``resnet56``, ``plain20``, ``resnet110x4``.

Nets only: nothing here knows of surfaces. Import as ``landscape.models``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from landscape.models.resnet import SHORTCUTS, ResNet, Shortcut

__all__ = ["FORMS", "SHORTCUTS", "Net", "ResNet", "Shortcut"]

FORMS = "resnetD or plainD with depth D = 20, 32, 44, 56, 110 (6n+2), wider as resnet56x4"


@dataclass(frozen=True)
class Net:
    """What is needed to build a net again; plain data, stored in checkpoints.

    Attributes:
        name: ``resnet56``, ``plain56``, ``resnet56x4``, ….
        in_channels: Channels of the images.
        num_classes: Number of outputs.
        shortcut: Where the shape changes: ``A``, ``A-centered`` or ``B``
            (:class:`~landscape.models.resnet.Block`); without effect in plain nets.
    """

    name: str
    in_channels: int = 3
    num_classes: int = 10
    shortcut: Shortcut = "A"

    def parse(self) -> tuple[str, int, int]:
        """Return the family (``resnet`` or ``plain``), the depth and the width.

        Raises:
            ValueError: The name or the shortcut is not one of ours.
        """
        if self.shortcut not in SHORTCUTS:
            raise ValueError(
                f"expected a shortcut of {', '.join(SHORTCUTS)}, got {self.shortcut!r}"
            )
        match = re.fullmatch(r"(resnet|plain)([1-9][0-9]{0,3})(?:x([1-9][0-9]?))?", self.name)
        if match is None or int(match[2]) % 6 != 2 or int(match[2]) < 8:
            raise ValueError(f"no net is named {self.name!r}; known are {FORMS}")
        return match[1], int(match[2]), int(match[3] or 1)

    def build(self) -> nn.Module:
        """Return the net with new weights from torch's global random stream.

        Raises:
            ValueError: The name or the shortcut is not one of ours.
        """
        _, depth, width = self.parse()
        shortcut: Shortcut = self.shortcut if self.is_residual else "none"
        return ResNet(depth, width, shortcut, self.in_channels, self.num_classes)

    @property
    def is_residual(self) -> bool:
        """Whether the net has shortcuts."""
        return self.parse()[0] == "resnet"

    def __str__(self) -> str:
        """Return the name, with the shortcut of a residual net: ``resnet20, shortcut A``."""
        return f"{self.name}, shortcut {self.shortcut}" if self.is_residual else self.name

    @property
    def alternatives(self) -> "tuple[Net, ...]":
        """The other nets whose parameters have the same names and shapes.

        Plain nets, A and A-centered have no parameters in their shortcuts, so weights alone do
        not determine which of the three they belong to. Shortcuts B are recognized.
        """
        if self.is_residual and self.shortcut == "B":
            return ()
        size = self.name.removeprefix("resnet").removeprefix("plain")
        every = (
            replace(self, name=f"resnet{size}", shortcut="A"),
            replace(self, name=f"resnet{size}", shortcut="A-centered"),
            replace(self, name=f"plain{size}", shortcut="A"),
        )
        return tuple(net for net in every if str(net) != str(self))

    @classmethod
    def recognize(
        cls, name: str, state: Mapping[str, Tensor], shortcut: Shortcut | None = None
    ) -> "Net":
        """Return the net of this name that has the sizes and shortcuts of ``state``.

        Where ``state`` does not determine them, the defaults are taken; loading it reports what
        does not fit.

        Args:
            name: Of the net.
            state: Its weights.
            shortcut: Taken instead of the one recognized, ``B`` if its shortcuts have
                parameters, else ``A``.
        """
        conv, linear = state.get("conv1.weight"), state.get("linear.weight")
        return cls(
            name,
            in_channels=conv.shape[1] if conv is not None and conv.dim() == 4 else cls.in_channels,
            num_classes=linear.shape[0] if linear is not None else cls.num_classes,
            shortcut=shortcut or ("B" if any(".shortcut.0." in key for key in state) else "A"),
        )
