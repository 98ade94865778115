"""Training runs on disk: folders of checkpoints, in order."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from landscape.checkpoints.checkpoint import load
from landscape.errors import CheckpointError
from landscape.naming import disambiguate
from landscape.parameters import fingerprint


@dataclass(frozen=True)
class Run:
    """The checkpoints of one training run, in order.

    Attributes:
        name: Name of its folder.
        checkpoints: Paths, from the first to the last.
    """

    name: str
    checkpoints: list[Path]

    @classmethod
    def in_folder(cls, folder: Path) -> "Run":
        """Find the checkpoints in a folder: ``initial.pt``, ``epoch-*.pt``, ``last.pt``.

        Args:
            folder: The folder.

        Returns:
            The run.

        Raises:
            CheckpointError: It is not a folder, or holds fewer than two checkpoints.
        """
        if not folder.is_dir():
            raise CheckpointError(
                f"{folder} is not a folder: expected folders of runs trained with "
                "`landscape train --save-every N`",
                path=folder,
            )
        epochs = sorted(folder.glob("epoch-*.pt"), key=_numbers)
        ends = [folder / "initial.pt", folder / "last.pt"]
        found = [path for path in (ends[0], *epochs, ends[1]) if path.is_file()]
        if len(found) < 2:
            raise CheckpointError(
                f"{folder} holds {len(found)} checkpoints: a trajectory needs two or more (train "
                "with save_every=N)",
                path=folder,
            )
        return cls(folder.resolve().name, found)

    @classmethod
    def in_folders(cls, folders: Sequence[Path]) -> "list[Run]":
        """Find the runs in several folders, with different names.

        Args:
            folders: The folders.

        Returns:
            The runs, in the order of the folders.
        """
        runs = [cls.in_folder(folder) for folder in folders]
        names = disambiguate([run.name for run in runs], folders)
        return [replace(run, name=name) for run, name in zip(runs, names, strict=True)]


@dataclass(frozen=True)
class CheckpointSequence:
    """Distinct checkpoints of a run, ordered by epoch.

    Attributes:
        name: Name of the run.
        checkpoints: Paths, from the first to the last.
        steps: Epoch of each, or its position where the epochs are unknown.
        unit: Unit of ``steps``: ``epoch`` or ``checkpoint``.
    """

    name: str
    checkpoints: list[Path]
    steps: list[float]
    unit: str

    @classmethod
    def from_run(cls, run: Run) -> "CheckpointSequence":
        """Return the sequence of a run, without the duplicate of ``last.pt``.

        Args:
            run: The run.
        """
        kept = list(run.checkpoints)
        recorded = [load(path).epoch for path in kept]
        if kept[-1].stem == "last" and _are_equal(kept[-2:], recorded[-2:]):
            del kept[-2], recorded[-2]
        epochs = [_epoch_of(*each) for each in zip(kept, recorded, strict=True)]
        if epochs[-1] == math.inf:  # a last.pt that records no epoch
            epochs[-1] = epochs[-2] + 1 if len(epochs) > 1 else 0.0
        if all(a < b for a, b in pairwise(epochs)):
            return cls(run.name, kept, epochs, "epoch")
        return cls(run.name, kept, [float(k) for k in range(len(kept))], "checkpoint")


def _numbers(path: Path) -> tuple[list[int], str]:
    """Return the sort key of an epoch's file: all numbers in its name, then the name."""
    return [int(number) for number in re.findall("[0-9]+", path.stem)], path.name


def _are_equal(paths: Sequence[Path], epochs: Sequence[int | None]) -> bool:
    """Return whether two checkpoints are of one epoch, or else have the same weights."""
    if None not in epochs:
        return epochs[0] == epochs[1]
    first, second = (fingerprint(load(path).unwrapped) for path in paths)
    return first == second


def _epoch_of(path: Path, epoch: int | None) -> float:
    """Return a checkpoint's epoch; of a plain state_dict the first number in its file name."""
    if epoch is not None:
        return float(epoch)
    if path.stem == "last":
        return math.inf
    numbers, _ = _numbers(path)
    return float(numbers[0]) if numbers else 0.0
