"""One epoch of stochastic gradient descent, shared by the trainer and mode connectivity."""

import hashlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from landscape.training.recipe import Recipe

LossOf = Callable[[Tensor, torch.Generator], Tensor]
"""From the indices of a batch, and the epoch's random numbers, to the loss of the batch."""


def epoch_steps(
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    num_examples: int,
    loss_of: LossOf,
    device: torch.device,
) -> Iterator[Tensor]:
    """Train for one epoch.

    Args:
        recipe: Batch size, learning rate and seed.
        optimizer: Takes a step after every batch.
        epoch: Number of epochs before this one.
        num_examples: Number of training examples; an incomplete last batch is left out.
        loss_of: Loss of a batch, differentiable.
        device: Device of the indices.

    Yields:
        The loss of every step, on the device.
    """
    generator = epoch_generator(recipe.seed, epoch)
    size, steps = recipe.batch_size(num_examples), recipe.steps_per_epoch(num_examples)
    order = torch.randperm(num_examples, generator=generator).to(device)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(epoch + (step + 0.5) / steps)
        loss = loss_of(order[step * size : (step + 1) * size], generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield loss.detach()


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return the random numbers of an epoch; derived from both, they need not be stored.

    Args:
        seed: Seed of the run.
        epoch: Number of epochs before this one.
    """
    key = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:7], "little"))
