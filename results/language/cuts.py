"""A small language model, a fine-tuned copy, and the direction in which its loss rises most.

    python results/language/cuts.py FOLDER

trains a GPT on the bytes of Python's language reference (``pydoc_data.topics``), fine-tunes a copy
on Python code (the source of ``argparse``), and finds by gradient ascent the point with the largest
loss at a distance of 0.002 √N from the model, N its number of parameters. It writes ``model.pt``,
``tuned.pt`` and ``worst.pt``. The functions below it are for ``landscape scan``.
"""

import argparse
import inspect
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from pydoc_data import topics

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import models

TOKENS, EXAMPLES, STEPS, TUNING_STEPS, ASCENT_STEPS = 64, 16, 700, 150, 30
DISTANCE = 0.002  # of the worst point, in units of √N


def model() -> nn.Module:
    """Return the network, untrained."""
    return models.create("gpt4", context=TOKENS)


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy of the bytes of each sequence, in nats."""
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)


def data() -> tuple[Tensor, Tensor]:
    """Return 64 sequences of the reference that the model is not trained on."""
    text = _bytes("\n".join(topics.topics.values()))[-64 * (TOKENS + 1) :].view(64, -1)
    return text[:, :-1], text[:, 1:]


def main(folder: Path) -> None:
    """Train the three checkpoints."""
    torch.manual_seed(0)
    began = time.perf_counter()
    net = model()
    reference = _bytes("\n".join(topics.topics.values()))[: -64 * (TOKENS + 1)]
    _train(net, reference, STEPS, 2e-3)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), folder / "model.pt")
    start = [parameter.detach().clone() for parameter in net.parameters()]
    _train(net, _bytes(inspect.getsource(argparse)), TUNING_STEPS, 5e-4)
    torch.save(net.state_dict(), folder / "tuned.pt")
    _ascend(net, start, reference)
    torch.save(net.state_dict(), folder / "worst.pt")
    sys.stderr.write(f"{time.perf_counter() - began:.0f} seconds\n")


def _bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode()))


def _batches(text: Tensor, num: int) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(num):
        first = torch.randint(len(text) - TOKENS - 1, (EXAMPLES, 1))
        some = text[first + torch.arange(TOKENS + 1)]
        yield some[:, :-1], some[:, 1:]


def _train(net: nn.Module, text: Tensor, steps: int, rate: float) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    for step, (x, y) in enumerate(_batches(text, steps)):
        optimizer.zero_grad()
        value = loss(net(x), y).mean()
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            sys.stderr.write(f"step {step}: loss {value:.3f}\n")


def _ascend(net: nn.Module, start: list[Tensor], text: Tensor) -> None:
    """Move to the largest loss at the distance: normalized gradient ascent on a sphere."""
    numbers = sum(tensor.numel() for tensor in start)
    radius = DISTANCE * numbers**0.5
    shift = [torch.randn_like(tensor) for tensor in start]
    for x, y in _batches(text, ASCENT_STEPS):
        length = torch.stack([each.norm() for each in shift]).norm()
        shift = [each * (radius / length) for each in shift]
        with torch.no_grad():
            for parameter, tensor, each in zip(net.parameters(), start, shift, strict=True):
                parameter.copy_(tensor + each)
        gradients = torch.autograd.grad(loss(net(x), y).mean(), list(net.parameters()))
        size = torch.stack([each.norm() for each in gradients]).norm()
        shift = [a + (radius / size) * b for a, b in zip(shift, gradients, strict=True)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
