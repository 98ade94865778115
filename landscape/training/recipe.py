"""Hyperparameters of a training run, and the optimizer they describe."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

Optimizer = Literal["sgd", "adam", "adamw"]

Schedule = Literal["constant", "step", "cosine"]

TrainingPrecision = Literal["auto", "float32", "bfloat16"]

OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)

SCHEDULES: tuple[str, ...] = get_args(Schedule)

TRAINING_PRECISIONS: tuple[str, ...] = get_args(TrainingPrecision)

_CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": TRAINING_PRECISIONS,
}


@dataclass(frozen=True)
class Recipe:
    """How a net is trained.

    The defaults train a 56-layer residual net on digits with nearly any seed and number of threads
    (``results/README.md``); without warm-up rounding decides whether it learns. Li et al. 2018
    train on CIFAR-10 for 300 epochs with the ``step`` schedule, weight decay 5e-4, augmentation
    and no warm-up.

    Attributes:
        epochs: Passes over the training images.
        images_per_batch: Images per step; an incomplete last batch of a pass is left out.
        optimizer: ``sgd`` with Nesterov momentum 0.9, ``adam`` or ``adamw``.
        learning_rate: The highest one.
        schedule: ``step`` divides by 10 after 1/2, 3/4 and 11/12 of the epochs; ``cosine``
            falls to 0 with every step.
        warmup_epochs: The learning rate first rises linearly over so many epochs; by default
            over a fifth of all.
        weight_decay: Of all parameters; decoupled in ``adamw``.
        label_smoothing: From 0 to 1.
        augment: Random crops of images padded by 1/8 of their size, and random flips.
        precision: ``bfloat16`` is mixed precision; ``auto`` takes it on GPUs that have it.
        seed: Of the initial weights, the order of images and the augmentation.

    Raises:
        ValueError: A value is out of its range.
    """

    epochs: int = 30
    images_per_batch: int = 128
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.1
    schedule: Schedule = "cosine"
    warmup_epochs: int | None = None
    weight_decay: float = 2e-3
    label_smoothing: float = 0.0
    augment: bool = False
    precision: TrainingPrecision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.warmup_epochs is None:
            object.__setattr__(self, "warmup_epochs", round(self.epochs / 5))
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be {', '.join(known)}, not {getattr(self, name)!r}")
        for name, low in (
            ("epochs", 1),
            ("images_per_batch", 1),
            ("warmup_epochs", 0),
            ("seed", 0),
        ):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be {low} or more, not {getattr(self, name)}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate}")
        if not 0 <= self.label_smoothing < 1 or not 0 <= self.weight_decay < math.inf:
            raise ValueError("label_smoothing must be in [0, 1), weight_decay 0 or more")

    def batch_size(self, num_examples: int) -> int:
        """Return the number of examples of a step, at most that of all examples.

        Args:
            num_examples: Number of training examples.
        """
        return min(self.images_per_batch, num_examples)

    def steps_per_epoch(self, num_examples: int) -> int:
        """Return the number of steps of an epoch; an incomplete last batch is left out.

        Args:
            num_examples: Number of training examples.
        """
        return num_examples // self.batch_size(num_examples)

    def rate_at(self, epoch: float) -> float:
        """Return the learning rate after ``epoch`` epochs, which may be a fraction."""
        warmup = min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else 1.0
        progress = epoch / self.epochs
        if self.schedule == "step":
            factor = 0.1 ** sum(progress >= mark for mark in (1 / 2, 3 / 4, 11 / 12))
        elif self.schedule == "cosine":
            factor = (1 + math.cos(math.pi * min(1.0, progress))) / 2
        else:
            factor = 1.0
        return self.learning_rate * warmup * factor


def make_optimizer(parameters: Iterable[Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimizer of a recipe, with its highest learning rate."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, nesterov=True)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay)
