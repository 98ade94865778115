"""Hostile checkpoints: refused before they take memory or time."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.errors import CheckpointError
from landscape.models import Architecture


def test_no_memory_is_taken_for_a_larger_network_than_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Architecture("resnet8").build().state_dict()
    Checkpoint(state, Architecture("resnet8", in_channels=10**7)).save(tmp_path / "a.pt")
    found = checkpoints.load(tmp_path / "a.pt")
    monkeypatch.delattr(Architecture, "build")
    with pytest.raises(CheckpointError, match="fit resnet8: expected 1440.* numbers, found 7"):
        found.model()


def test_weights_that_expand_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="tensors expand to 4398046511104 bytes"):
        checkpoints.load(tmp_path / "a.pt")


def test_archives_that_expand_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(3)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt", "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/more", "w", force_zip64=True) as file,
    ):
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(CheckpointError, match="it expands to 3145"):
        checkpoints.load(tmp_path / "a.pt")


def endless() -> dict[str, Any]:
    content: dict[str, Any] = {"w": torch.zeros(2)}
    content["itself"] = content
    return content


def doubled() -> dict[str, Any]:
    content: dict[str, Any] = {"w": torch.zeros(2)}
    for _ in range(60):
        content = {"a": content, "b": content}
    return content


@pytest.mark.parametrize("make", [endless, doubled])
def test_dictionaries_that_hold_each_other_end(tmp_path: Path, make: Any) -> None:
    torch.save(make(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="holds"):
        checkpoints.load(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("recipe", {1: 2}),
        ("recipe", {"rate": torch.zeros(3)}),
        ("history", {"loss": {0: 1.0}}),
        ("history", {"loss": [None]}),
        ("net", {"name": "resnet8", "options": {"num_classes": torch.ones(2)}}),
        ("net", {"name": "resnet8", "options": {"num_classes": 1 << 70}}),
        ("net", {"name": ["resnet8"], "options": {}}),
        ("net", 3),
        ("preprocessing", {"mean": (), "std": ()}),
        ("preprocessing", [1]),
    ],
)
def test_odd_content_is_damage(tmp_path: Path, key: str, value: object) -> None:
    Checkpoint({"w": torch.zeros(2)}).save(tmp_path / "a.pt")
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    torch.save({**content, key: value}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoints.load(tmp_path / "a.pt")
