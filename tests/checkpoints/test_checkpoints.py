import os
from pathlib import Path

import pytest
import torch
from torch import nn

from landscape import checkpoints, models
from landscape.checkpoints import Checkpoint, checkpoint
from landscape.datasets.preprocessing import Preprocessing
from landscape.errors import CheckpointError
from landscape.models import Architecture
from tests import inputs

NET = Architecture("resnet8", in_channels=1, shortcut="B")


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return NET.build().state_dict()


def test_ours_comes_back_as_it_was(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    original = Checkpoint(
        state,
        NET,
        "digits",
        "abc",
        Preprocessing((0.5,), (0.25,)),
        {"epochs": 3},
        2,
        {"train_loss": [1.0, float("nan")]},
        {"optimizer": {"state": {0: torch.ones(2)}}},
    )
    original.save(tmp_path / "deep" / "a.pt")
    again = checkpoints.load(tmp_path / "deep" / "a.pt")
    assert (again.net, again.data, again.epoch) == (NET, "digits", 2)
    assert again.preprocessing == original.preprocessing
    assert again.recipe == {"epochs": 3}
    assert again.history["train_loss"][0] == 1.0
    assert torch.equal(again.resume["optimizer"]["state"][0], torch.ones(2))
    for name, tensor in state.items():
        assert torch.equal(again.state[name], tensor)
    assert os.listdir(tmp_path / "deep") == ["a.pt"]


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model", "net"])
@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."]
)
def test_other_peoples_forms_load(
    state: dict[str, torch.Tensor], tmp_path: Path, key: str | None, prefix: str
) -> None:
    named = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({"epoch": 300, key: named} if key else named, tmp_path / "a.pt")
    checkpoint = checkpoints.load(tmp_path / "a.pt")
    assert models.infer(checkpoint.unwrapped) == [NET]
    net = NET.build()
    checkpoint.load_into(net, "resnet8")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_weights_saved_before_batchnorm_counted_load(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    old = {name: t for name, t in state.items() if "num_batches" not in name}
    torch.save({"acc": 93.66, "epoch": 300, "state_dict": old}, tmp_path / "a.t7")
    checkpoints.load(tmp_path / "a.t7").load_into(NET.build(), "resnet8")


def test_a_module_that_is_really_called_module_loads(tmp_path: Path) -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(2, 2)

    wrapper = Wrapper()
    torch.save(wrapper.state_dict(), tmp_path / "a.pt")
    other = Wrapper()
    checkpoints.load(tmp_path / "a.pt").load_into(other, "it")
    assert torch.equal(other.module.weight, wrapper.module.weight)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": inputs.Bomb(tmp_path / "ran")}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        checkpoints.load(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="state_dict"):
        checkpoints.load(tmp_path / "a.pt")


@pytest.mark.parametrize("keep", [0, 10, 1000, -100])
def test_a_truncated_file_is_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, keep: int
) -> None:
    torch.save(state, tmp_path / "a.pt")
    inputs.truncate(tmp_path / "a.pt", keep)
    with pytest.raises(CheckpointError, match="a.pt"):
        checkpoints.load(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([1, 2], "holds a list"),
        ({"a": 1}, "'a' is a int"),
        ({}, "holds no weights"),
        ({"format": checkpoint.FORMAT, "format_version": 99}, "version 99"),
        ({"format": checkpoint.FORMAT, "format_version": 1}, "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: object, text: str) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=text):
        checkpoints.load(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoints.load(tmp_path / "b.pt")


def test_a_net_that_does_not_match_is_refused(state: dict[str, torch.Tensor]) -> None:
    for name, text in (
        ("resnet14", r"missing \(layer1.1.conv1.weight"),
        ("plain8", "unexpected"),
        ("resnet8x2", r"conv1.weight has shape \(16, 1, 3, 3\), the net's \(32, 1, 3, 3\)"),
    ):
        net = Architecture(name, in_channels=1, shortcut="B").build()
        with pytest.raises(CheckpointError, match=text):
            Checkpoint(state).load_into(net, name)


def test_a_flipped_bit_is_noticed(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """torch does not look at the checksums in its files."""
    torch.save(state, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    place = content.find(state["conv1.weight"].numpy().tobytes())
    assert place > 0
    content[place] ^= 1
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoints.load(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "change",
    [
        {"history": 3},
        {"history": {"a": "b"}},
        {"recipe": None},
        {"net": {"name": 3}},
        {"net": {"name": "resnet8", "shortcut": "C"}},
        {"data": 7},
        {"preprocessing": {"mean": (0.0,), "std": (0.0,)}},
        {"epoch": "x"},
        {"state_dict": [1]},
    ],
)
def test_fields_of_a_wrong_kind_are_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, change: dict[str, object]
) -> None:
    Checkpoint(state, NET).save(tmp_path / "a.pt")
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    torch.save({**content, **change}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoints.load(tmp_path / "a.pt")


@pytest.mark.parametrize("wrong", [{"in_channels": -1}, {"num_classes": "ten"}])
def test_a_net_that_cannot_be_built_is_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, wrong: dict[str, object]
) -> None:
    Checkpoint(state, Architecture("resnet8", **wrong)).save(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="cannot be built"):
        checkpoints.load(tmp_path / "a.pt")


def test_weights_of_another_kind_are_refused(state: dict[str, torch.Tensor]) -> None:
    whole = {name: tensor.long() for name, tensor in state.items()}
    with pytest.raises(CheckpointError, match="is torch.int64, the net's torch.float32"):
        Checkpoint(whole).load_into(NET.build(), "resnet8")
