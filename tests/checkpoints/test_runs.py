"""Folders of checkpoints under names chosen by users."""

from pathlib import Path

import pytest
import torch

from landscape.checkpoints import CheckpointSequence, Run, runs
from landscape.errors import CheckpointError


def fill(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.tensor([float(number)])}, path)


def found(folder: Path, pattern: str | None = None) -> tuple[list[str], list[float], str]:
    sequence = CheckpointSequence.from_run(Run.in_folder(folder, pattern))
    names = [path.relative_to(folder).as_posix() for path in sequence.checkpoints]
    return names, sequence.steps, sequence.unit


def test_numbers_in_names_are_in_natural_order(tmp_path: Path) -> None:
    fill(tmp_path, "model_10.pth", "model_0.pth", "model_9.pth", "best.pth", "notes.txt")
    names = ["model_0.pth", "model_9.pth", "model_10.pth"]
    assert found(tmp_path) == (names, [0, 9, 10], "checkpoint")


def test_names_with_several_numbers_and_both_ends(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "last.ckpt",
        "epoch=9-step=1000.ckpt",
        "epoch=10-step=1100.ckpt",
        "initial.ckpt",
        "epoch=9-step=990.ckpt",
    )
    names, steps, unit = found(tmp_path)
    assert names == [
        "initial.ckpt",
        "epoch=9-step=990.ckpt",
        "epoch=9-step=1000.ckpt",
        "epoch=10-step=1100.ckpt",
        "last.ckpt",
    ]
    assert (steps, unit) == ([0, 1, 2, 3, 4], "checkpoint")


def test_steps_are_those_of_the_names(tmp_path: Path) -> None:
    fill(tmp_path, "step-000200.pt", "initial.pt", "step-000100.pt", "other_3.pth")
    names = ["initial.pt", "step-000100.pt", "step-000200.pt"]
    assert found(tmp_path) == (names, [0, 100, 200], "step")


def test_recorded_epochs_count_where_names_do_not_say(tmp_path: Path) -> None:
    for epoch in (2, 4):
        torch.save({"net": {"w": torch.ones(1)}, "epoch": epoch}, tmp_path / f"net{epoch // 2}.t7")
    assert found(tmp_path) == (["net1.t7", "net2.t7"], [2, 4], "epoch")


def test_a_pattern_chooses_also_in_folders(tmp_path: Path) -> None:
    fill(tmp_path, "net_1.pth", "net_2.pth", "optimizer_1.pth", "optimizer_2.pth")
    with pytest.raises(CheckpointError, match=r"holds net_\*.pth, optimizer_\*.pth: give pattern="):
        Run.in_folder(tmp_path)
    assert found(tmp_path, "net_*.pth")[0] == ["net_1.pth", "net_2.pth"]
    with pytest.raises(CheckpointError, match=r"0 checkpoints named x\*: a trajectory needs two"):
        Run.in_folder(tmp_path, "x*")
    fill(tmp_path, "at 9/weights.pt", "at 10/weights.pt")
    names = ["at 9/weights.pt", "at 10/weights.pt"]
    assert found(tmp_path, "*/weights.pt") == (names, [9, 10], "checkpoint")


def test_folders_of_the_trainer_of_transformers(tmp_path: Path) -> None:
    for step in (500, 1000, 1500):
        folder = tmp_path / f"checkpoint-{step}"
        fill(folder, "pytorch_model.bin")
        (folder / "trainer_state.json").write_text("{}")
    names = ["checkpoint-500", "checkpoint-1000", "checkpoint-1500"]
    assert found(tmp_path)[:2] == (names, [500, 1000, 1500])


def test_a_folder_without_a_trajectory_says_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path, "model.pth", "best.pth")
    with pytest.raises(CheckpointError, match=r"save_every=N, record .*Recorder, or give pattern="):
        Run.in_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "step"),
    [("step=100-epoch=1", 1), ("epoch=2-step=300", 2), ("step-004200", 4200), ("model_7", 7)],
)
def test_the_number_of_a_checkpoint_is_that_of_its_unit(
    tmp_path: Path, name: str, step: int
) -> None:
    assert runs._step(tmp_path / f"{name}.pt", tmp_path) == step
