"""The networks that can be created by name: ``resnet56``, ``plain20``, ``resnet110x4``.

Networks only: nothing here depends on the rest of the package. Import as ``landscape.models``.
"""

from landscape.models.convnext import ConvNeXt
from landscape.models.densenet import DenseNet
from landscape.models.gpt import GPT
from landscape.models.imagenet import ImageNetResNet
from landscape.models.mlp import MLP
from landscape.models.norms import norm
from landscape.models.registry import Architecture, create, forms, infer, register
from landscape.models.registry import names as list  # noqa: A004  # as timm and torchvision
from landscape.models.residual import SHORTCUTS, ResNet, Shortcut
from landscape.models.vgg import VGG
from landscape.models.vit import ViT

__all__ = [
    "GPT",
    "MLP",
    "SHORTCUTS",
    "VGG",
    "Architecture",
    "ConvNeXt",
    "DenseNet",
    "ImageNetResNet",
    "ResNet",
    "Shortcut",
    "ViT",
    "create",
    "forms",
    "infer",
    "list",
    "norm",
    "register",
]
