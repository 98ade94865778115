"""Find a low-loss curve between two trained networks (mode connectivity)."""

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from landscape.checkpoints import Checkpoint, load
from landscape.devices import gpus
from landscape.errors import CheckpointError
from landscape.locks import writing_checkpoints
from landscape.losses import mean
from landscape.memory import keep_freed_memory
from landscape.modules import copied
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.parameters import Parameters, check_match, fingerprint
from landscape.planes.bezier import on_curve
from landscape.planes.states import Source, load_state
from landscape.progress import Progress
from landscape.training.loop import epoch_steps
from landscape.training.recipe import Recipe, make_optimizer
from landscape.trees import arguments


def connect(
    objective: Objective,
    second: Source,
    recipe: Recipe,
    *,
    file: str | Path | None = None,
    like: Checkpoint | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Parameters:
    """Train the control point of a Bézier curve between two networks (Garipov et al. 2018).

    At every step ``t`` is drawn uniformly from 0 to 1 and the control point moves down the
    gradient of a batch's loss at that point of the curve. The model is in training mode. An
    interrupted training with a file resumes when it is called again.

    Args:
        objective: The objective; its model is the end at t = 0.
        second: The other end: path, state_dict or module.
        recipe: Hyperparameters; augmentation does not apply.
        file: Save the control point to this checkpoint after every epoch.
        like: Checkpoint whose buffers and architecture are saved with it.
        overwrite: Start a new training, whatever the file holds.
        progress: Receives progress; by default a bar in a notebook, else nothing.

    Returns:
        The parameters of the control point.

    Raises:
        ParameterMismatchError: The ends do not match.
        CheckpointError: The file holds another curve, another process is training into it, or
            an end cannot be read.
        ValueError: Both ends are equal.

    Example:
        >>> import torch, landscape
        >>> a, b = (torch.nn.Linear(4, 3) for _ in range(2))
        >>> data = torch.randn(20, 4), torch.randint(3, (20,))
        >>> objective = landscape.Objective(a, data=data, device="cpu")
        >>> sorted(landscape.connect(objective, b, landscape.Recipe(epochs=1)))
        ['bias', 'weight']
    """
    keep_freed_memory()
    curve = _Curve(objective, second, recipe)
    path = Path(file) if file is not None else None
    with writing_checkpoints(path) if path is not None else nullcontext():
        if path is not None and path.exists() and not overwrite:
            curve.restore(path)
        _train(curve, path, like or Checkpoint({}), progress or default_progress())
    return {name: tensor.detach() for name, tensor in curve.control.items()}


def _train(curve: "_Curve", path: Path | None, like: Checkpoint, progress: Progress) -> None:
    recipe = curve.recipe
    steps = curve.steps_per_epoch
    progress.start("curve", recipe.epochs * steps, curve.epoch * steps)
    try:
        while curve.epoch < recipe.epochs:
            loss = torch.tensor(0.0)
            for step, loss in enumerate(curve.steps()):
                if step % 5 == 0:
                    progress.update(curve.epoch * steps + step + 1, f"loss {loss.item():.3g}")
            curve.epoch += 1
            if path is not None:
                curve.save(path, like)
            progress.update(curve.epoch * steps, f"loss {loss.item():.3g}")
    finally:
        progress.stop()


class _Curve:
    """One training: both ends, the control point, its optimizer and progress."""

    def __init__(self, objective: Objective, second: Source, recipe: Recipe) -> None:
        self.objective, self.recipe = objective, recipe
        self.first = objective.parameters
        state = load_state(objective, second)
        end = {name: state[name] for name in self.first if name in state}
        check_match(end, self.first, "the second end")
        self.second = {name: end[name].to(tensor) for name, tensor in self.first.items()}
        if all(torch.equal(self.first[name], self.second[name]) for name in self.first):
            raise ValueError("both ends of the curve are the same network")
        self.control = {
            name: ((tensor + self.second[name]) / 2).requires_grad_()
            for name, tensor in self.first.items()
        }
        self.optimizer = make_optimizer(self.control.values(), recipe)
        self.model = copied(objective.model).train()
        self.steps_per_epoch = recipe.steps_per_epoch(objective.num_images)
        self.epoch = 0
        self._facts = {
            **asdict(recipe),
            "first": fingerprint(self.first),
            "second": fingerprint(self.second),
            "loss": objective.settings["loss"],
            "data": fingerprint(objective.data.named),
        }

    def steps(self) -> Iterator[Tensor]:
        """Train for one epoch.

        Returns:
            The loss of every step, as an iterator.
        """
        objective, numbers = self.objective, itertools.count()
        devices = gpus([objective.device])

        def loss_of(batch: Tensor, generator: torch.Generator) -> Tensor:
            t = float(torch.rand((), generator=generator))
            point = on_curve(self.first, self.control, self.second, t)
            with torch.random.fork_rng(devices):  # of dropout
                torch.manual_seed(generator.initial_seed() + next(numbers))
                some = objective.data.at(batch)
                outputs = torch.func.functional_call(
                    self.model, dict(point), *arguments(some.inputs)
                )
            return mean(objective.loss(outputs, some.targets, some.num))

        return epoch_steps(
            self.recipe,
            self.optimizer,
            self.epoch,
            objective.num_images,
            loss_of,
            objective.device,
        )

    def save(self, path: Path, like: Checkpoint) -> None:
        """Save the control point, and the optimizer if the training is not finished."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.control.items()}
        is_finished = self.epoch == self.recipe.epochs
        replace(
            like,
            state={**like.unwrapped, **state},
            recipe=self._facts,
            epoch=self.epoch,
            history={},
            resume={} if is_finished else {"optimizer": self.optimizer.state_dict()},
        ).save(path)

    def restore(self, path: Path) -> None:
        """Resume from a saved control point.

        Raises:
            CheckpointError: It is of another curve.
        """
        found = load(path)
        other = [key for key, value in self._facts.items() if found.recipe.get(key) != value]
        if other:
            raise CheckpointError(
                f"{path} contains a different curve ({', '.join(other)}). Pass overwrite=True or "
                "another path.",
                path=path,
            )
        with torch.no_grad():
            for name, tensor in self.control.items():
                tensor.copy_(found.state[name])
        if found.resume:
            self.optimizer.load_state_dict(found.resume["optimizer"])
        self.epoch = found.epoch or 0
