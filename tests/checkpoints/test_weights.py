"""Checkpoints as people save them: all that hold the same weights give the same network."""

import argparse
import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.errors import CheckpointError

State = dict[str, Tensor]


def make() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture
def state() -> State:
    return {name: torch.rand_like(t.float()).to(t) for name, t in make().state_dict().items()}


def assert_loads(path: Path, state: State, key: str | None = None) -> None:
    net = make()
    checkpoints.load(path, key).load_into(net, "net")
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


def other(state: State) -> State:
    return {name: tensor + 1 for name, tensor in state.items()}


FORMS: dict[str, Any] = {
    "imagenet": lambda s: {"epoch": 3, "state_dict": s, "best_acc1": torch.tensor(71.2)},
    "optimizer": lambda s: {"model": s, "optimizer": {"state": {0: {"m": s["0.weight"]}}}},
    "flat optimizer": lambda s: {"weights": s, "optimizer_state": {"m": s["0.weight"]}},
    "numpy": lambda s: {"model_state_dict": s, "loss": np.float64(0.4)},
    "namespace": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1), "to": Path("a")},
    "lightning": lambda s: {
        "state_dict": {
            **{f"model.{name}": t for name, t in s.items()},
            "criterion.weight": torch.ones(3),
        },
        "hyper_parameters": {"lr": 0.1},
    },
    "average": lambda s: {"ema_state_dict": s, "step": 4},
    "both": lambda s: {"ema": {"state_dict": other(s)}, "state_dict": s},
    "nested": lambda s: {"checkpoint": {"model_state": s, "step": 4}},
    "unusual": lambda s: {"classifier": s, "accuracy": 0.9},
    "compiled part": lambda s: {n.replace("0.", "0._orig_mod.", 1): t for n, t in s.items()},
    "fsdp": lambda s: {f"_fsdp_wrapped_module.{name}": tensor for name, tensor in s.items()},
    "compiled twice": lambda s: {f"module._orig_mod.net.{name}": t for name, t in s.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_in_every_form(state: State, tmp_path: Path, form: str) -> None:
    torch.save(FORMS[form](state), tmp_path / "a.pt")
    assert_loads(tmp_path / "a.pt", state)


@pytest.mark.parametrize("key", ["ema", "ema.state_dict", "teacher"])
def test_a_key_chooses_between_networks(state: State, tmp_path: Path, key: str) -> None:
    wanted = other(state)
    nested = {"ema": wanted} if key == "ema" else {"ema": {"state_dict": wanted}}
    both = {f"student.{n}": t for n, t in state.items()} | {
        f"teacher.{n}": t for n, t in wanted.items()
    }
    torch.save({"state_dict": both, **nested}, tmp_path / "a.pt")
    assert_loads(tmp_path / "a.pt", wanted, key)


def test_several_networks_need_a_key(state: State, tmp_path: Path) -> None:
    torch.save({"actor": state, "critic": other(state)}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"several networks \(actor, critic\): give key"):
        checkpoints.load(tmp_path / "a.pt")
    assert_loads(tmp_path / "a.pt", other(state), "critic")
    with pytest.raises(CheckpointError, match="no weights under 'none': keys are actor, critic"):
        checkpoints.load(tmp_path / "a.pt", "none")
    prefixed = {f"{p}.{n}": t for p in ("actor", "critic") for n, t in state.items()}
    with pytest.raises(CheckpointError, match=r"several networks \(actor, critic\): give key"):
        Checkpoint(prefixed).load_into(make(), "net")


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net


def test_a_wrapped_net_loads_the_weights_of_the_net(state: State) -> None:
    wrapped = Wrapped(Wrapped(make()))
    Checkpoint(state).load_into(wrapped, "it")
    for name, tensor in wrapped.state_dict().items():
        assert torch.equal(tensor, state[name.removeprefix("net.net.")])
    part = {name: tensor for name, tensor in state.items() if name != "3.bias"}
    with pytest.raises(CheckpointError, match="missing"):
        Checkpoint(part).load_into(Wrapped(make()), "it")


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 9, bias=False)
        self.embedding = nn.Embedding(9, 4)
        self.body = nn.Linear(4, 4)
        self.head.weight = self.embedding.weight


@pytest.mark.parametrize("missing", ["head.weight", "embedding.weight"])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_tied_tensor_may_be_stored_once(missing: str, prefix: str) -> None:
    state = {n: torch.rand_like(t) for n, t in Tied().state_dict().items() if n != missing}
    net = Tied()
    Checkpoint({prefix + name: t for name, t in state.items()}).load_into(net, "it")
    assert net.head.weight is net.embedding.weight
    for name, tensor in state.items():
        assert torch.equal(net.state_dict()[name], tensor)
    del state["body.bias"]
    with pytest.raises(CheckpointError, match=r"1 missing \(body.bias"):
        Checkpoint(state).load_into(Tied(), "it")


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return shutil.copyfile, (__file__, self.path)


def test_code_next_to_the_weights_is_not_run(state: State, tmp_path: Path) -> None:
    torch.save({"state_dict": state, "config": Bomb(tmp_path / "ran")}, tmp_path / "a.pt")
    assert_loads(tmp_path / "a.pt", state)
    assert not (tmp_path / "ran").exists()
    assert "Unknown" not in str(torch.serialization.get_safe_globals())
    torch.save(make(), tmp_path / "whole.pt")
    with pytest.raises(CheckpointError, match=r"holds more than data \(torch.nn.*save only"):
        checkpoints.load(tmp_path / "whole.pt")


def test_safetensors_and_folders_of_save_pretrained(state: State, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(state, tmp_path / "a.safetensors")
    assert_loads(tmp_path / "a.safetensors", state)
    (tmp_path / "single").mkdir()
    safetensors.save_file(state, tmp_path / "single" / "model.safetensors")
    assert_loads(tmp_path / "single", state)

    names = list(state)
    halves = {"part-1.safetensors": names[:4], "part-2.safetensors": names[4:]}
    for folder in ("sharded", "incomplete"):
        (tmp_path / folder).mkdir()
        for file, some in halves.items():
            safetensors.save_file({name: state[name] for name in some}, tmp_path / folder / file)
        places = {name: file for file, some in halves.items() for name in some}
        index = tmp_path / folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert_loads(tmp_path / "sharded", state)
    assert_loads(tmp_path / "sharded" / "model.safetensors.index.json", state)
    sums = {checkpoints.sha256(tmp_path / folder) for folder in ("single", "sharded")}
    assert len(sums) == 2
    (tmp_path / "incomplete" / "part-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match="part-2.safetensors: no such file"):
        checkpoints.load(tmp_path / "incomplete")
    with pytest.raises(CheckpointError, match="not a file, nor a folder with model.safetensors"):
        checkpoints.load(tmp_path)
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}  ")
    with pytest.raises(CheckpointError, match="broken.safetensors is not a whole file"):
        checkpoints.load(tmp_path / "broken.safetensors")


def test_safetensors_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.safetensors").touch()
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("safetensors"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CheckpointError, match="needs safetensors: pip install safetensors"):
        checkpoints.load(tmp_path / "a.safetensors")


def test_a_part_of_a_net_leaves_the_rest(state: State, tmp_path: Path) -> None:
    some = {"3.weight": state["3.weight"]}
    Checkpoint(some, is_partial=True).save(tmp_path / "a.pt")
    net = make()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    checkpoints.load(tmp_path / "a.pt").load_into(net, "it")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, state[name] if name in some else before[name])
    with pytest.raises(CheckpointError, match="missing"):
        Checkpoint(some).load_into(make(), "it")
