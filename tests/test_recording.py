"""Recording a training: a plain loop, and the trainers of transformers and Lightning."""

import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import landscape
from landscape import checkpoints, planes, recording
from landscape.checkpoints import CheckpointSequence, Run
from landscape.errors import CheckpointError
from tests import huggingface

State = dict[str, Tensor]


class Net(nn.Module):
    """A net that returns its loss, as models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 1)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        outputs = self.out(torch.relu(self.norm(self.hidden(x))))
        return {"loss": (outputs.squeeze(1) - labels).square().mean(), "logits": outputs}


def net() -> Net:
    torch.manual_seed(1)
    return Net()


def examples(num: int = 50) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(num, 3, generator=generator)
    return [{"x": row, "labels": row.sum()} for row in x]


def batches(steps: int) -> Iterator[dict[str, Tensor]]:
    rows = examples()
    for k in range(steps):
        some = [rows[(10 * k + i) % 50] for i in range(10)]
        yield {key: torch.stack([row[key] for row in some]) for key in ("x", "labels")}


def train(model: nn.Module, steps: int) -> Iterator[None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for batch in batches(steps):
        optimizer.zero_grad()
        model(**batch)["loss"].backward()
        optimizer.step()
        yield


def recorded(folder: Path) -> dict[str, State]:
    paths = sorted(folder.iterdir())
    return {path.name: dict(checkpoints.load(path).state) for path in paths}


def plain_loop(folder: Path, steps: int = 25) -> dict[str, State]:
    model = net()
    with landscape.Recorder(model, folder, every=10, share=math.inf) as recorder:
        for _ in train(model, steps):
            recorder.step()
    return recorded(folder)


def assert_same(found: dict[str, State], expected: dict[str, State]) -> None:
    assert list(found) == list(expected)
    for name, state in expected.items():
        assert found[name].keys() == state.keys()
        for key, tensor in state.items():
            torch.testing.assert_close(found[name][key], tensor, rtol=0, atol=0)


def test_a_plain_loop_gives_the_states_of_its_steps(tmp_path: Path) -> None:
    found = plain_loop(tmp_path / "run")
    model = net()
    expected = {"initial.pt": {n: t.clone() for n, t in model.state_dict().items()}}
    for step, _ in enumerate(train(model, 25), 1):
        if step in (10, 20, 25):
            state = {n: t.clone() for n, t in model.state_dict().items()}
            expected[f"step-{step:06}.pt"] = state
    assert_same(found, expected)
    sequence = CheckpointSequence.from_run(Run.in_folder(tmp_path / "run"))
    assert (sequence.steps, sequence.unit) == ([0, 10, 20, 25], "step")


def test_the_plane_of_a_recorded_path(tmp_path: Path) -> None:
    model = net()
    with landscape.Recorder(model, tmp_path, every=10, share=math.inf) as recorder:
        for _ in train(model, 40):
            recorder.step()
    x = torch.stack([row["x"] for row in examples()])
    y = torch.stack([row["labels"] for row in examples()])

    def loss(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
        return (outputs["logits"].squeeze(1) - batch["labels"]).square()

    data = {"x": x, "labels": y}
    objective = landscape.Objective(model.eval(), loss, data, device="cpu")
    trajectory = planes.pca(objective, tmp_path).trajectories[0]
    assert list(trajectory.steps) == [0, 10, 20, 30, 40]
    assert trajectory.distances[-1] == pytest.approx(0, abs=1e-6)
    for name, value in zip(
        sorted(p.name for p in tmp_path.iterdir()), trajectory.losses, strict=True
    ):
        own = net().eval()
        checkpoints.load(tmp_path / name).load_into(own, "net")
        with torch.no_grad():
            assert value == pytest.approx(float(own(x, y)["loss"]), rel=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_trainer_of_transformers_gives_the_same_path(tmp_path: Path) -> None:
    transformers = huggingface.library()
    huggingface.library("accelerate")
    model = net()

    class InOrder(transformers.Trainer):  # type: ignore[misc, name-defined]
        def create_optimizer(self, *_: Any) -> Any:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05)
            return self.optimizer

        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=10,
        max_steps=25,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    recorder = landscape.Recorder(model, tmp_path / "run", every=10, share=math.inf)
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=examples(),
        callbacks=[recorder.for_trainer()],
    )
    trainer.train()
    assert_same(recorded(tmp_path / "run"), plain_loop(tmp_path / "plain"))


class _Callback:
    """The documented hooks of lightning.pytorch.Callback, which do nothing."""

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        pass

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        pass


def test_lightning_gives_the_same_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a minimal stand-in: two batches to an optimizer step, and hooks after every batch."""
    stand_in = types.ModuleType("lightning.pytorch")
    stand_in.Callback = _Callback  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", stand_in)
    model = net()
    recorder = landscape.Recorder(model, tmp_path / "run", every=10, share=math.inf)
    callback = recorder.for_lightning()
    assert isinstance(callback, _Callback)
    trainer = types.SimpleNamespace(global_step=0)
    for number, _ in enumerate(train(model, 25)):
        callback.on_train_batch_end(trainer, model, None, None, 2 * number)
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, model, None, None, 2 * number + 1)
    callback.on_train_end(trainer, model)
    assert_same(recorded(tmp_path / "run"), plain_loop(tmp_path / "plain"))


def test_trainable_parameters_alone_in_half_precision(tmp_path: Path) -> None:
    model = net()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("out"))
    recorder = landscape.Recorder(model, tmp_path, every=1, trainable=True, dtype=torch.bfloat16)
    found = checkpoints.load(tmp_path / "initial.pt")
    buffers = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert set(found.state) == {"out.weight", "out.bias"} | buffers
    assert found.state["out.weight"].dtype == torch.bfloat16
    other = Net()
    before = other.hidden.weight.clone()
    found.load_into(other, "net")
    torch.testing.assert_close(other.out.weight, model.out.weight, rtol=4e-3, atol=0)
    assert torch.equal(other.hidden.weight, before)
    assert recorder.seconds > 0


def test_tied_parameters_are_stored_once(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    landscape.Recorder(model, tmp_path)
    assert set(checkpoints.load(tmp_path / "initial.pt").state) == {"0.weight"}


class Clock:
    """A clock that a training advances by 1 s for each step, and writing by 0.5 s."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_recording_takes_no_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(recording, "time", clock)

    def save(_: Any, path: Path) -> None:
        clock.now += 0.5
        path.parent.mkdir(exist_ok=True)
        path.touch()

    monkeypatch.setattr(checkpoints.Checkpoint, "save", save)
    recorder = landscape.Recorder(net(), tmp_path, every=10)

    def run() -> None:
        for _ in range(205):
            clock.now += 1
            recorder.step()

    with pytest.warns(UserWarning, match=r"every 10 steps takes more than 2.0% .*0.5 s") as said:
        run()
    recorder.close()
    # 1 s of recording is 2 % of 50 s, 1.5 s of 75 s, … and the last step is recorded anyway.
    written = [path.stem for path in sorted(tmp_path.iterdir())]
    assert written == [
        "initial",
        *(f"step-{step:06}" for step in (50, 80, 100, 130, 150, 180, 200, 205)),
    ]
    assert len(said) == 1
    assert recorder.skipped == 13
    assert recorder.seconds == 0.5 * len(written)


def test_another_run_is_not_overwritten_but_resumed(tmp_path: Path) -> None:
    first = net()
    with landscape.Recorder(first, tmp_path, every=5, share=math.inf) as recorder:
        for _ in train(first, 10):
            recorder.step()
    with pytest.raises(CheckpointError, match="holds checkpoints: give another folder, or resume"):
        landscape.Recorder(first, tmp_path)
    with landscape.Recorder(first, tmp_path, every=5, share=math.inf, resume=True) as recorder:
        assert recorder.steps == 10
        for _ in train(first, 7):
            recorder.step()
    names = [path.stem for path in sorted(tmp_path.iterdir())]
    assert names == ["initial", *(f"step-{step:06}" for step in (5, 10, 15, 17))]
    with pytest.raises(ValueError, match="every must be 1 or more"):
        landscape.Recorder(first, tmp_path / "a", every=0)


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_rank", lambda: 1)
    model = net()
    with landscape.Recorder(model, tmp_path / "run", every=1, share=math.inf) as recorder:
        recorder.step()
    assert not (tmp_path / "run").exists()


def test_names_are_those_of_the_model_without_wrappers(tmp_path: Path) -> None:
    landscape.Recorder(nn.DataParallel(net()), tmp_path)
    assert set(checkpoints.load(tmp_path / "initial.pt").state) == set(net().state_dict())


def test_it_resumes_at_the_largest_step(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    for step in ("000900", "999900", "1000000"):
        torch.save(model.state_dict(), tmp_path / f"step-{step}.pt")
    assert landscape.Recorder(model, tmp_path, resume=True).steps == 1_000_000


def test_of_the_processes_of_torchrun_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before they know each other."""
    monkeypatch.setenv("RANK", "3")
    landscape.Recorder(nn.Linear(3, 2), tmp_path / "other")
    assert not (tmp_path / "other").exists() or not list((tmp_path / "other").iterdir())
    monkeypatch.setenv("RANK", "0")
    landscape.Recorder(nn.Linear(3, 2), tmp_path / "first")
    assert (tmp_path / "first" / "initial.pt").exists()
