"""The labels of a classification: how many of them a model gets right."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from landscape.checks import class_dimension
from landscape.data import Data
from landscape.losses import Loss, is_cross_entropy, labels_of, tensor_of
from landscape.trees import Tree


@dataclass(frozen=True)
class Labels:
    """The labels of a classification, and where outputs count its classes.

    Attributes:
        dimension: Dimension of the outputs that counts classes.
        num_classes: Their number.
        picks: Whether outputs and labels are picked out of objects and dictionaries.
        ignores: Whether labels that are no class are left out.
    """

    dimension: int
    num_classes: int
    picks: bool
    ignores: bool

    @classmethod
    def of(cls, loss: Loss, outputs: Tree, targets: Tree, data: Data) -> "Labels | None":
        """Return the labels, or None where the targets are none, or it is not known which."""
        picks = is_cross_entropy(loss)
        x, y = (tensor_of(outputs), labels_of(targets)) if picks else (outputs, targets)
        dimension = class_dimension(x, y, is_cross_entropy(loss))
        if dimension is None:
            return None
        num = x.shape[dimension]
        found = cls(dimension, num, picks, False)
        every = found._all(data)
        return replace(found, ignores=not bool(((every >= 0) & (every < num)).all()))

    def counted(self, data: Data) -> Tensor:
        """Return the labels of all examples that are a class, shape (labels,)."""
        every = self._all(data)
        return every[(every >= 0) & (every < self.num_classes)]

    def correct(self, outputs: Tree, targets: Tree) -> tuple[Tensor, Tensor]:
        """Return how many labels of each example are the largest output, and their number.

        If none are left out: the fraction of its labels, and 1.
        """
        x, y = (tensor_of(outputs), labels_of(targets)) if self.picks else (outputs, targets)
        largest, label = x.max(self.dimension)
        right = (label == y) & ~largest.isnan()
        if not self.ignores:
            fraction = right.flatten(1).double().mean(1) if right.dim() > 1 else right
            return fraction, torch.ones(len(y), dtype=torch.float64, device=y.device)
        counted = (y >= 0) & (y < self.num_classes)
        numbers = [
            each.double().flatten(1).sum(1) if each.dim() > 1 else each.double()
            for each in (right & counted, counted)
        ]
        return numbers[0], numbers[1]

    def _all(self, data: Data) -> Tensor:
        targets = [each.targets for each in data.batches]
        return torch.cat([(labels_of(t) if self.picks else t).flatten() for t in targets])
