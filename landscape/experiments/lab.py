"""What an experiment works with: its data, its networks, its files and its statements."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import landscape
from landscape.atomic import replacing
from landscape.checkpoints import Checkpoint
from landscape.datasets import Dataset
from landscape.errors import LandscapeError
from landscape.experiments.verdict import Statement
from landscape.models import Architecture
from landscape.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

Scale = Literal["small", "full"]

Value = TypeVar("Value")

STATE = "state.json"
"""Name of the file with what an unfinished experiment has computed."""


class Lab:
    """Data, networks, files and statements of one experiment.

    Everything that takes long is stored in the folder, so that an interrupted experiment resumes.

    Args:
        folder: Folder of the experiment.
        scale: ``small`` uses the embedded digits, ``full`` CIFAR-10.
        seeds: Number of training seeds.
        device: Device as torch names it.
        progress: Receives progress.

    Attributes:
        folder: Folder of the experiment.
        scale: ``small`` or ``full``.
        seeds: Seeds of the trainings: 0, 1, ….
        device: Device as torch names it.
        progress: Receives progress.
        statements: What was stated so far.
        remark: A sentence on why a statement does not hold, or on what limits the result.

    Raises:
        LandscapeError: The folder holds the same experiment with other settings, or other files.
        OSError: The folder cannot be written.
    """

    def __init__(
        self, folder: Path, scale: Scale, seeds: int, device: str, progress: Progress
    ) -> None:
        self.folder, self.scale, self.device, self.progress = folder, scale, device, progress
        self.seeds = range(seeds)
        self.statements: list[Statement] = []
        self.remark = ""
        self._began = time.monotonic()
        self._settings = {"scale": scale, "seeds": seeds, "landscape": landscape.__version__}
        self._state = self._read()
        self._write()

    @property
    def seconds(self) -> float:
        """Time spent on the experiment, that of earlier, interrupted runs included."""
        return float(self._state["seconds"]) + time.monotonic() - self._began

    def choose(self, small: Value, full: Value) -> Value:
        """Return what fits the scale.

        Args:
            small: For the embedded digits, in minutes on two cores.
            full: For CIFAR-10 on a GPU.
        """
        return small if self.scale == "small" else full

    def data(self) -> tuple[Dataset, Dataset]:
        """Return the training and the test images."""
        name = self.choose("digits", "cifar10")
        return landscape.datasets.load(name, "train"), landscape.datasets.load(name, "test")

    def examples(self, split: str = "train", images: int | None = None) -> "tuple[Tensor, Tensor]":
        """Return preprocessed images and their labels.

        Args:
            split: ``train`` or ``test``.
            images: Only the first so many; all of them for None.
        """
        chosen = self.data()[0 if split == "train" else 1].first(images)
        return chosen.preprocessing(chosen.x) if chosen.preprocessing else chosen.x, chosen.y

    def train(
        self,
        net: str,
        seed: int,
        *,
        options: Mapping[str, Any] | None = None,
        save_every: int | None = None,
        **recipe: Any,
    ) -> Checkpoint:
        """Return a trained network; it is trained once.

        Its folder, ``runs/NET-OPTIONS-seedN``, has the network after every epoch or as asked.

        Args:
            net: Name of the network.
            seed: Seed of the training.
            options: Options of its family.
            save_every: Keep a checkpoint every so many epochs.
            **recipe: What differs from :class:`landscape.Recipe`, and from the epochs of the scale
                (15, or 200 with weight decay 5e-4 and augmentation).
        """
        training_set, test_set = self.data()
        usual: dict[str, Any] = self.choose(
            {"epochs": 15}, {"epochs": 200, "weight_decay": 5e-4, "augment": True}
        )
        wanted = landscape.Recipe(**{**usual, **recipe}, seed=seed)
        architecture = Architecture(net, **(options or {})).fitted(
            in_channels=training_set.x.shape[1],
            num_classes=training_set.num_classes,
            image_size=training_set.x.shape[2],
        )
        return landscape.train(
            architecture,
            training_set,
            test_set,
            wanted,
            self.run(net, seed, options, **recipe),
            device=self.device,
            save_every=save_every,
            progress=self.progress,
        )

    def run(
        self, net: str, seed: int, options: Mapping[str, Any] | None = None, **recipe: Any
    ) -> Path:
        """Return the folder of a training, named after what differs from the defaults.

        Args:
            net: Name of the network.
            seed: Seed of the training.
            options: Options of its family.
            **recipe: What differs from the defaults of :class:`landscape.Recipe`.
        """
        changes = [f"{key}={value}" for key, value in {**(options or {}), **recipe}.items()]
        return self.folder / "runs" / "-".join([net, *changes, f"seed{seed}"])

    def objective(
        self, checkpoint: Checkpoint, *, split: str = "train", images: int | None = 256, **more: Any
    ) -> landscape.Objective:
        """Return the mean loss of a trained network.

        Args:
            checkpoint: The network.
            split: ``train`` or ``test``.
            images: Use the first so many images; all of them for None.
            **more: Further arguments of :class:`landscape.Objective`.
        """
        more = {"device": self.device, "name": checkpoint.net and checkpoint.net.name, **more}
        data = self.examples(split, images)
        return landscape.Objective(checkpoint.model(), data=data, **more)

    def scan(
        self,
        name: str,
        objective: landscape.Objective,
        plane: Any = None,
        grid: Any = 15,
    ) -> landscape.Surface:
        """Return the surface of an objective; its file is ``NAME.h5``.

        Args:
            name: Name of the file, and of the surface in figures.
            objective: The objective.
            plane: As of :func:`landscape.scan`.
            grid: As of :func:`landscape.scan`.
        """
        return landscape.scan(
            objective.described(name=name),
            plane,
            grid,
            file=self.folder / f"{name}.h5",
            progress=self.progress,
        )

    def scan_all(
        self, name: str, checkpoints: Sequence[Checkpoint], grid: Any = 15
    ) -> list[landscape.Surface]:
        """Return the surfaces around several trainings of a network; files ``NAME-seedN.h5``.

        Args:
            name: Name of the files, and of the surfaces in figures.
            checkpoints: The networks.
            grid: As of :func:`landscape.scan`.
        """
        return [
            self.scan(f"{name}-seed{seed}", self.objective(checkpoint), grid=grid)
            for seed, checkpoint in zip(self.seeds, checkpoints, strict=True)
        ]

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return a computed value; it is computed once and then read from the folder.

        Args:
            name: Name of the value, unique in the experiment.
            compute: Returns it: numbers, texts, and lists and dictionaries of them.
        """
        values = self._state["values"]
        if name not in values:
            self.progress.note(name)
            values[name] = compute()
            self._write()
        found: Value = values[name]
        return found

    def state(self, text: str, held: bool, measured: str) -> None:
        """State something that must be seen if the claim is true.

        Args:
            text: What must be seen.
            held: Whether it was seen.
            measured: What was measured, with the spread over seeds.
        """
        self.statements.append(Statement(text, measured, bool(held)))
        self.progress.note(f"{'held' if held else 'DID NOT HOLD'}: {text} ({measured})")

    def save(self, figure: "Figure", name: str) -> None:
        """Save a figure as ``NAME.png``.

        Args:
            figure: The figure.
            name: Name of the file.
        """
        from matplotlib import pyplot as plt

        figure.savefig(self.folder / f"{name}.png", dpi=150)
        plt.close(figure)

    def close(self) -> None:
        """Store the time spent."""
        self._write()

    def _read(self) -> dict[str, Any]:
        path = self.folder / STATE
        if not path.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise LandscapeError(
                    f"{self.folder} is not empty, and not the folder of an experiment: pass "
                    "another folder",
                    path=self.folder,
                )
            return {"settings": self._settings, "seconds": 0.0, "values": {}}
        try:
            state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            settings = state["settings"]
            float(state["seconds"]), dict(state["values"])
        except (ValueError, TypeError, KeyError) as error:
            raise LandscapeError(
                f"{path} is damaged: pass overwrite=True or another folder", path=path
            ) from error
        if settings != self._settings:
            raise LandscapeError(
                f"{self.folder} holds this experiment with {_listed(settings)}, requested "
                f"{_listed(self._settings)}: pass overwrite=True or another folder",
                path=self.folder,
            )
        return state

    def _write(self) -> None:
        now = time.monotonic()
        self._state["seconds"] += now - self._began
        self._began = now
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / STATE) as temporary:
            temporary.write_text(json.dumps(self._state, indent=1), encoding="utf-8")


def rougher(
    first: Sequence[landscape.Surface], second: Sequence[landscape.Surface]
) -> tuple[list[str], list[str], str]:
    """Compare the roughness of two groups of surfaces, see :func:`landscape.compare`.

    Args:
        first: Surfaces of one network, one for each training.
        second: Surfaces of another network.

    Returns:
        The measures of roughness that are larger for the first by more than the spread, those
        that are larger for the second, and a text that says how many.
    """
    found = landscape.compare(first, second, names=["first", "second"]).differences()
    rough = [each for each in found if each.measure.is_roughness]
    more = [each.measure.name for each in rough if each.differs and each.means[0] > each.means[1]]
    less = [each.measure.name for each in rough if each.differs and each.means[0] < each.means[1]]
    text = f"larger in {len(more)}, smaller in {len(less)} of {len(rough)} measures of roughness"
    return more, less, text


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the mean and the range of values over seeds as text: ``0.5 (0.4 to 0.6)``.

    Args:
        values: One value for each seed.
        digits: Significant digits.

    Example:
        >>> spread([0.4, 0.5, 0.6])
        '0.5 (0.4 to 0.6)'
    """
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{mean:.{digits}g} ({low:.{digits}g} to {high:.{digits}g})"


def percent(values: Sequence[float]) -> str:
    """Return the mean and the range of shares over seeds as text: ``50.0 % (40.0 to 60.0)``.

    Args:
        values: One share from 0 to 1 for each seed.

    Example:
        >>> percent([0.4, 0.6])
        '50.0 % (40.0 to 60.0)'
    """
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{100 * mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())
