"""Two trainings in one folder: one is refused, and a folder of two runs is not drawn."""

import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import landscape
from landscape import checkpoints, datasets, locks
from landscape.checkpoints import CheckpointSequence, Run
from landscape.errors import CheckpointError
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.training.recipe import Recipe
from landscape.training.trainer import train
from tests.reporters import StopAt


class During(landscape.progress.Silent):
    """Calls a function at the first update of a training."""

    def __init__(self, act: Any) -> None:
        self._act = act

    def update(self, done: int, detail: str = "") -> None:
        act, self._act = self._act, lambda: None
        act()


def trained(folder: Path, seed: int = 0, **options: Any) -> checkpoints.Checkpoint:
    net = Architecture("resnet8", in_channels=1)
    data = datasets.load("digits").first(64)
    recipe = Recipe(epochs=2, images_per_batch=32, seed=seed)
    return train(net, data, None, recipe, folder, save_every=1, **options)


def test_a_second_training_in_one_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def second() -> None:
        for seed, overwrite in ((0, False), (1, False), (1, True)):
            with pytest.raises(CheckpointError, match="being written by another training") as found:
                trained(folder, seed, overwrite=overwrite)
            assert found.value.path == folder / "last.pt"

    first = trained(folder, progress=During(second))
    assert checkpoints.load(folder / "last.pt").history == first.history
    names = ["epoch-001.pt", "epoch-002.pt", "initial.pt", "last.pt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert {checkpoints.load(path).recipe["seed"] for path in folder.iterdir()} == {0}


def test_the_lock_of_a_killed_training_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / ".last.pt.lock").touch()
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, progress=StopAt(2))
    trained(tmp_path)
    assert not (tmp_path / ".last.pt.lock").exists()


def test_a_second_training_of_one_curve_is_refused(tmp_path: Path) -> None:
    first, second = (torch.nn.Linear(4, 3) for _ in range(2))
    data = torch.randn(20, 4), torch.randint(3, (20,))
    objective = Objective(first, data=data, device="cpu")
    file = tmp_path / "control-point.pt"

    def again() -> None:
        with pytest.raises(CheckpointError, match="being written by another training"):
            landscape.connect(objective, second, Recipe(epochs=1, seed=1), file=file)

    landscape.connect(objective, second, Recipe(epochs=1), file=file, progress=During(again))
    assert checkpoints.load(file).recipe["seed"] == 0


def _count(path: Path, num: int) -> None:
    """Add 1 to the number in a file so often, whenever no other process is writing it."""
    done = 0
    while done < num:
        try:
            with locks.writing_checkpoints(path):
                path.write_text(str(int(path.read_text()) + 1))
            done += 1
        except CheckpointError:
            pass


@pytest.mark.slow
def test_a_lock_that_is_removed_at_its_end_is_held_by_one_process(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=_count, args=(path, 300)) for _ in range(3)]
    for each in others:
        each.start()
    for each in others:
        each.join()
    assert path.read_text() == "900"


@pytest.mark.parametrize("other", ["initial.pt", "epoch-001.pt"])
def test_a_folder_of_two_runs_is_refused_by_name(tmp_path: Path, other: str) -> None:
    for seed in (0, 1):
        trained(tmp_path / str(seed), seed)
    CheckpointSequence.from_run(Run.in_folder(tmp_path / "0"))
    shutil.copy(tmp_path / "1" / other, tmp_path / "0" / other)
    with pytest.raises(CheckpointError, match=r"is of another run than .* \(seed: ") as found:
        CheckpointSequence.from_run(Run.in_folder(tmp_path / "0"))
    assert found.value.key == "seed"
    assert other in str(found.value)
