"""Weights of other people's nets under our names: a ResNet-20 that pads on both sides."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import Tensor, nn

import landscape
from landscape import checkpoints, datasets, diagnostics
from landscape.checkpoints import Checkpoint
from landscape.cli import group
from landscape.commands.identify import better_fit
from landscape.errors import CheckpointError, SurfaceFileError
from landscape.models import Architecture
from landscape.models.residual import Shortcut

SCAN = ("--data", "digits", "--images", "64", "--points", "3", "--device", "cpu")


class Theirs(nn.Module):
    """A residual block as published elsewhere, written without ours."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.planes, self.changes = planes, stride != 1 or inputs != planes

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.changes:
            zeros = x.new_zeros(len(x), self.planes // 4, *x[:, :, ::2, ::2].shape[2:])
            x = torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)
        return F.relu(out + x)


class TheirNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Theirs(16, 16, 1), Theirs(16, 16, 1), Theirs(16, 16, 1))
        self.layer2 = nn.Sequential(Theirs(16, 32, 2), Theirs(32, 32, 1), Theirs(32, 32, 1))
        self.layer3 = nn.Sequential(Theirs(32, 64, 2), Theirs(64, 64, 1), Theirs(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        result: Tensor = self.linear(F.avg_pool2d(out, out.shape[3]).flatten(1))
        return result


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    """Inputs and labels of the training part."""
    found = datasets.load("digits", "train")
    assert found.preprocessing is not None
    return found.preprocessing(found.x), found.y


@pytest.fixture(scope="module")
def theirs(digits: tuple[Tensor, Tensor]) -> nn.Module:
    """Their net, trained for two epochs."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = digits
    net, epochs, size = TheirNet(), 2, 64
    steps = epochs * (len(x) // size)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for some in torch.randperm(len(x)).split(size)[: len(x) // size]:  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            F.cross_entropy(net(x[some]), y[some]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return net.eval()


@pytest.fixture(scope="module")
def file(theirs: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their net on disk, as their training script writes it."""
    path = tmp_path_factory.mktemp("theirs") / "resnet20.th"
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({"state_dict": state, "best_prec1": 91.73}, path)
    return path


def ours(name: str, file: Path, shortcut: Shortcut | None = None) -> nn.Module:
    checkpoint = checkpoints.load(file)
    net = Architecture(name, in_channels=1, shortcut=shortcut or "A").build()
    checkpoint.load_into(net, name)
    return net.eval()


def landscape_(*arguments: str | Path) -> str:
    """Run the command line and return all that it prints."""
    result = CliRunner().invoke(group, list(map(str, arguments)), catch_exceptions=False)
    return result.output


def test_the_named_kind_is_their_net(
    theirs: nn.Module, file: Path, digits: tuple[Tensor, Tensor]
) -> None:
    x, y = digits[0][:200], digits[1][:200]
    with torch.no_grad():
        expected = theirs(x)
        named = ours("resnet20", file, "A-centered")(x)
        torch.testing.assert_close(named, expected, rtol=0, atol=1e-6)
        assert (expected.argmax(1) == y).double().mean() > 0.9
        assumed = ours("resnet20", file)(x)
        assert (assumed.argmax(1) == y).double().mean() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_a_scan_under_the_wrong_kind_warns(name: str, file: Path, tmp_path: Path) -> None:
    surface = tmp_path / "wrong.h5"
    said = landscape_("scan", file, "--net", name, *SCAN, "--out", surface)
    assumed = "resnet20, shortcut A" if name == "resnet20" else name
    assert f"{file}: assumed {assumed}; its weights have the form of resnet20, shortcut" in said
    early, late = (line for line in said.splitlines() if line.startswith("warning: "))
    for line in (early, late):
        assert "another net fits the weights" in line
        assert "--net resnet20 --shortcut A-centered" in line
    (finding,) = diagnostics.warnings(landscape.load(surface))
    assert finding.text in late
    assert finding.remedy in late
    facts = json.loads(landscape_("info", surface, "--json"))
    assert facts["warnings"] == [str(finding)]
    assert facts["accuracy_at_the_center"] < 0.5


@pytest.mark.slow
def test_a_scan_under_the_named_kind_does_not(file: Path, tmp_path: Path) -> None:
    surface = tmp_path / "right.h5"
    named = ("--net", "resnet20", "--shortcut", "A-centered")
    said = landscape_("scan", file, *named, *SCAN, "--out", surface)
    assert "assumed" not in said
    assert "warning" not in said
    found = landscape.load(surface)
    assert found.settings["shortcut"] == "A-centered"
    assert found.center_accuracy is not None
    assert f"accuracy {100 * found.center_accuracy:.1f} % at the center, 64 images" in said
    assert not diagnostics.warnings(found)
    with pytest.raises(SurfaceFileError, match="different scan"):  # nor is it resumed as another
        landscape_("scan", file, "--net", "resnet20", *SCAN, "--out", surface)


def test_only_a_clear_difference_counts(file: Path, digits: tuple[Tensor, Tensor]) -> None:
    checkpoint, (x, y) = checkpoints.load(file), digits
    right, wrong = (
        Architecture("resnet20", in_channels=1, shortcut="A-centered"),
        Architecture("resnet20", in_channels=1),
    )
    fit = better_fit(wrong, checkpoint, x[:100], y[:100])
    assert fit is not None
    assert fit.net == right
    assert better_fit(right, checkpoint, x[:100], y[:100]) is None
    assert better_fit(wrong, checkpoint, x[:100], y[:100].flip(0)) is None  # no net fits these
    for inputs, labels in (
        (x[:5], y[:5]),  # too few
        (x[:100, 0], y[:100]),
        (x[:100], y[:100] + 5),
        (x[:100], F.one_hot(y[:100]).float()),
    ):
        assert better_fit(wrong, checkpoint, inputs, labels) is None
    untrained = Checkpoint(wrong.build().state_dict())
    assert better_fit(wrong, untrained, x[:100], y[:100]) is None


def test_the_comparison_leaves_the_random_stream_alone(
    file: Path, digits: tuple[Tensor, Tensor]
) -> None:
    before = torch.get_rng_state()
    better_fit(
        Architecture("plain20", in_channels=1),
        checkpoints.load(file),
        digits[0][:64],
        digits[1][:64],
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_kind_that_does_not_fit_the_file_is_refused(file: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "ours.pt"
    net = Architecture("resnet8", in_channels=1, shortcut="A-centered")
    Checkpoint(net.build().state_dict(), net, "digits").save(recorded)
    assert json.loads(landscape_("info", recorded, "--json"))["shortcut"] == "A-centered"
    for arguments, text in (
        ((recorded, "--shortcut", "A"), "is a resnet8, shortcut A-centered, not one with"),
        ((file, "--net", "resnet20", "--shortcut", "B"), "got weights without parameters in the"),
    ):
        with pytest.raises(CheckpointError, match=text):
            landscape_("scan", *arguments, *SCAN)
    for options, text in (
        (("--net", "plain20", "--shortcut", "A"), "plain20 has no shortcuts"),
        (("--model", "a.py:b", "--shortcut", "A"), "--shortcut is for --net"),
        (("--net", "resnet20", "--shortcut", "none"), "is not one of 'A', 'A-centered', 'B'"),
    ):
        assert text in landscape_("scan", file, *options, *SCAN)


def test_nets_of_other_kinds_are_not_mixed(tmp_path: Path) -> None:
    """One net is computed at all points of a plane: the others would be computed as that."""
    for kind in ("A", "A-centered"):
        net = Architecture("resnet8", in_channels=1, shortcut=kind)
        Checkpoint(net.build().state_dict(), net, "digits").save(tmp_path / f"{kind}.pt")
    files = (tmp_path / "A.pt", tmp_path / "A-centered.pt")
    with pytest.raises(CheckpointError, match="different architectures"):
        landscape_("scan", "--plane", "through", *files, *SCAN)


@pytest.mark.slow
def test_other_nets_of_a_plane_are_compared_too(file: Path, tmp_path: Path) -> None:
    state = Architecture("resnet20", in_channels=1).build().state_dict()
    torch.save(state, tmp_path / "first.pt")
    said = landscape_(
        "scan", "--plane", "through", tmp_path / "first.pt", file, "--net", "resnet20", *SCAN,
        "--out", tmp_path / "line.h5", "--store-directions",
    )  # fmt: skip
    assert f"warning: {file}: another net fits the weights" in said
