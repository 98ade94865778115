"""Train our networks, and curves between them."""

from landscape.training.connecting import connect
from landscape.training.recipe import (
    OPTIMIZERS,
    SCHEDULES,
    TRAINING_PRECISIONS,
    Optimizer,
    Recipe,
    Schedule,
    TrainingPrecision,
)
from landscape.training.trainer import train

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "TRAINING_PRECISIONS",
    "Optimizer",
    "Recipe",
    "Schedule",
    "TrainingPrecision",
    "connect",
    "train",
]
