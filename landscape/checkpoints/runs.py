"""Training runs on disk: folders of checkpoints, in order."""

import fnmatch
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from landscape.checkpoints.checkpoint import Checkpoint
from landscape.checkpoints.files import SUFFIXES, holds_weights
from landscape.checkpoints.reading import load
from landscape.errors import CheckpointError
from landscape.naming import disambiguate
from landscape.parameters import fingerprint

_OURS = ("epoch-*.pt", "step-*.pt")
_FIRST, _LAST = ("initial", "init"), ("last", "final")
_UNITS = ("epoch", "step")


@dataclass(frozen=True)
class Run:
    """The checkpoints of one training run, in order.

    Attributes:
        name: Name of its folder.
        checkpoints: Paths, from the first to the last.
        key: Which of several networks in each, see :func:`landscape.checkpoints.load`.
    """

    name: str
    checkpoints: list[Path]
    key: str | None = None

    @classmethod
    def in_folder(cls, folder: Path, pattern: str | None = None) -> "Run":
        """Find the checkpoints in a folder, ordered by the numbers in their names.

        Args:
            folder: The folder.
            pattern: Pattern of their names. By default ``initial.pt``, ``epoch-*.pt`` or
                ``step-*.pt``, and ``last.pt``; else all checkpoints and folders of
                ``save_pretrained`` whose names differ only in numbers.

        Returns:
            The run.

        Raises:
            CheckpointError: It is not a folder, holds fewer than two checkpoints, or those of
                several patterns.
        """
        if not folder.is_dir():
            raise CheckpointError(
                f"{folder} is not a folder: expected folders of runs trained with "
                "`landscape train --save-every N`",
                path=folder,
            )
        found = sorted(_fitting(folder, pattern), key=lambda path: _place(path, folder))
        if len(found) < 2:
            raise CheckpointError(
                f"{folder} holds {len(found)} checkpoints"
                + (f" named {pattern}" if pattern else "")
                + ": a trajectory needs two or more (train with save_every=N, record a training "
                "with landscape.Recorder, or give pattern='model_*.pth')",
                path=folder,
            )
        return cls(folder.resolve().name, found)

    @classmethod
    def in_folders(
        cls, folders: Sequence[Path], pattern: str | None = None, key: str | None = None
    ) -> "list[Run]":
        """Find the runs in several folders, with different names.

        Args:
            folders: The folders.
            pattern: Pattern of the names of checkpoints, see :meth:`in_folder`.
            key: Which of several networks in each.

        Returns:
            The runs, in the order of the folders.
        """
        runs = [cls.in_folder(folder, pattern) for folder in folders]
        names = disambiguate([run.name for run in runs], folders)
        return [replace(run, name=name, key=key) for run, name in zip(runs, names, strict=True)]


@dataclass(frozen=True)
class CheckpointSequence:
    """Distinct checkpoints of a run, ordered by epoch.

    Attributes:
        name: Name of the run.
        checkpoints: Paths, from the first to the last.
        steps: Epoch or step of each, or its position where these are unknown.
        unit: Unit of ``steps``: ``epoch``, ``step`` or ``checkpoint``.
        key: Which of several networks in each.
    """

    name: str
    checkpoints: list[Path]
    steps: list[float]
    unit: str
    key: str | None = None

    @classmethod
    def from_run(cls, run: Run) -> "CheckpointSequence":
        """Return the sequence of a run, without the duplicate of ``last.pt``.

        Args:
            run: The run.

        Raises:
            CheckpointError: Two checkpoints record different runs.
        """
        kept = list(run.checkpoints)
        recorded = _epochs(kept, run.key)
        if kept[-1].stem == "last" and _are_equal(kept[-2:], recorded[-2:], run.key):
            del kept[-2], recorded[-2]
        root = Path(os.path.commonpath([path.parent for path in kept]))
        unit = _unit(kept, root) or ("checkpoint" if None in recorded else "epoch")
        steps = [
            float(epoch) if epoch is not None and unit == "epoch" else _step(path, root)
            for path, epoch in zip(kept, recorded, strict=True)
        ]
        if steps[-1] == math.inf:  # a last.pt that records no epoch
            steps[-1] = steps[-2] + 1 if len(steps) > 1 else 0.0
        if all(a < b for a, b in pairwise(steps)):
            return cls(run.name, kept, steps, unit, run.key)
        return cls(run.name, kept, [float(k) for k in range(len(kept))], "checkpoint", run.key)


def _fitting(folder: Path, pattern: str | None) -> list[Path]:
    """Return the checkpoints in a folder.

    Raises:
        CheckpointError: Their names have several patterns.
    """
    if pattern is not None:
        return [path for path in folder.glob(pattern) if path.is_file() or holds_weights(path)]
    every = [
        path
        for path in folder.iterdir()
        if (path.is_file() and path.suffix in SUFFIXES) or holds_weights(path)
    ]
    ends = [path for path in every if path.stem in (*_FIRST, *_LAST)]
    ours = [p for p in every if any(fnmatch.fnmatch(p.name, each) for each in _OURS)]
    if ours:
        return [path for path in (*ends, *ours) if path.suffix == ".pt"]
    numbered = [path for path in every if _numbers(path, folder)]
    patterns = sorted({re.sub(r"\d+(\.\d+)?", "*", path.name) for path in numbered})
    if len(patterns) > 1:
        raise CheckpointError(
            f"{folder} holds {', '.join(patterns[:3])}: give pattern={patterns[0]!r}", path=folder
        )
    return [*ends, *numbered]


def _place(path: Path, root: Path) -> tuple[int, list[int], str]:
    """Return the sort key of a checkpoint: all numbers in its name; the initial one is first."""
    return (path.stem in _LAST) - (path.stem in _FIRST), _numbers(path, root), str(path)


def _numbers(path: Path, root: Path) -> list[int]:
    name = str(path.relative_to(root).with_suffix(""))
    return [int(number) for number in re.findall("[0-9]+", name)]


def _epochs(paths: Sequence[Path], key: str | None) -> list[int | None]:
    """Return the epochs that checkpoints record, having checked that they are of one run.

    Raises:
        CheckpointError: Two record different runs.
    """
    epochs, known = [], dict[str, tuple[Path, object]]()
    for path in paths:
        found = load(path, key)
        for name, value in _facts_of_run(found).items():
            before, there = known.setdefault(name, (path, value))
            if there != value:
                raise CheckpointError(
                    f"{path} is of another run than {before} ({name}: {value} and {there}): give "
                    "a folder of one run",
                    path=path,
                    key=name,
                    expected=there,
                    got=value,
                )
        epochs.append(found.epoch)
    return epochs


def _facts_of_run(checkpoint: Checkpoint) -> dict[str, object]:
    """Return what a checkpoint records of its run: nothing if another program wrote it."""
    names = ("net", "data", "data_sha256", "preprocessing")
    recorded = {name: getattr(checkpoint, name) for name in names}
    return {**{k: v for k, v in recorded.items() if v is not None}, **checkpoint.recipe}


def _are_equal(paths: Sequence[Path], epochs: Sequence[int | None], key: str | None) -> bool:
    """Return whether two checkpoints are of one epoch, or else have the same weights."""
    if None not in epochs:
        return epochs[0] == epochs[1]
    first, second = (fingerprint(load(path, key).unwrapped) for path in paths)
    return first == second


def _unit(paths: Sequence[Path], root: Path) -> str | None:
    """Return what the numbers in names count, if they say it."""
    numbered = [path.name for path in paths if _numbers(path, root)]
    return next((u for u in _UNITS if numbered and all(u in name for name in numbered)), None)


def _step(path: Path, root: Path) -> float:
    """Return the number behind the unit in a checkpoint's name, as in ``epoch=3``; or the first."""
    if path.stem in _LAST:
        return math.inf
    unit = _unit([path], root)
    if unit is not None and (found := re.search(rf"{unit}\D{{0,2}}(\d+)", path.name)):
        return float(found[1])
    return float(next(iter(_numbers(path, root)), 0))
