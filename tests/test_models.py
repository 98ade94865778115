import pytest
import torch
from torch import nn

from landscape import models
from landscape.models import SHORTCUTS, Architecture
from landscape.models.residual import Block, BlockOptions, Shortcut


def build(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return Architecture(name, **options).build()


@pytest.mark.parametrize("name", ["20", "56", "8x2"])
def test_plain_and_residual_nets_match(name: str) -> None:
    plain, residual = build(f"plain{name}").state_dict(), build(f"resnet{name}").state_dict()
    assert list(plain) == list(residual)
    for key, tensor in plain.items():
        assert torch.equal(tensor, residual[key])


def test_sizes_are_those_of_the_papers_checkpoints() -> None:
    def count(net: nn.Module) -> int:
        return sum(p.numel() for p in net.parameters())

    assert count(build("resnet56", shortcut="B")) == 855_770
    assert count(build("plain56")) == 853_018
    assert count(build("resnet56")) == 853_018


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_depth_counts_layers_with_weights(depth: int) -> None:
    net = build(f"plain{depth}")
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == depth


@pytest.mark.parametrize("width", [2, 4, 8])
def test_wide_nets_have_more_channels(width: int) -> None:
    state = build(f"resnet20x{width}").state_dict()
    assert state["conv1.weight"].shape[0] == 16 * width
    assert state["linear.weight"].shape == (10, 64 * width)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3), (33, 2)])
@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_any_image_size(size: int, channels: int, shortcut: Shortcut) -> None:
    net = build("resnet8", in_channels=channels, num_classes=7, shortcut=shortcut)
    assert net(torch.randn(2, channels, size, size)).shape == (2, 7)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_the_shortcut_is_the_only_difference(shortcut: Shortcut) -> None:
    """With all second BatchNorms at zero, a residual net passes its input on, a plain one zero."""
    images = torch.rand(2, 3, 8, 8)
    for name in ("plain8", "resnet8"):
        net = build(name, shortcut=shortcut).eval()
        for key, parameter in net.named_parameters():
            if key.endswith(("bn2.weight", "bn2.bias")):
                nn.init.zeros_(parameter)
        stem = torch.relu(net.bn1(net.conv1(images)))  # type: ignore[operator]
        after = net.layer1(stem)  # type: ignore[operator]
        assert torch.equal(after, stem if name == "resnet8" else torch.zeros_like(stem))


def test_option_a_subsamples_and_appends_zeros() -> None:
    net = build("resnet8").eval()
    x = torch.rand(1, 16, 6, 6)
    short = net.layer2[0].shortcut(x)  # type: ignore[index, union-attr]
    assert torch.equal(short[:, :16], x[:, :, ::2, ::2])
    assert short.shape == (1, 32, 3, 3)
    assert not short[:, 16:].any()


@pytest.mark.parametrize(("inputs", "outputs"), [(16, 32), (5, 6), (5, 8), (7, 7)])
def test_centered_option_a_has_zeros_on_both_sides(inputs: int, outputs: int) -> None:
    """Half of them before and half after the input's channels; the odd one after."""
    x = torch.rand(1, inputs, 5, 4) + 1
    short = Block(inputs, outputs, 2, BlockOptions("A-centered")).shortcut(x)
    assert short.shape == (1, outputs, 3, 2)
    for channel in range(outputs):
        source = channel - (outputs - inputs) // 2
        if 0 <= source < inputs:
            assert torch.equal(short[:, channel], x[:, source, ::2, ::2])
        else:
            assert not short[:, channel].any()


def test_kinds_without_parameters_share_weights_and_differ() -> None:
    nets = [build("resnet8"), build("resnet8", shortcut="A-centered"), build("plain8")]
    images = torch.rand(2, 3, 8, 8)
    first, *others = [net.eval()(images) for net in nets]
    for net, outputs in zip(nets[1:], others, strict=True):
        for key, tensor in nets[0].state_dict().items():
            assert torch.equal(tensor, net.state_dict()[key])
        assert not torch.allclose(outputs, first, rtol=1e-3)
    assert not torch.allclose(others[0], others[1], rtol=1e-3)


def test_alternatives_are_the_nets_of_equal_parameters() -> None:
    family = (
        Architecture("resnet8x2"),
        Architecture("resnet8x2", shortcut="A-centered"),
        Architecture("plain8x2"),
    )
    for net in family:
        assert set(net.alternatives) == set(family) - {net}
        shapes = {key: tensor.shape for key, tensor in net.build().state_dict().items()}
        for other in net.alternatives:
            state = other.build().state_dict()
            assert {key: tensor.shape for key, tensor in state.items()} == shapes
    assert not Architecture("resnet8", shortcut="B").alternatives
    assert (
        len(Architecture("plain8", shortcut="B").alternatives) == 2
    )  # a plain net has no shortcuts
    assert str(Architecture("plain8", shortcut="B")) == "plain8"
    assert str(Architecture("resnet8", shortcut="A-centered")) == "resnet8, shortcut A-centered"


def test_unknown_shortcuts_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a shortcut of A, A-centered, B, got 'C'"):
        build("resnet8", shortcut="C")


def test_gradients_reach_the_first_layer() -> None:
    net = build("resnet20", in_channels=1)
    net(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("name", ["resnet57", "resnet", "vgg", "resnet56x0", "plain2", "56"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no network is named|depth must be 6n"):
        Architecture(name).build()


def test_a_net_is_recognized_from_its_weights() -> None:
    for net in (
        Architecture("resnet8", in_channels=1, num_classes=7, shortcut="B"),
        Architecture("plain8x2", in_channels=2, num_classes=4),
    ):
        assert net in models.infer(net.build().state_dict())
    named = Architecture("resnet8", shortcut="A-centered")
    assert named in models.infer(named.build().state_dict())
    assert models.infer({"weight": torch.zeros(3, 3)}) == []
