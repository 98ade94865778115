"""Options of networks on the command line: ``--set KEY=VALUE``."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

import landscape
from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.commands.identify import Fit
from landscape.commands.settings import parse
from landscape.models import Architecture, register
from landscape.models.registry import _FAMILIES
from tests.conftest import Run

TRAIN = ("--data", "mine.npz", "--epochs", "1", "--images-per-batch", "16", "--device", "cpu")
SCAN = ("--data", "mine.npz", "--points", "3", "--device", "cpu", "--preprocess", "none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with 32 images of shape (2, 8, 8) and labels 0 to 2."""
    generator = np.random.default_rng(0)
    x = generator.random((32, 2, 8, 8), dtype=np.float32)
    np.savez(tmp_path / "mine.npz", x=x, y=np.arange(32) % 3)
    return tmp_path


class Flat(torch.nn.Module):
    """A linear classifier, which needs the size of the images."""

    def __init__(self, inputs: int, num_classes: int, scale: float | None) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(inputs, num_classes)
        self.scale = 1.0 if scale is None else scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(self.scale * x.flatten(1))
        return logits


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family with an image size, and without shortcuts."""
    monkeypatch.setattr("landscape.models.registry._FAMILIES", [*_FAMILIES])

    @register("flat", examples=("flat",), infer=lambda _: [])
    def build(
        *,
        in_channels: int = 3,
        num_classes: int = 10,
        image_size: int = 32,
        patch: int = 4,
        scale: float | None = None,
    ) -> Flat:
        if image_size % patch:
            raise ValueError(f"expected a patch that divides {image_size}, got {patch}")
        return Flat(in_channels * image_size**2, num_classes, scale)


def test_values_have_the_types_of_the_defaults(flat: None) -> None:
    settings = ["norm=layer", "preactivation=TRUE", "drop_path=1e-1", "noise=1", "num_classes=7"]
    found = parse(Architecture("resnet20"), settings)
    assert found == {
        "norm": "layer",
        "preactivation": True,
        "drop_path": 0.1,
        "noise": 1.0,
        "num_classes": 7,
    }
    assert [type(value) for value in found.values()] == [str, bool, float, float, int]
    for text, value in (("none", None), ("0.5", 0.5), ("2", 2.0)):
        assert parse(Architecture("flat"), [f"scale={text}"]) == {"scale": value}


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("norms=layer", "expected an option of resnet20, got 'norms=layer'"),
        ("norm", "expected an option of resnet20, got 'norm'"),
        ("in_channels=1", "expected an option of resnet20, got 'in_channels=1'"),
        ("preactivation=1", "expected true or false, got '1'"),
        ("dropout=much", "expected a number, got 'much'"),
        ("dropout=nan", "expected a number, got 'nan'"),
    ],
)
def test_wrong_settings_list_the_options(setting: str, text: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        parse(Architecture("resnet20"), [setting], excluded=["in_channels", "num_classes"])
    assert text in raised.value.message
    assert "options and defaults: shortcut=A, block=basic, preactivation=false" in str(raised.value)
    assert "\n" not in raised.value.message


def test_integers_are_expected_for_integers() -> None:
    with pytest.raises(click.UsageError, match="expected an integer, got '1.5'"):
        parse(Architecture("resnet20"), ["num_classes=1.5"])


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("train resnet8 --set norm=bn", 2, "expected norm batch, layer, group or none, got 'bn'"),
        ("train resnet8 --set nrom=layer", 2, "expected an option of resnet8, got 'nrom=layer'"),
        ("train resnet8 --set image_size=8", 2, "expected an option of resnet8, got 'image_size"),
        ("train resnet8 --set dropout=2", 2, "between 0 and 1"),
        ("train resnet8 flat --set norm=layer", 2, "expected an option of flat, got 'norm=layer'"),
        ("train flat --shortcut B", 2, "flat has no option 'shortcut'; expected"),
        ("train flat --set patch=3", 2, "expected a patch that divides 8, got 3"),
        ("train nothing --set a=b", 2, "no network is named 'nothing'"),
        ("train gpt2", 2, "gpt2 does not take images"),
        ("train flat --data wide.npz", 1, "flat takes square images, wide.npz has 8×4"),
    ],
)
def test_wrong_options_get_one_line_before_the_training(
    folder: Path, run: Run, flat: None, command: str, code: int, text: str
) -> None:
    wide = np.zeros((4, 1, 8, 4), np.float32)
    np.savez(folder / "wide.npz", x=wide, y=np.arange(4))
    verb, *arguments = command.split()
    result = run(verb, *TRAIN, *arguments)
    assert result.returncode == code
    assert text in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (folder / "runs").exists()


@pytest.mark.slow
def test_options_are_trained_recorded_and_scanned(folder: Path, run: Run) -> None:
    settings = ("--set", "norm=group", "--set", "preactivation=true", "--set", "drop_path=0.2")
    result = run("train", "resnet8", "plain8", *TRAIN, *settings, "--shortcut", "A-centered")
    assert result.returncode == 0, result.stderr
    options: dict[str, Any] = {"norm": "group", "preactivation": True, "drop_path": 0.2}
    for name in ("resnet8", "plain8"):
        found = checkpoints.load(folder / "runs" / name / "last.pt").net
        assert found == Architecture(
            name, in_channels=2, num_classes=3, shortcut="A-centered", **options
        )
    recorded = folder / "runs" / "resnet8" / "last.pt"
    assert json.loads(run("info", recorded, "--json").stdout)["options"] == {
        "in_channels": 2, "num_classes": 3, "shortcut": "A-centered", **options
    }  # fmt: skip
    result = run("scan", recorded, *SCAN, "--out", "a.h5")
    assert result.returncode == 0, result.stderr
    assert "assumed" not in result.stderr
    known = landscape.load(folder / "a.h5")
    assert known.settings["shortcut"] == "A-centered"
    assert known.settings["options"] == "preactivation=true, norm=group, drop_path=0.2"

    foreign = folder / "foreign.pt"
    torch.save(dict(checkpoints.load(recorded).state), foreign)
    named = ("--net", "resnet8", "--shortcut", "A-centered")
    result = run("scan", foreign, *named, "--set", "norm=group", *SCAN, "--out", "b.h5")
    assert result.returncode == 0, result.stderr
    same = landscape.load(folder / "b.h5")
    np.testing.assert_allclose(same.losses, known.losses, rtol=1e-4)
    assert same.settings["options"] == "preactivation=true, norm=group"  # the former is inferred
    result = run("scan", foreign, *named, "--set", "norm=layer", *SCAN, "--out", "c.h5")
    assert result.returncode == 0, result.stderr
    other = landscape.load(folder / "c.h5")
    assert other.center_loss != pytest.approx(known.center_loss, rel=1e-4)

    for arguments, code, text in (
        ((recorded, "--set", "norm=layer"), 1, "is a resnet8, shortcut A-centered, preactivation, "
         "norm group, not one with norm layer: leave out --set"),
        ((recorded, "--set", "norm=group"), 0, ""),
        ((foreign, *named, "--set", "norm=batch"), 1, "does not fit resnet8"),
        ((foreign, *named, "--set", "norm=bn"), 2, "expected norm batch, layer, group or none"),
        ((foreign, *named, "--set", "nrom=a"), 2, "options and defaults: in_channels=3"),
        ((foreign, "--net", "nothing", "--set", "a=b"), 2, "no network is named 'nothing'"),
        ((foreign, "--model", "a.py:b", "--set", "a=b"), 2, "--set is for --net, not for --model"),
    ):  # fmt: skip
        result = run("scan", *arguments, *SCAN, "--out", "d.h5")
        assert result.returncode == code, result.stderr
        assert text in result.stderr


def test_a_bottleneck_net_is_scanned_under_its_name(folder: Path, run: Run) -> None:
    """Its depth is none of the default nets."""
    net = Architecture("resnet11", in_channels=2, num_classes=3, block="bottleneck")
    torch.save(net.build().state_dict(), folder / "foreign.pt")
    result = run("scan", "foreign.pt", "--net", "resnet11", *SCAN, "--out", "a.h5")
    assert result.returncode == 0, result.stderr
    assert landscape.load(folder / "a.h5").settings["options"] == "block=bottleneck"
    result = run("scan", "foreign.pt", "--net", "resnet20", *SCAN, "--out", "b.h5")
    assert result.returncode == 1
    assert "does not fit resnet20" in result.stderr


@pytest.mark.slow
def test_other_families_get_the_size_of_the_images(folder: Path, run: Run, flat: None) -> None:
    result = run("train", "flat", "imagenet-resnet18", *TRAIN)
    assert result.returncode == 0, result.stderr
    for name, size in (("flat", {"image_size": 8}), ("imagenet-resnet18", {})):
        net = checkpoints.load(folder / "runs" / name / "last.pt").net
        assert net == Architecture(name, in_channels=2, num_classes=3, **size)
        result = run("scan", f"runs/{name}/last.pt", *SCAN, "--out", f"{name}.h5")
        assert result.returncode == 0, result.stderr
        assert "options" not in landscape.load(folder / f"{name}.h5").settings
    foreign = folder / "foreign.pt"
    Checkpoint(checkpoints.load(folder / "runs" / "flat" / "last.pt").state).save(foreign)
    options = ("in_channels=2", "num_classes=3", "image_size=8", "scale=0.5")
    sizes = [f"--set={option}" for option in options]
    result = run("scan", foreign, "--net", "flat", *sizes, *SCAN, "--out", "b.h5")
    assert result.returncode == 0, result.stderr
    assert landscape.load(folder / "b.h5").settings["options"] == "scale=0.5"
    result = run("scan", foreign, "--net", "flat", "--shortcut", "A", *SCAN)
    assert result.returncode == 2
    assert "flat has no shortcuts" in result.stderr


def test_the_options_of_a_better_net_can_be_given(flat: None) -> None:
    for net, options in (
        (Architecture("resnet20", in_channels=1), "--net resnet20 --shortcut A"),
        (Architecture("plain20", shortcut="B"), "--net plain20"),
        (Architecture("flat", scale=0.5, image_size=8), "--net flat --set scale=0.5"),
        (
            Architecture("resnet8", norm="layer", preactivation=True),
            "--net resnet8 --shortcut A --set preactivation=true --set norm=layer",
        ),
    ):
        assert Fit(net, 0.9).options == options
