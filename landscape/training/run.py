"""One training run: the network, its optimizer and its progress."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.checkpoints import Checkpoint
from landscape.datasets.dataset import Dataset
from landscape.datasets.preprocessing import NO_PREPROCESSING, Preprocessing
from landscape.devices import computes_in, gpus, is_gpu
from landscape.errors import CheckpointError, DataError
from landscape.evaluation import values_at
from landscape.memory import keep_freed_memory
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.parameters import fingerprint
from landscape.threads import fastest_num_threads
from landscape.training.augmentation import augment
from landscape.training.loop import epoch_steps
from landscape.training.recipe import Recipe, TrainingPrecision, make_optimizer


class TrainingRun:
    """One training run: the network, its optimizer and its progress."""

    def __init__(
        self,
        net: Architecture,
        recipe: Recipe,
        training_set: Dataset,
        test_set: Dataset | None,
        preprocessing: Preprocessing | None,
        device: torch.device,
    ) -> None:
        net.check()
        keep_freed_memory()
        self.net, self.recipe, self.device = net, recipe, device
        self.data = training_set.name
        self.preprocessing = preprocessing or training_set.preprocessing or NO_PREPROCESSING
        shape = tuple(training_set.x.shape)
        if len(shape) != 4 or 0 in shape or (shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)):
            raise DataError(
                f"{training_set.name}: our nets take images of shape (n, channels, height, "
                f"width), not {shape}"
            )
        self.x, self.y = self.preprocessing(training_set.x).to(device), training_set.y.to(device)
        self.test: tuple[Tensor, Tensor] | None = None
        if test_set is not None:
            self.test = self.preprocessing(test_set.x).to(device), test_set.y.to(device)
        _check_labels(net, training_set, test_set)
        self.data_sha256 = fingerprint({"x": self.x, "y": self.y})
        # What the padding of the augmentation shows: black, as in the paper's program.
        self.black = self.preprocessing(torch.zeros(1, self.x.shape[1], 1, 1)).to(device)
        self.steps_per_epoch = recipe.steps_per_epoch(len(self.x))
        with torch.random.fork_rng(devices=[]):
            # The CPU's stream alone: those of GPUs are the caller's.
            torch.default_generator.manual_seed(recipe.seed)
            self.model = net.build().to(device)
        self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(self.model.parameters(), recipe)
        self.precision = _precision(recipe.precision, device)
        self.epoch = 0
        self.threads: int | None = None  # as many as are fastest
        self.history: dict[str, list[float]] = {}

    def fastest_num_threads(self) -> int:
        """Return how many threads are fastest for a step at this moment."""
        if self.device.type != "cpu":
            return torch.get_num_threads()
        model = copy.deepcopy(self.model).train()
        size = self.recipe.batch_size(len(self.x))
        x, y = self.x[:size], self.y[:size]

        def step() -> None:
            F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]

        with torch.random.fork_rng(devices=[]):  # of dropout
            return fastest_num_threads(step)

    def steps(self) -> Iterator[Tensor]:
        """Train for one epoch.

        Yields:
            The loss of every step, on the device.
        """
        self.model.train()
        self._losses: list[Tensor] = []
        self._hits: list[Tensor] = []
        numbers = itertools.count()

        def loss_of(batch: Tensor, generator: torch.Generator) -> Tensor:
            x, y = self.x[batch], self.y[batch]
            if self.recipe.augment:
                x = augment(x, self.black, generator)
            with (
                torch.random.fork_rng(gpus([self.device])),
                torch.autocast(
                    self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
                ),
            ):
                # Dropout has the same random numbers in a resumed run.
                torch.manual_seed(generator.initial_seed() + next(numbers))
                outputs = self.model(x)
            self._hits.append((outputs.detach().argmax(1) == y).float().mean())
            smoothing = self.recipe.label_smoothing
            return F.cross_entropy(outputs.float(), y, label_smoothing=smoothing)

        steps = epoch_steps(
            self.recipe, self.optimizer, self.epoch, len(self.x), loss_of, self.device
        )
        for loss in steps:
            self._losses.append(loss)
            yield loss

    def finish_epoch(self) -> None:
        """Count the epoch and add its measurements to the history."""
        self.epoch += 1
        measured = {
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train_loss": float(torch.stack(self._losses).mean()),
            "train_accuracy": float(torch.stack(self._hits).mean()),
        }
        if self.test is not None:
            objective = Objective(self.model, F.cross_entropy, self.test, device=self.device)
            values = values_at(objective, objective.center)
            measured |= {"test_loss": values.loss, "test_accuracy": values.accuracy}
        for key, value in measured.items():
            self.history.setdefault(key, []).append(value)

    def summary(self) -> str:
        """Return the last epoch's accuracies as a few words."""
        words = [
            f"{name} {self.history[key][-1]:.1%}"
            for name, key in (("train", "train_accuracy"), ("test", "test_accuracy"))
            if key in self.history
        ]
        return f"epoch {self.epoch}" + "".join(f", {word}" for word in words)

    def snapshot(self, *, resumable: bool = False) -> Checkpoint:
        """Return the present state; with the optimizer's if the run is to be resumed from it."""
        return Checkpoint(
            {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()},
            self.net,
            self.data,
            self.data_sha256,
            self.preprocessing,
            asdict(self.recipe),
            self.epoch,
            {key: list(values) for key, values in self.history.items()},
            # The number of threads changes the order of sums.
            {"optimizer": self.optimizer.state_dict(), "threads": self.threads}
            if resumable
            else {},
        )

    def restore(self, found: Checkpoint) -> None:
        """Resume from a snapshot."""
        found.load_into(self.model, self.net.name)
        self.optimizer.load_state_dict(found.resume["optimizer"])
        threads = found.resume.get("threads")  # checkpoints of before have none
        if isinstance(threads, int) and threads > 0:
            self.threads = min(threads, torch.get_num_threads())
        self.epoch = found.epoch or 0
        self.history = {key: list(values) for key, values in found.history.items()}

    def check_same(self, found: Checkpoint, path: Path) -> None:
        """Check that a checkpoint is one of this run.

        Raises:
            CheckpointError: It is another's; the text names what differs, with both values.
        """
        mine = {
            "net": self.net,
            "data": self.data,
            "preprocessing": self.preprocessing,
            "data_sha256": self.data_sha256,
        }
        theirs: dict[str, Any] = {key: getattr(found, key) for key in mine}
        differences = [
            f"{key}: file {there}, requested {now}"
            for key, there, now in (
                *((key, theirs[key], mine[key]) for key in mine),
                *((k, found.recipe.get(k), now) for k, now in asdict(self.recipe).items()),
            )
            if there != now
        ]
        if differences:
            raise CheckpointError(
                f"{path} contains a different run ({'; '.join(differences)}). Pass "
                "overwrite=True or another path.",
                path=path,
            )


def _check_labels(net: Architecture, *sets: Dataset | None) -> None:
    for part in sets:
        if part is not None and part.num_classes > net.num_classes:
            raise DataError(
                f"{part.name} ({part.split}) has label {part.num_classes - 1}, the net has "
                f"{net.num_classes} outputs"
            )


def _precision(wanted: TrainingPrecision, device: torch.device) -> str:
    if wanted != "auto":
        return wanted
    # Emulated bfloat16 (before Ampere) is slower than float32.
    fast = is_gpu(device) and computes_in("bfloat16", device)
    return "bfloat16" if fast else "float32"
