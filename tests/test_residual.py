"""The variants of residual nets: normalization, preactivation, blocks, noise of the training."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import checkpoints, datasets, models
from landscape.directions import normalization_parameters
from landscape.models import SHORTCUTS, Architecture
from landscape.models.norms import NORMS
from landscape.models.residual import Block, BlockOptions
from landscape.training import Recipe, train

VARIANTS: list[dict[str, Any]] = [
    {},
    *({"norm": norm} for norm in NORMS if norm != "batch"),
    {"norm": "none", "preactivation": True, "shortcut": "B"},
    {"norm": "group", "preactivation": True},
    {"norm_position": "after"},
    {"norm_position": "after", "preactivation": True},
    {"block": "bottleneck"},
    {"block": "bottleneck", "preactivation": True, "shortcut": "B"},
    {"block": "bottleneck", "norm": "none", "shortcut": "A-centered"},
    {"activation": "gelu"},
    {"dropout": 0.3},
    {"drop_path": 0.5},
    {"drop_connect": 0.2},
    {"noise": 1.0},
    {"norm": "layer", "dropout": 0.1, "drop_path": 0.1, "drop_connect": 0.1, "noise": 0.1},
]


def net_of(family: str, **options: Any) -> nn.Module:
    depth = 11 if options.get("block") == "bottleneck" else 8
    return Architecture(f"{family}{depth}", **options).build()


def shaken(net: nn.Module) -> nn.Module:
    """Return a net in evaluation mode whose normalizations and biases are not the initial ones."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor), alpha=0.5 if "running" in name else 0.1)
    return net.eval()


class AsPublished(nn.Module):
    """A residual or plain net of 8 layers, in the order of the first version of this package."""

    def __init__(self, is_residual: bool) -> None:
        super().__init__()
        self.is_residual = is_residual
        self.conv1 = nn.Conv2d(3, 16, 3, 1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for number, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
            block = nn.Module()
            block.conv1 = nn.Conv2d(inputs, outputs, 3, outputs // inputs, padding=1, bias=False)
            block.bn1 = nn.BatchNorm2d(outputs)
            block.conv2 = nn.Conv2d(outputs, outputs, 3, 1, padding=1, bias=False)
            block.bn2 = nn.BatchNorm2d(outputs)
            self.add_module(f"layer{number}", nn.Sequential(block))
        self.linear = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        for number in (1, 2, 3):
            block: Any = self.get_submodule(f"layer{number}.0")
            y = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
            if self.is_residual:
                step = block.conv1.stride[0]
                extra = y.shape[1] - x.shape[1]
                y = y + F.pad(x[:, :, ::step, ::step], (0, 0, 0, 0, 0, extra))
            x = F.relu(y)
        logits: Tensor = self.linear(torch.mean(x, dim=(2, 3)))
        return logits


@pytest.mark.parametrize("family", ["resnet", "plain"])
def test_the_default_nets_are_the_published_ones_to_the_bit(family: str) -> None:
    torch.manual_seed(3)
    nets: list[nn.Module] = [AsPublished(family == "resnet")]
    torch.manual_seed(3)
    nets.append(net_of(family))
    states = [net.state_dict() for net in nets]
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    images = torch.randn(4, 3, 8, 8)
    outputs = [net(images) for net in nets]
    assert torch.equal(*outputs)
    assert torch.equal(*(net.eval()(images) for net in nets))


@pytest.mark.slow
@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("family", ["resnet", "plain"])
def test_every_variant_builds_and_learns_all_its_parameters(
    family: str, options: dict[str, Any]
) -> None:
    for channels, size in ((1, 8), (3, 32)):
        net = net_of(family, in_channels=channels, num_classes=7, **options)
        images = torch.randn(4, channels, size, size)
        outputs = net(images)
        assert outputs.shape == (4, 7)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        net.eval()
        assert torch.equal(net(images), net(images))


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_noise_is_off_in_evaluation_and_on_in_training(options: dict[str, Any]) -> None:
    noise = {"dropout", "drop_path", "drop_connect", "noise"} & options.keys()
    net = shaken(net_of("resnet", **options))
    quiet = net_of("resnet", **{**options, **dict.fromkeys(noise, 0.0)})
    quiet.load_state_dict(net.state_dict())
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(net(images), quiet.eval()(images))
    for module in net.modules():  # all but BatchNorm, which changes its statistics
        module.training = not isinstance(module, nn.BatchNorm2d)
    assert torch.equal(net(images), net(images)) == (not noise)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("is_residual", [True, False])
@pytest.mark.parametrize("preactivation", [True, False])
@pytest.mark.parametrize("position", ["before", "after"])
def test_blocks_are_their_formulas(
    position: Any, preactivation: bool, norm: Any, activation: Any, is_residual: bool
) -> None:
    shortcut: Any = "A" if is_residual else "none"
    options = BlockOptions(shortcut, "basic", preactivation, norm, position, activation)
    block: Any = shaken(Block(16, 16, 1, options).double()).train()

    def a(x: Tensor) -> Tensor:
        return x.clamp(min=0) if activation == "relu" else x * (1 + torch.erf(x / 2**0.5)) / 2

    def n(x: Tensor, k: int) -> Tensor:
        if norm == "none":
            return x
        axes = (0, 2, 3) if norm == "batch" else (1, 2, 3)
        layer = getattr(block, f"bn{k}")
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        scale, shift = (t.view(1, -1, 1, 1) for t in (layer.weight, layer.bias))
        normalized: Tensor = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
        return normalized

    def c(x: Tensor, k: int) -> Tensor:
        conv = getattr(block, f"conv{k}")
        assert (conv.bias is None) == (norm != "none")
        return F.conv2d(x, conv.weight, conv.bias, padding=1)

    x = torch.randn(3, 16, 5, 5, dtype=torch.float64)
    s = x if is_residual else torch.zeros_like(x)
    expected = {
        (False, "before"): a(s + n(c(a(n(c(x, 1), 1)), 2), 2)),
        (False, "after"): n(a(s + c(n(a(c(x, 1)), 1), 2)), 2),
        (True, "before"): s + c(a(n(c(a(n(x, 1)), 1), 2)), 2),
        (True, "after"): s + c(n(a(c(n(a(x), 1), 1)), 2), 2),
    }[preactivation, position]
    torch.testing.assert_close(block(x), expected)


def test_a_bottleneck_block_is_its_formula() -> None:
    x = torch.randn(2, 16, 6, 6, dtype=torch.float64)
    for preactivation in (False, True):
        options = BlockOptions("B", "bottleneck", preactivation)
        b: Any = shaken(Block(16, 32, 2, options).double())
        assert [tuple(conv.weight.shape[:3]) for conv in b.convolutions] == [
            (8, 16, 1), (8, 8, 3), (32, 8, 1),
        ]  # fmt: skip
        if preactivation:
            first = F.relu(b.bn1(x))
            y = b.conv3(F.relu(b.bn3(b.conv2(F.relu(b.bn2(b.conv1(first)))))))
            expected = y + b.shortcut[0](first)
        else:
            y = b.bn3(b.conv3(F.relu(b.bn2(b.conv2(F.relu(b.bn1(b.conv1(x))))))))
            expected = F.relu(y + b.shortcut[1](b.shortcut[0](x)))
        torch.testing.assert_close(b(x), expected)
        assert expected.shape == (2, 32, 3, 3)


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_branch_of_zeros_leaves_the_identity_or_its_positive_part(norm: Any, block: Any) -> None:
    x = torch.randn(3, 16, 5, 5)
    for preactivation in (True, False):
        for training in (True, False):
            options = BlockOptions(block=block, norm=norm, preactivation=preactivation)
            net = Block(16, 16, 1, options).train(training)
            for name, parameter in net.named_parameters():
                if name.startswith("conv"):
                    nn.init.zeros_(parameter)
            assert torch.equal(net(x), x if preactivation else torch.maximum(x, torch.tensor(0.0)))


@pytest.mark.parametrize(
    ("name", "options", "number"),
    [
        # osmr/imgclsmob, whose projections are those of shortcut B
        ("resnet20", {}, 272_474),
        ("resnet110", {}, 1_730_714),
        ("resnet164", {"block": "bottleneck"}, 1_704_154),
        ("resnet20", {"preactivation": True}, 272_282),
        ("resnet110", {"preactivation": True}, 1_730_522),
        ("resnet164", {"preactivation": True, "block": "bottleneck"}, 1_703_258),
    ],
)
def test_numbers_of_parameters_are_the_published_ones(
    name: str, options: dict[str, Any], number: int
) -> None:
    net = Architecture(name, shortcut="B", **options).build()
    assert sum(p.numel() for p in net.parameters()) == number


@pytest.mark.parametrize("depth", [11, 20, 164])
def test_the_depth_of_bottleneck_nets_counts_layers_with_weights(depth: int) -> None:
    net = Architecture(f"plain{depth}", block="bottleneck").build()
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == depth


def test_the_branches_are_dropped_more_often_with_depth() -> None:
    net = Architecture("resnet20", drop_path=0.45).build()
    rates = [module.drop_path.p for module in net.modules() if isinstance(module, Block)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])


def test_a_preactivation_block_has_its_evaluation_as_expectation() -> None:
    """Of 10,000 copies of an image; a block's noise is the only thing that differs."""
    options = BlockOptions(preactivation=True, norm="layer")
    block = shaken(Block(16, 16, 1, options, drop_path=0.3).double()).train()
    image = torch.randn(1, 16, 2, 2, dtype=torch.float64)
    with torch.no_grad():
        outputs = block(image.expand(10_000, -1, -1, -1))
        expected = block.eval()(image)[0]
    error = outputs.std(0) / 100
    assert error.max() < 0.02 * expected.abs().max()
    assert ((outputs.mean(0) - expected).abs() < 5 * error).all()
    kept = (outputs - image).abs().sum((1, 2, 3)) > 0
    assert abs(float(kept.double().mean()) - 0.7) < 5 * (0.7 * 0.3 / 10_000) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"preactivation": True}, {"block": "bottleneck"}])
def test_without_normalization_the_variance_does_not_grow_with_depth(
    options: dict[str, Any],
) -> None:
    def power(depth: int, *, he: bool = False) -> float:
        torch.manual_seed(0)
        net: Any = Architecture(f"resnet{depth}", norm="none", **options).build()
        for module in net.modules() if he else []:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        with torch.no_grad():
            x = net.conv1(torch.randn(8, 3, 16, 16))
            return float(net.layer3(net.layer2(net.layer1(x))).square().mean())

    assert 0.5 < power(110) / power(20) < 2
    assert power(110, he=True) / power(20, he=True) > 1e6


@pytest.mark.slow
def test_a_residual_net_without_normalization_trains(tmp_path: Path) -> None:
    net = Architecture("resnet20", in_channels=1, norm="none")
    recipe = Recipe(epochs=5, images_per_batch=64)
    last = train(net, datasets.load("digits"), datasets.load("digits", "test"), recipe, tmp_path)
    assert last.history["test_accuracy"][-1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("preactivation", [False, True])
def test_norm_block_and_preactivation_are_inferred(
    norm: str, preactivation: bool, block: str
) -> None:
    for shortcut in SHORTCUTS:
        options = {"norm": norm, "preactivation": preactivation, "block": block}
        depth = 11 if block == "bottleneck" else 8
        net = Architecture(f"resnet{depth}x2", shortcut=shortcut, in_channels=2, **options)
        state = net.build().state_dict()
        found = models.infer(state)
        assert net in found
        assert {each.options["block"] for each in found} == {block}
        if norm == "batch":
            assert {each.options["norm"] for each in found} == {"batch"}
        if norm != "none":
            assert {each.options["preactivation"] for each in found} == {preactivation}
        for each in found:
            other = each.build().state_dict()
            assert {key: t.shape for key, t in other.items()} == {
                key: t.shape for key, t in state.items()
            }
        assert len(set(map(str, found))) == len(found)
        assert set(net.alternatives) == set(found) - {net}


def test_what_a_net_computes_is_in_its_description() -> None:
    net = Architecture("resnet20", norm="group", preactivation=True, dropout=0.1)
    assert str(net) == "resnet20, shortcut A, preactivation, norm group"
    assert str(Architecture("plain20", activation="gelu")) == "plain20, activation gelu"
    assert net.changed == {"norm": "group", "preactivation": True, "dropout": 0.1}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"norm": "bn"}, "expected norm batch, layer, group or none, got 'bn'"),
        ({"norm_position": "between"}, "expected norm_position before or after, got 'between'"),
        ({"block": "wide"}, "expected block basic or bottleneck, got 'wide'"),
        ({"activation": 3}, "expected activation relu or gelu, got 3"),
        ({"preactivation": "yes"}, "expected preactivation True or False, got 'yes'"),
        ({"dropout": 1.5}, "between 0 and 1, but got 1.5"),
        ({"drop_path": 1.0}, "from 0 to below 1, got 1.0"),
        ({"drop_connect": -0.1}, "from 0 to below 1, got -0.1"),
        ({"noise": 2.0}, "from 0 to 1, got 2.0"),
        ({"dropout": "a"}, "cannot be built with"),
        ({"block": "bottleneck"}, "depth must be 9n\\+2"),
        ({"width": 2}, "no option 'width'; expected in_channels, num_classes, shortcut, block"),
    ],
)
@pytest.mark.parametrize("name", ["resnet8", "plain8"])
def test_wrong_options_are_refused(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Architecture(name, **options).build()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"norm": "group", "preactivation": True, "drop_connect": 0.1, "activation": "gelu"},
        {"norm": "none", "block": "bottleneck", "dropout": 0.1, "noise": 0.5, "drop_path": 0.2},
    ],
)
def test_a_trained_variant_is_loaded_and_scanned(tmp_path: Path, options: dict[str, Any]) -> None:
    depth = 11 if "block" in options else 8
    net = Architecture(f"resnet{depth}", in_channels=1, **options)
    images = datasets.load("digits").first(96)
    train(net, images, None, Recipe(epochs=1, images_per_batch=32), tmp_path)
    found = checkpoints.load(tmp_path / "last.pt")
    assert found.net == net
    model = net.build()
    model.load_state_dict(dict(found.state))
    assert images.preprocessing is not None
    x, y = images.preprocessing(images.x), images.y
    objective = landscape.Objective(model, data=(x, y), device="cpu")
    plane = landscape.planes.random(objective)
    for name in normalization_parameters(model):
        assert not plane.delta[name].any()
    assert (len(normalization_parameters(model)) > 0) == (options["norm"] != "none")
    assert plane.delta["conv1.weight"].any()
    surface = landscape.scan(objective, plane, landscape.Grid.regular(3))
    with torch.no_grad():
        expected = F.cross_entropy(model.eval()(x), y)
        moved = {key: model.state_dict()[key] + t for key, t in plane.delta.items()}
        corner = F.cross_entropy(torch.func.functional_call(model, moved, (x,)), y)
    assert surface.center_loss == pytest.approx(float(expected), rel=1e-5)
    assert surface.losses[2, 1] == pytest.approx(float(corner), rel=1e-4)
