"""The trainer: our nets on image data, the same from the same seed, resumable."""

import copy
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.data import NO_PREPROCESSING, Dataset, Preprocessing
from landscape.errors import CheckpointError, DataError
from landscape.evaluate import values_at
from landscape.memory import keep_freed_memory
from landscape.models import Net
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.parameters import fingerprint
from landscape.progress import Progress
from landscape.threads import fastest_num_threads, num_threads

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


def train(
    net: Net,
    training_set: Dataset,
    test_set: Dataset | None,
    recipe: Recipe,
    folder: Path,
    *,
    preprocessing: Preprocessing | None = None,
    device: torch.device | None = None,
    save_every: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a net, or go on where an interrupted run of the same recipe stopped.

    Writes ``initial.pt`` before the first epoch, ``last.pt`` after every epoch, and
    ``epoch-K.pt`` as asked. On one machine, an interrupted and resumed run ends with the
    same bits as one that was not interrupted (on a GPU as far as its kernels allow).

    Args:
        net: What to train.
        training_set: Images and labels.
        test_set: Where to measure after every epoch, if anywhere.
        recipe: How.
        folder: Where the checkpoints go.
        preprocessing: By default that of the data set.
        device: By default a CPU.
        save_every: Keep a checkpoint each so many epochs.
        overwrite: Start anew where the folder holds a run.
        progress: Where to report to.

    Returns:
        The content of ``last.pt``.

    Raises:
        CheckpointError: The folder holds a run of another net, recipe or data.
        DataError: The images do not fit the net.
        OSError: The checkpoints cannot be written.
    """
    run = _Run(net, recipe, training_set, test_set, preprocessing, device or torch.device("cpu"))
    progress = progress or default_progress()
    last = folder / "last.pt"
    if last.exists() and not overwrite:
        found = checkpoints.load(last)
        run.check_same(found, last)
        if not found.resume:
            progress.note(f"{net.name}: {last} is already trained")
            return found
        run.restore(found)
    else:
        later = list(folder.glob("epoch-*.pt"))
        for old in [] if overwrite else later:  # of this run's first epoch, or not ours to delete
            run.check_same(checkpoints.load(old), old)
        run.snapshot().save(folder / "initial.pt")  # first: it may be impossible
        for old in (last, *later):
            old.unlink(missing_ok=True)
    progress.start(net.name, recipe.epochs * run.steps_per_epoch, run.epoch * run.steps_per_epoch)
    try:
        with num_threads(run.threads or run.fastest_num_threads()) as run.threads:
            while run.epoch < recipe.epochs:
                for step, loss in enumerate(run.steps(), 1):
                    done = run.epoch * run.steps_per_epoch + step
                    if step < run.steps_per_epoch and step % 5 == 0:
                        progress.update(done, f"loss {float(loss):.3g}, {run.summary()}")
                run.finish_epoch()
                if save_every and run.epoch % save_every == 0:
                    run.snapshot().save(folder / f"epoch-{run.epoch:03d}.pt")
                run.snapshot(resumable=run.epoch < recipe.epochs).save(last)
                progress.update(run.epoch * run.steps_per_epoch, run.summary())
    finally:
        progress.stop()
    return run.snapshot()


class _Run:
    """One training run: the net, its optimizer, and how far it is."""

    def __init__(
        self,
        net: Net,
        recipe: Recipe,
        training_set: Dataset,
        test_set: Dataset | None,
        preprocessing: Preprocessing | None,
        device: torch.device,
    ) -> None:
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
        self.images_per_batch = min(recipe.images_per_batch, len(self.x))
        self.steps_per_epoch = len(self.x) // self.images_per_batch
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
        x, y = self.x[: self.images_per_batch], self.y[: self.images_per_batch]

        def step() -> None:
            F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]

        return fastest_num_threads(step)

    def steps(self) -> Iterator[Tensor]:
        """Train for one epoch; yield the loss of every step, which stays on the device."""
        generator = stream(self.recipe.seed, self.epoch)
        self.model.train()
        self._losses, self._hits = [], []
        order = torch.randperm(len(self.x), generator=generator).to(self.device)
        for step in range(self.steps_per_epoch):
            rate = self.recipe.rate_at(self.epoch + (step + 0.5) / self.steps_per_epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            batch = order[step * self.images_per_batch : (step + 1) * self.images_per_batch]
            x, y = self.x[batch], self.y[batch]
            if self.recipe.augment:
                x = augment(x, self.black, generator)
            with torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
            ):
                outputs = self.model(x)
            loss = F.cross_entropy(outputs.float(), y, label_smoothing=self.recipe.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._losses.append(loss.detach())
            self._hits.append((outputs.detach().argmax(1) == y).float().mean())
            yield loss.detach()

    def finish_epoch(self) -> None:
        """Count the epoch and add its measurements to the history."""
        self.epoch += 1
        measured = {
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train_loss": float(torch.stack(self._losses).mean()),
            "train_accuracy": float(torch.stack(self._hits).mean()),
        }
        if self.test is not None:
            objective = Objective.of(self.model, F.cross_entropy, *self.test, device=self.device)
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
        """Return the present state; with the optimizer's if the run is to go on from it."""
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
        """Go on from a snapshot."""
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
            f"{key} {there} there, {now} now"
            for key, there, now in (
                *((key, theirs[key], mine[key]) for key in mine),
                *((k, found.recipe.get(k), now) for k, now in asdict(self.recipe).items()),
            )
            if there != now
        ]
        if differences:
            raise CheckpointError(
                f"{path} is of another run ({'; '.join(differences)}): choose another --out, "
                "or --overwrite it"
            )


def stream(seed: int, epoch: int) -> torch.Generator:
    """Return the random numbers of an epoch: made so, they need not be stored to resume."""
    key = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:7], "little"))


def augment(images: Tensor, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Return random crops of padded images, half of them mirrored.

    Args:
        images: Shape (n, channels, h, w), on any device.
        fill: What the padding shows, shape (1, channels, 1, 1).
        generator: On the CPU, so that every device sees the same crops.
    """
    num, _, height, width = images.shape
    pads = (height // 8, width // 8)
    shifts = [torch.randint(2 * pad + 1, (num, 1), generator=generator) for pad in pads]
    flips = torch.randint(2, (num, 1), generator=generator, dtype=torch.bool)
    rows = torch.arange(height) + shifts[0]
    columns = torch.arange(width) + shifts[1]
    columns = torch.where(flips, columns.flip(1), columns)
    padded = fill.expand(num, -1, height + 2 * pads[0], width + 2 * pads[1]).clone()
    padded[:, :, pads[0] : pads[0] + height, pads[1] : pads[1] + width] = images
    index = torch.arange(num)[:, None, None], rows[:, :, None], columns[:, None, :]
    n, r, c = (part.to(images.device) for part in index)
    return padded.permute(0, 2, 3, 1)[n, r, c].permute(0, 3, 1, 2)


def _check_labels(net: Net, *sets: Dataset | None) -> None:
    for part in sets:
        if part is not None and part.num_classes > net.num_classes:
            raise DataError(
                f"{part.name} ({part.split}) has label {part.num_classes - 1}, the net has "
                f"{net.num_classes} outputs"
            )


def make_optimizer(parameters: Iterable[Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimizer of a recipe, with its highest learning rate."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, nesterov=True)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay)


def _precision(wanted: TrainingPrecision, device: torch.device) -> str:
    if wanted != "auto":
        return wanted
    # Emulated bfloat16 (before Ampere) is slower than float32.
    fast = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8
    return "bfloat16" if fast else "float32"
