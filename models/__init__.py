"""The networks that can be created by name: ``resnet56``, ``plain20``, ``resnet110x4``.

Networks only: nothing here depends on the rest of the package. Import as ``landscape.models``.
"""

from landscape.models.registry import Architecture, create, infer, register
from landscape.models.registry import names as list  # noqa: A004  # as timm and torchvision
from landscape.models.residual import FORMS, SHORTCUTS, ResNet, Shortcut

__all__ = [
    "FORMS",
    "SHORTCUTS",
    "Architecture",
    "ResNet",
    "Shortcut",
    "create",
    "infer",
    "list",
    "register",
]
