"""Models of transformers, from the command line and from Python, against plain transformers."""

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import datasets, libraries
from landscape.captions import notes
from landscape.errors import CheckpointError, DataError, LandscapeError, ParameterMismatchError
from landscape.hdf5 import load_directions
from landscape.hf import causal_lm_loss, masked_lm_loss, text_batches
from tests import huggingface
from tests.conftest import ROOT, Run

SCAN = ("--points", "3", "--device", "cpu", "--precision", "float64", "--out", "a.h5")

pytestmark = [
    pytest.mark.slow,
    # Of the libraries:
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a text and three models."""
    (tmp_path / "text.txt").write_text(huggingface.text())
    huggingface.save(huggingface.gpt2(), tmp_path / "gpt", huggingface.tokenizer(masked=False))
    huggingface.save(huggingface.bert(), tmp_path / "bert", huggingface.tokenizer(masked=True))
    huggingface.save(huggingface.vit(), tmp_path / "vit")
    return tmp_path


def own_loss(model: Any, tokenizer: Any, text: str, length: int) -> float:
    """Return the mean loss per token, one sequence at a time.

    The model's own ``loss`` is rounded to float32.
    """
    tokens = tokenizer(text)["input_ids"]
    losses = []
    for k in range(0, len(tokens), length):
        ids = torch.tensor([tokens[k : k + length]])
        with torch.no_grad():
            logits = model.double()(input_ids=ids).logits
        losses += F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="none").tolist()
    return float(np.mean(losses))


@pytest.mark.parametrize(("length", "expected"), [("5", 5), (None, huggingface.LONGEST)])
def test_a_causal_model_has_the_loss_of_transformers(
    folder: Path, run: Run, length: str | None, expected: int
) -> None:
    option = ("--sequence-length", length) if length else ()
    result = run("scan", "hf:gpt", "--text", "text.txt", *option, *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    model = huggingface.library().GPT2LMHeadModel.from_pretrained(folder / "gpt")
    wanted = own_loss(model, huggingface.tokenizer(masked=False), huggingface.text(), expected)
    assert surface.center_loss == pytest.approx(wanted, rel=1e-9)
    assert surface.settings["net"] == "GPT2LMHeadModel"
    assert surface.settings["sequence_length"] == expected
    assert surface.quantity == "mean cross-entropy (nats per token)"
    counted = f"{surface.settings['images']} sequences of {expected} tokens"
    assert f"9 points × {counted}," in result.stderr
    error = f"{float(surface.center_error or 0):.2g}"
    assert f" ± {error} at the center" in result.stderr
    assert "image" not in result.stderr
    assert np.isfinite(surface.losses).all()
    assert (surface.standard_errors > 0).all()


def test_a_masked_model_has_the_loss_of_transformers(folder: Path, run: Run) -> None:
    result = run("scan", "hf:bert", "--text", "text.txt", "--images", "7", *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    tokenizer = huggingface.tokenizer(masked=True)
    data = text_batches(tokenizer, huggingface.text(), huggingface.LONGEST, masked=True)
    inputs, labels = ({k: t[:7] for k, t in part.items()} for part in data)
    model = huggingface.library().BertForMaskedLM.from_pretrained(folder / "bert").double()
    with torch.no_grad():
        logits = model(**inputs).logits
    wanted = float(F.cross_entropy(logits.flatten(0, 1), labels["labels"].flatten()))
    assert surface.center_loss == pytest.approx(wanted, rel=1e-9)
    assert surface.settings["images"] == 7


def test_an_image_classifier_takes_the_usual_data(folder: Path, run: Run) -> None:
    result = run("scan", "hf:vit", "--data", "digits", "--images", "40", *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    dataset = datasets.load("digits").first(40)
    assert dataset.preprocessing is not None
    model = huggingface.library().ViTForImageClassification.from_pretrained(folder / "vit").double()
    with torch.no_grad():
        logits = model(dataset.preprocessing(dataset.x).double()).logits
    assert surface.center_loss == pytest.approx(float(F.cross_entropy(logits, dataset.y)), rel=1e-9)
    correct = (logits.argmax(1) == dataset.y).double().mean()
    assert surface.center_accuracy == pytest.approx(float(correct))


def test_only_some_parameters_are_moved_and_the_caption_says_it(folder: Path, run: Run) -> None:
    text = ("hf:gpt", "--text", "text.txt")
    only = ("--only", "*.mlp.*", "--except", "*.bias")
    result = run("scan", *text, *only, *SCAN, "--store-directions")
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    assert surface.settings["moved"] == "*.mlp.*, !*.bias"
    assert "moved  " in run("info", "a.h5").stdout
    assert "moved: *.mlp.*, !*.bias" in notes(surface)
    whole = run("curvature", *text, "--top", "1", "--samples", "2", "--json", "--device", "cpu")
    part = run(
        "curvature", *text, *only, "--top", "1", "--samples", "2", "--json", "--device", "cpu"
    )
    assert '"parameters": 512' not in whole.stdout  # 2 blocks of 8 × 32 and 32 × 8
    assert '"parameters": 1024' in part.stdout, part.stderr


def adapted(folder: Path) -> Any:
    peft = huggingface.library("peft")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["c_attn"], fan_in_fan_out=True
    )
    base = huggingface.library().GPT2LMHeadModel.from_pretrained(folder / "gpt")
    model = peft.get_peft_model(base, config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    return model


def test_of_an_adapter_only_itself_is_moved(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    model = adapted(Path())
    assert model.peft_config["default"].base_model_name_or_path == "gpt"
    model.save_pretrained("adapter")
    result = run("scan", "hf:adapter", "--text", "text.txt", *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    length = huggingface.LONGEST
    wanted = own_loss(model, huggingface.tokenizer(masked=False), huggingface.text(), length)
    assert surface.center_loss == pytest.approx(wanted, rel=1e-9)
    assert surface.settings["moved"] == "trainable"
    loaded = libraries.load("hf:adapter")
    trained = {n for n, p in loaded.model.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)


def test_patterns_select_among_the_parameters_of_an_adapter(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    adapted(Path()).save_pretrained("adapter")
    only = ("--only", "*.0.attn*", "--normalize", "none", "--store-directions")
    result = run("scan", "hf:adapter", "--text", "text.txt", *only, *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    delta, _ = load_directions(folder / "a.h5")
    moved = {name for name, tensor in delta.items() if np.asarray(tensor).any()}
    assert moved == {n for n in delta if ".h.0.attn" in n and "lora_" in n}
    assert surface.settings["moved"] == "the trainable of *.0.attn*"


@pytest.mark.parametrize("plane", ["towards", "through"])
def test_no_plane_joins_an_adapter_and_a_whole_model(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, plane: str
) -> None:
    monkeypatch.chdir(folder)
    model = adapted(Path())
    model.save_pretrained("adapter")
    text = ("--text", "text.txt", "--images", "3")
    for pair, names in (
        (("hf:gpt", "hf:adapter"), ("the checkpoint adapter", "the network at the center")),
        (("hf:adapter", "hf:gpt"), ("the network at the center", "the checkpoint gpt")),
    ):
        result = run("scan", "--plane", plane, *pair, *text, "--out", "line.h5")
        assert result.returncode == 1
        message = f"{names[0]} is an adapter of PEFT, {names[1]} is not: merge it into its base"
        assert message in result.stderr.splitlines()[-1]
        assert "merge_and_unload().save_pretrained(FOLDER)" in result.stderr
    base = huggingface.library().GPT2LMHeadModel.from_pretrained("gpt")
    data = text_batches(huggingface.tokenizer(masked=False), huggingface.text(), 6)
    objective = landscape.Objective(base, causal_lm_loss, data, device="cpu")
    for source in (model, "adapter"):
        with pytest.raises(ParameterMismatchError, match="adapter of PEFT"):
            landscape.planes.towards(objective, source)
    model.merge_and_unload().save_pretrained("merged")
    result = run("scan", "--plane", plane, "hf:gpt", "hf:merged", *text, "--points", "3")
    assert result.returncode == 0, result.stderr


def test_an_adapter_without_its_base_is_named(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    adapted(Path()).save_pretrained("adapter")
    config = Path("adapter/adapter_config.json")
    config.write_text(config.read_text().replace('"gpt"', '"gpt--moved"'))
    result = run("scan", "hf:adapter", "--text", "text.txt", *SCAN)
    assert result.returncode == 1
    assert "hf:adapter is an adapter" in result.stderr
    assert "base_model_name_or_path in adapter_config.json" in result.stderr
    assert "hf:gpt--moved: no folder gpt--moved exists here" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_torchvision_that_does_not_fit_torch_is_not_needed(
    folder: Path, run_process: Run
) -> None:
    path = broken_torchvision(folder)
    arguments = ("scan", "hf:gpt", "--text", "text.txt", "--images", "3", *SCAN)
    result = run_process(*arguments, PYTHONPATH=path)
    assert result.returncode == 0, result.stderr


def test_the_first_cause_of_a_failed_import_is_named(tmp_path: Path) -> None:
    """As where transformers was imported before, and takes torchvision for usable."""
    code = (
        "import transformers; transformers.utils.is_torchvision_available()\n"
        "transformers.utils.import_utils.is_torchvision_available = lambda: True\n"
        "from landscape import libraries\n"
        "try: libraries.load('hf:gpt')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    huggingface.save(huggingface.gpt2(), tmp_path / "gpt")
    environment = {**os.environ, "PYTHONPATH": broken_torchvision(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("CheckpointError hf:gpt: RuntimeError: operator torchvision::nms")
    assert "torchvision does not fit torch: reinstall or remove it" in done.stdout


def broken_torchvision(folder: Path) -> str:
    """Return a PYTHONPATH with a torchvision that fails as one built for another torch."""
    package = folder / "broken" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    return f"{package.parent}{os.pathsep}{ROOT}"


def test_folders_of_the_trainer_are_a_trajectory(folder: Path, run: Run) -> None:
    for number in (5, 10, 20):
        huggingface.save(
            huggingface.gpt2(),
            folder / "out" / f"checkpoint-{number}",
            huggingface.tokenizer(masked=False),
        )
    text = ("--text", "text.txt", "--images", "5")
    result = run("scan", "--plane", "pca", "hf:out", *text, *SCAN)
    assert result.returncode == 0, result.stderr
    trajectory = landscape.load(folder / "a.h5").trajectories[0]
    assert (list(trajectory.steps), trajectory.name) == ([5, 10, 20], "out")
    tokenizer = huggingface.tokenizer(masked=False)
    inputs, labels = text_batches(tokenizer, huggingface.text(), huggingface.LONGEST)
    for number, loss in zip((5, 10, 20), trajectory.losses, strict=True):
        path = folder / "out" / f"checkpoint-{number}"
        model = huggingface.library().GPT2LMHeadModel.from_pretrained(path).double()
        wanted = model(input_ids=inputs["input_ids"][:5], labels=labels["labels"][:5]).loss
        assert loss == pytest.approx(float(wanted.detach()), rel=1e-6)


def test_adapters_of_a_training_are_a_trajectory(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    losses = []
    for number in (9, 10, 11):
        model = adapted(Path())
        model.save_pretrained(f"out/checkpoint-{number}")
        tokenizer, text = huggingface.tokenizer(masked=False), huggingface.text()
        losses.append(own_loss(model, tokenizer, text, huggingface.LONGEST))
    result = run("scan", "--plane", "pca", "hf:out", "--text", "text.txt", *SCAN)
    assert result.returncode == 0, result.stderr
    trajectory = landscape.load(folder / "a.h5").trajectories[0]
    assert list(trajectory.steps) == [9, 10, 11]
    np.testing.assert_allclose(trajectory.losses, losses, rtol=1e-6)


@pytest.mark.parametrize("sources", [("hf:gpt", "hf:other"), ("gpt", "other")])
def test_a_line_between_two_models(folder: Path, run: Run, sources: tuple[str, str]) -> None:
    huggingface.save(huggingface.gpt2(), folder / "other", huggingface.tokenizer(masked=False))
    model = () if sources[0].startswith("hf:") else ("--model", "hf:gpt")
    text = ("--text", "text.txt", "--images", "5")
    result = run("scan", "--plane", "through", *sources, *model, *text, *SCAN)
    assert result.returncode == 0, result.stderr
    surface = landscape.load(folder / "a.h5")
    assert [mark.name for mark in surface.marks] == ["gpt", "other"]
    inputs, labels = text_batches(
        huggingface.tokenizer(masked=False), huggingface.text(), huggingface.LONGEST
    )
    for mark in surface.marks:
        own = huggingface.library().GPT2LMHeadModel.from_pretrained(folder / mark.name).double()
        wanted = own(input_ids=inputs["input_ids"][:5], labels=labels["labels"][:5]).loss
        assert mark.loss == pytest.approx(float(wanted.detach()), rel=1e-6)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("scan hf:gpt", 1, "give --text FILE"),
        ("scan hf:vit", 1, "give --data"),
        ("scan hf:vit --text text.txt", 2, "--text is for language models"),
        ("scan hf:gpt --text none.txt", 1, "none.txt: no such file"),
        ("scan hf:gpt --text gpt", 1, "gpt: expected a text in UTF-8"),
        ("scan hf:gpt --text text.txt --data digits", 2, "give --data or --text, not both"),
        ("scan hf:gpt --text text.txt --split test", 2, "--split is for --data"),
        (
            "scan hf:gpt --text text.txt --images 900",
            1,
            "900 sequences asked of text.txt, it has 9",
        ),
        ("scan hf:gpt --text text.txt --sequence-length 99", 2, "the model takes 12"),
        ("scan hf:gpt --text text.txt --model hf:gpt", 2, "names a model: leave out --model"),
        ("scan hf:./none --text text.txt", 1, "hf:./none: no such folder"),
        (
            "scan hf:gp--t --text text.txt",
            1,
            "hf:gp--t: no folder gp--t exists here, and ",
        ),
        ("scan gpt --text text.txt", 1, "hf:gpt reads its config.json"),
        ("scan hf:vit --data digits --only none.*", 2, "no parameter's name fits 'none.*'"),
        (
            "scan hf:gpt --text text.txt --only transformer.h.0.mlp",
            2,
            "it is a module, whose parameters are 'transformer.h.0.mlp.*'",
        ),
        ("scan --plane through hf:gpt hf:other --only a", 2, "--only needs --plane random"),
        ("scan --plane pca a --except a", 2, "--except needs --plane random"),
        ("scan hf:vit --pattern a", 2, "--pattern needs --plane pca"),
    ],
)
def test_wrong_input_gets_one_line(
    folder: Path, run: Run, command: str, code: int, message: str
) -> None:
    result = run(*command.split())
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_other_models_are_named(folder: Path) -> None:
    config = huggingface.bert().config
    huggingface.save(huggingface.library().BertModel(config), folder / "base")
    with pytest.raises(CheckpointError, match="is a BertModel: expected a causal or masked"):
        libraries.load(f"hf:{folder / 'base'}")


def test_models_of_timm_by_name(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for timm, which has the function that is called."""
    calls = []

    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        calls.append((name, pretrained))
        if name != "tiny":
            raise RuntimeError(f"Unknown model ({name})")
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    stand_in = types.ModuleType("timm")
    stand_in.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", stand_in)
    data = ("--data", "digits", "--images", "40")
    result = run("scan", "timm:tiny", *data, *SCAN)
    assert result.returncode == 0, result.stderr
    own = landscape.load(tmp_path / "a.h5")
    torch.save(create_model("tiny", pretrained=True).state_dict(), tmp_path / "tiny.pt")
    result = run("scan", "tiny.pt", "--model", "timm:tiny", *data, *SCAN[:-1], "b.h5")
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(landscape.load(tmp_path / "b.h5").losses, own.losses)
    assert calls[0] == ("tiny", True)
    assert calls[-1] == ("tiny", False)
    result = run("scan", "timm:large", *data)
    assert (result.returncode, "Unknown model (large)" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("reference", "name", "message"),
    [
        ("hf:a", "transformers", "pip install transformers safetensors"),
        ("timm:a", "timm", "expected timm, not installed"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, reference: str, name: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LandscapeError, match=message):
        libraries.load(reference)


def test_a_text_is_cut_into_sequences_without_a_rest() -> None:
    tokenizer = huggingface.tokenizer(masked=False)
    inputs, labels = text_batches(tokenizer, huggingface.text(10), 4)
    tokens = tokenizer(huggingface.text(10))["input_ids"]
    assert inputs["input_ids"].flatten()[:10].tolist() == tokens
    assert labels["labels"].flatten().tolist() == [*tokens, -100, -100]
    assert inputs["attention_mask"].sum(1).tolist() == [4, 4, 2]
    assert "attention_mask" not in text_batches(tokenizer, huggingface.text(8), 4)[0]
    with pytest.raises(DataError, match="a text of 1 tokens"):
        text_batches(tokenizer, "cat", 4)


def test_masked_tokens_are_the_same_in_every_call_and_never_special() -> None:
    tokenizer = huggingface.tokenizer(masked=True)
    inputs, labels = text_batches(tokenizer, huggingface.text(), 12, masked=True)
    again, _ = text_batches(tokenizer, huggingface.text(), 12, masked=True)
    assert torch.equal(inputs["input_ids"], again["input_ids"])
    ids, chosen = inputs["input_ids"], labels["labels"] != -100
    assert (ids[:, 0] == 2).all()
    assert ((ids == 3).sum(1) == 1).all()
    assert (ids[chosen] == tokenizer.mask_token_id).all()
    assert (ids[~chosen] != tokenizer.mask_token_id).all()
    whole = ids.where(~chosen, labels["labels"])
    words = whole[(whole > 4)].tolist()
    assert words == tokenizer(huggingface.text(), add_special_tokens=False)["input_ids"]
    assert (chosen.sum(1)[:-1] == 2).all()  # 15 % of 10, rounded
    with pytest.raises(DataError, match="has no mask"):
        text_batches(huggingface.tokenizer(masked=False), huggingface.text(), 12, masked=True)


class Logits(nn.Module):
    """An object with ``logits``, as models of transformers return."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits


def test_losses_are_those_of_the_formulas() -> None:
    logits = torch.randn(3, 5, 7, dtype=torch.float64)
    labels = torch.randint(7, (3, 5))
    labels[0, 3:] = -100
    logs = logits.log_softmax(-1)
    values, weights = causal_lm_loss(Logits(logits), {"labels": labels})
    assert (values.shape, weights.shape) == ((3, 4), (3, 4))
    for i in range(3):
        for t in range(4):
            wanted = 0.0 if labels[i, t + 1] < 0 else -float(logs[i, t, labels[i, t + 1]])
            assert float(values[i, t]) == pytest.approx(wanted)
            assert float(weights[i, t]) == (labels[i, t + 1] >= 0)
    values, weights = masked_lm_loss(logits, labels)
    assert float(values[1, 2]) == pytest.approx(-float(logs[1, 2, labels[1, 2]]))
    assert int(weights.sum()) == 13
    mask = (labels >= 0).long()
    by_mask = causal_lm_loss(logits, {"input_ids": labels.clamp(0), "attention_mask": mask})
    for a, b in zip(by_mask, causal_lm_loss(logits, labels), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(DataError, match="expected labels or input_ids"):
        causal_lm_loss(logits, {"x": labels})
    halves = causal_lm_loss(logits.half(), labels)[0]
    assert halves.dtype == torch.float64
