"""A curve of low loss between two trained nets (mode connectivity).

Garipov et al. 2018 found that two solutions with a barrier on the straight line between them are
joined by a simple curve without one. Theirs is a quadratic Bézier curve,

    θ(t) = (1 - t)² A + 2 t (1 - t) C + t² B,

whose bend C is trained so that the loss is low at all t.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoints import Checkpoint, load
from landscape.data import as_tensors
from landscape.errors import CheckpointError
from landscape.losses import Loss, name_of, named
from landscape.memory import keep_freed_memory
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.parameters import Parameters, check_match, fingerprint
from landscape.progress import Progress
from landscape.training import Recipe, make_optimizer, stream


def on_curve(first: Parameters, bend: Parameters, second: Parameters, t: float) -> Parameters:
    """Return the point of the Bézier curve at ``t``, from 0 (first) to 1 (second)."""
    a, c, b = (1 - t) ** 2, 2 * t * (1 - t), t**2
    return {name: a * tensor + c * bend[name] + b * second[name] for name, tensor in first.items()}


def connect(
    model: nn.Module,
    loss: Loss | str,
    data: tuple[Any, Any],
    first: Parameters,
    second: Parameters,
    recipe: Recipe,
    *,
    path: Path | None = None,
    like: Checkpoint | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Parameters:
    """Train the bend of a curve between two nets; go on where an interrupted training stopped.

    At every step ``t`` is drawn uniformly from 0 to 1 and the bend moves down the gradient of
    the loss of a batch at that point of the curve. The net is in training mode.

    Args:
        model: The net; its weights are not used.
        loss: As of :func:`landscape.scan`.
        data: Likewise.
        first: The parameters at t = 0.
        second: The parameters at t = 1.
        recipe: How; without augmentation.
        path: Where the bend is saved after every epoch, as a checkpoint.
        like: What that checkpoint has beside the bend: buffers, and what is known of the net.
        device: By default a CPU.
        overwrite: Start anew, whatever ``path`` holds.
        progress: Where to report to; by default a bar in a notebook, else nowhere.

    Returns:
        The parameters of the bend.

    Raises:
        ParameterMismatchError: The ends do not match each other or the model.
        CheckpointError: ``path`` holds another curve.
        DataError: Data, model and loss do not fit together.
        ValueError: Both ends are the same.
    """
    progress = progress or default_progress()
    loss = named(loss)
    keep_freed_memory()
    place = device or torch.device("cpu")
    objective = Objective.of(model, loss, *as_tensors(*data, "the data"), device=place)
    for end, what in ((first, "the first end"), (second, "the second end")):
        check_match(end, objective.center, what)
    ends = [
        {name: end[name].detach().to(t) for name, t in objective.center.items()}
        for end in (first, second)
    ]
    if all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0]):
        raise ValueError("both ends of the curve are the same net")
    bend = {
        name: ((tensor + ends[1][name]) / 2).requires_grad_() for name, tensor in ends[0].items()
    }
    optimizer = make_optimizer(bend.values(), recipe)
    facts = {
        **asdict(recipe),
        "first": fingerprint(ends[0]),
        "second": fingerprint(ends[1]),
        "loss": name_of(loss),
        "data": fingerprint({"x": objective.inputs, "y": objective.targets}),
    }
    epoch = 0
    if path is not None and path.exists() and not overwrite:
        epoch = _restore(path, facts, bend, optimizer)
    size = min(recipe.images_per_batch, objective.num_images)
    steps = objective.num_images // size
    net = objective.model.train()
    devices = [place] if place.type == "cuda" else []
    progress.start("curve", recipe.epochs * steps, epoch * steps)
    try:
        while epoch < recipe.epochs:
            generator = stream(recipe.seed, epoch)
            order = torch.randperm(objective.num_images, generator=generator).to(place)
            for step in range(steps):
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate_at(epoch + (step + 0.5) / steps)
                batch = order[step * size : (step + 1) * size]
                t = float(torch.rand((), generator=generator))
                point = on_curve(ends[0], bend, ends[1], t)
                with torch.random.fork_rng(devices):  # of dropout
                    torch.manual_seed(generator.initial_seed() + step)
                    x = objective.inputs[batch]
                    outputs = torch.func.functional_call(net, dict(point), (x,))
                value = objective.loss(outputs, objective.targets[batch]).mean()
                optimizer.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if step % 5 == 0:
                    progress.update(epoch * steps + step + 1, f"loss {value.item():.3g}")
            epoch += 1
            if path is not None:
                rest = optimizer if epoch < recipe.epochs else None
                _save(path, like or Checkpoint({}), facts, bend, rest, epoch)
            progress.update(epoch * steps, f"loss {value.item():.3g}")
    finally:
        progress.stop()
    return {name: tensor.detach() for name, tensor in bend.items()}


def _save(
    path: Path,
    like: Checkpoint,
    facts: dict[str, Any],
    bend: Parameters,
    optimizer: torch.optim.Optimizer | None,
    epoch: int,
) -> None:
    state = {name: tensor.detach().cpu().clone() for name, tensor in bend.items()}
    replace(
        like,
        state={**like.unwrapped, **state},
        recipe=facts,
        epoch=epoch,
        history={},
        resume={"optimizer": optimizer.state_dict()} if optimizer else {},
    ).save(path)


def _restore(
    path: Path, facts: dict[str, Any], bend: Parameters, optimizer: torch.optim.Optimizer
) -> int:
    """Put back what was saved, and return how many epochs are done."""
    found = load(path)
    other = [key for key, value in facts.items() if found.recipe.get(key) != value]
    if other:
        raise CheckpointError(
            f"{path} is of another curve ({', '.join(other)}): choose another --out, or "
            "--overwrite it"
        )
    with torch.no_grad():
        for name, tensor in bend.items():
            tensor.copy_(found.state[name])
    if found.resume:
        optimizer.load_state_dict(found.resume["optimizer"])
    return found.epoch or 0


def spaced(num: int) -> Sequence[float]:
    """Return ``num`` values of t from 0 to 1."""
    return [float(t) for t in torch.linspace(0, 1, num, dtype=torch.float64)]


def straight(first: Parameters, second: Parameters, t: float) -> Parameters:
    """Return the point of the straight line at ``t``."""
    moved: dict[str, Tensor] = {
        name: (1 - t) * tensor + t * second[name] for name, tensor in first.items()
    }
    return moved
