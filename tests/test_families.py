"""All families of networks: sizes of the literature, and training, scanning, saving of each."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import checkpoints, models
from landscape.checkpoints import Checkpoint
from landscape.grid import Grid
from landscape.models import MLP, Architecture, ConvNeXt, ViT, convnext, transformer
from tests import oracles

IMAGENET = {"num_classes": 1000}
GPT2 = {"vocabulary": 50257, "context": 1024, "width": 768, "heads": 12}
VIT_BASE = {"image_size": 224, "patch": 16, "width": 768, "heads": 12, **IMAGENET}
DEIT_TINY = {"image_size": 224, "patch": 16, **IMAGENET}

COUNTS = [
    # He et al. 2016, table 6, has them rounded; summed over the layers in the test below.
    ("resnet20", {}, 269_722),
    ("resnet32", {}, 464_154),
    ("resnet44", {}, 658_586),
    ("resnet56", {}, 853_018),
    ("resnet110", {}, 1_727_962),
    # docs.pytorch.org/vision/stable/models.html, table of all classification weights.
    ("imagenet-resnet18", IMAGENET, 11_689_512),
    ("imagenet-resnet34", IMAGENET, 21_797_672),
    ("imagenet-resnet50", IMAGENET, 25_557_032),
    ("imagenet-resnet101", IMAGENET, 44_549_160),
    ("imagenet-resnet152", IMAGENET, 60_192_808),
    # The same table; Liu et al. 2022, table 1: 29M, 50M, 89M.
    ("convnext-tiny", IMAGENET, 28_589_128),
    ("convnext-small", IMAGENET, 50_223_688),
    ("convnext-base", IMAGENET, 88_591_464),
    # The same table, vit_b_16; Dosovitskiy et al. 2021, table 1: 86M.
    ("vit12", VIT_BASE, 86_567_656),
    # Touvron et al. 2021, table 1: 5M; timm's deit_tiny_patch16_224.
    ("vit12", DEIT_TINY, 5_717_416),
    # DenseNet121 and densenet_cifar of github.com/kuangliu/pytorch-cifar.
    ("densenet121", {}, 6_956_298),
    ("densenet121", {"growth": 12}, 1_000_618),
    # The layers of cifar10/models/vgg.py in github.com/tomgoldstein/loss-landscape, summed by hand:
    # convolutions with biases, their BatchNorms, the hidden layer with its own, the last layer.
    ("vgg9", {}, 1_735_488 + 2 * 1_152 + 4_096 * 256 + 3 * 256 + 2_570),
    # GPT-2 small: Radford et al. 2019 and its errata, 124M; the weights that OpenAI published.
    ("gpt12", GPT2, 124_439_808),
]


@pytest.mark.parametrize(("name", "options", "count"), COUNTS)
def test_numbers_of_parameters_are_the_published_ones(
    name: str, options: dict[str, Any], count: int
) -> None:
    with torch.device("meta"):
        model = models.create(name, **options)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_residual_nets_have_the_sizes_of_the_papers_table(depth: int, millions: float) -> None:
    """He et al. 2016, table 6; the sum is over 3×3 convolutions and BatchNorms, section 4.2."""
    n = (depth - 2) // 6
    shapes = [(3, 16), *[(16, 16)] * 2 * n]
    shapes += [(16, 32), *[(32, 32)] * (2 * n - 1), (32, 64), *[(64, 64)] * (2 * n - 1)]
    count = sum(9 * before * after + 2 * after for before, after in shapes) + 64 * 10 + 10
    assert (f"resnet{depth}", {}, count) in COUNTS
    assert round(count / 1e6, 1 if depth == 110 else 2) == millions


# A small net of each form. All take images of one channel and 8×8 pixels, or tokens.
SMALL = {
    "resnet{depth}[x{width}]": Architecture("resnet8", in_channels=1),
    "plain{depth}[x{width}]": Architecture("plain8", in_channels=1),
    "convnext{depth}[x{width}]": Architecture("convnext11", in_channels=1, patch=2),
    "densenet121": Architecture("densenet121", in_channels=1, growth=4),
    "imagenet-resnet{depth}": Architecture("imagenet-resnet18", in_channels=1),
    "gpt{depth}": Architecture("gpt2", vocabulary=11, context=8, width=16, heads=2),
    "linear{depth}[x{width}]": Architecture("linear3", in_channels=1, image_size=8),
    "mlp{depth}[x{width}]": Architecture("mlp3x20", in_channels=1, image_size=8),
    "vgg9": Architecture("vgg9", in_channels=1, image_size=8),
    "vit{depth}": Architecture("vit2", in_channels=1, image_size=8, patch=2, width=16, heads=2),
}
# Large nets, of the same class as one above.
LARGE = {"convnext-tiny", "convnext-small", "convnext-base"}
NETS = [
    *SMALL.values(),
    SMALL["convnext{depth}[x{width}]"].replaced(skip=False),
    SMALL["vit{depth}"].replaced(skip=False),
    SMALL["mlp{depth}[x{width}]"].replaced(activation="gelu"),
    SMALL["linear{depth}[x{width}]"].replaced(init="identity", init_noise=0.1),
]
ANY_NET = pytest.mark.parametrize(
    "net",
    [
        pytest.param(net, marks=pytest.mark.slow if net.name.startswith("imagenet") else ())
        for net in NETS
    ],
    ids=str,
)


def test_every_family_is_tested() -> None:
    assert {*models.forms().split(", ")} == SMALL.keys() | LARGE


def data_for(net: Architecture) -> tuple[Tensor, Tensor]:
    if net.name.startswith("gpt"):
        tokens = torch.randint(11, (12, 9))
        return tokens[:, :-1], tokens[:, 1:]
    return torch.randn(12, 1, 8, 8), torch.randint(10, (12,))


def loss_of_examples(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of every example; of a text the mean over its tokens."""
    if targets.dim() == 1:
        return F.cross_entropy(outputs, targets, reduction="none")
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)


def after_steps(model: nn.Module, x: Tensor, y: Tensor, num: int) -> list[float]:
    """The losses of a batch before each step of gradient descent, and after the last."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for step in range(num + 1):
        loss = loss_of_examples(model(x), y).mean()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        if step < num:
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return losses


@pytest.mark.slow
@ANY_NET
def test_training_lowers_the_loss(net: Architecture) -> None:
    model, (x, y) = net.build(), data_for(net)
    losses = after_steps(model, x, y, 20)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
@ANY_NET
def test_a_scan_agrees_with_the_oracle(net: Architecture) -> None:
    model, (x, y) = net.build(), data_for(net)
    after_steps(model, x, y, 3)
    objective = landscape.Objective(model, loss_of_examples, (x, y), device="cpu")
    plane = landscape.Plane.random(objective.center, seed=0)
    grid = Grid.regular(3, (-0.4, 0.5))
    surface = landscape.scan(objective, plane, grid)
    if net.name.startswith("gpt"):  # the oracle takes classes along dimension 1
        model.register_forward_hook(lambda *called: called[2].transpose(1, 2))
    losses, accuracies = oracles.surface_on(model, F.cross_entropy, (x, y), plane, grid)
    assert np.ptp(losses) > 1e-3
    np.testing.assert_allclose(surface.losses, losses, rtol=1e-4)
    np.testing.assert_allclose(surface.accuracies, accuracies, atol=1e-9)


@ANY_NET
def test_a_checkpoint_has_name_options_and_weights(net: Architecture, tmp_path: Path) -> None:
    model, (x, y) = net.build(), data_for(net)
    after_steps(model, x, y, 1)  # also changes statistics of BatchNorm
    Checkpoint(model.state_dict(), net=net).save(tmp_path / "net.pt")
    loaded = checkpoints.load(tmp_path / "net.pt")
    assert loaded.net == net
    torch.manual_seed(1)
    again = loaded.net.build()
    loaded.load_into(again, net.name)
    assert torch.equal(again.eval()(x), model.eval()(x))


@ANY_NET
def test_what_is_inferred_from_weights_fits_them(net: Architecture) -> None:
    """Options of the initialization and the training are not among the weights."""
    state = net.build().state_dict()
    shapes = {key: tensor.shape for key, tensor in state.items()}
    inferred = models.infer(state)
    assert {net.name} <= {each.name for each in inferred} or net.name.startswith(("gpt", "vit"))
    assert str(net) in map(str, inferred) or net.name.startswith(("gpt", "vit"))
    for each in inferred:
        again = each.build().state_dict()
        assert {key: tensor.shape for key, tensor in again.items()} == shapes


def randomized(model: nn.Module) -> nn.Module:
    """All parameters random, so that no term of a formula is left out."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.double().eval()


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weight + bias


def gelu(x: Any) -> Any:
    return x * np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x)


def numbers(model: nn.Module) -> dict[str, Any]:
    return {name: p.detach().numpy() for name, p in model.named_parameters()}


@pytest.mark.parametrize("skip", [True, False])
def test_the_convnext_block_is_that_of_the_paper(skip: bool) -> None:
    """Liu et al. 2022, figure 4, written in numpy."""
    block = randomized(convnext.Block(4, 1.0, 0.0, skip))
    p, image = numbers(block), torch.randn(4, 5, 6, dtype=torch.float64)
    padded = np.pad(image.numpy(), ((0, 0), (3, 3), (3, 3)))
    expected = np.empty((4, 5, 6))
    for i, j in np.ndindex(5, 6):
        x = (padded[:, i : i + 7, j : j + 7] * p["dwconv.weight"][:, 0]).sum((1, 2))
        x = layer_norm(x + p["dwconv.bias"], p["norm.weight"], p["norm.bias"], 1e-6)
        x = gelu(p["pwconv1.weight"] @ x + p["pwconv1.bias"])
        x = p["gamma"] * (p["pwconv2.weight"] @ x + p["pwconv2.bias"])
        expected[:, i, j] = image[:, i, j].numpy() * skip + x
    np.testing.assert_allclose(block(image[None])[0].detach(), expected, rtol=1e-10)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_the_transformer_block_is_that_of_the_papers(causal: bool, skip: bool) -> None:
    """Vaswani et al. 2017, equation 1, with LayerNorm first; one position after the other."""
    block = randomized(transformer.Block(6, 2, causal=causal, skip=skip))
    p, x = numbers(block), torch.randn(5, 6, dtype=torch.float64).numpy()
    normed = layer_norm(x, p["norm1.weight"], p["norm1.bias"], 1e-5)
    qkv = normed @ p["attention.qkv.weight"].T + p["attention.qkv.bias"]
    attended = np.empty((5, 6))
    for position, head in np.ndindex(5, 2):
        own = slice(3 * head, 3 * head + 3)
        query, keys, values = qkv[position, :6][own], qkv[:, 6:12][:, own], qkv[:, 12:][:, own]
        scores = np.exp(keys @ query / math.sqrt(3))
        if causal:
            scores[position + 1 :] = 0
        attended[position, own] = scores / scores.sum() @ values
    y = x * skip + attended @ p["attention.out.weight"].T + p["attention.out.bias"]
    normed = layer_norm(y, p["norm2.weight"], p["norm2.bias"], 1e-5)
    hidden = gelu(normed @ p["mlp.0.weight"].T + p["mlp.0.bias"])
    expected = y * skip + hidden @ p["mlp.2.weight"].T + p["mlp.2.bias"]
    outputs = block(torch.from_numpy(x)[None])[0].detach()
    np.testing.assert_allclose(outputs, expected, rtol=1e-10)


def torchvision_models() -> Any:
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"no torchvision: {error}")


# In this order: a name before the names that it is part of.
TORCHVISIONS_NAMES = {
    "downsample_layers.0": "features.0",
    "stages.0": "features.1",
    "downsample_layers.1": "features.2",
    "stages.1": "features.3",
    "gamma": "layer_scale",
    "dwconv": "block.0",
    ".norm": ".block.2",
    "pwconv1": "block.3",
    "pwconv2": "block.5",
    "norm": "classifier.0",
    "head": "classifier.2",
}


def test_convnext_agrees_with_torchvision() -> None:
    theirs = torchvision_models().convnext
    stages = [theirs.CNBlockConfig(8, 16, 2), theirs.CNBlockConfig(16, None, 1)]
    reference = theirs.ConvNeXt(stages, layer_scale=1.0, num_classes=5).eval()
    model = randomized(ConvNeXt((2, 1), (8, 16), 4, num_classes=5)).float()
    state = {}
    for name, tensor in model.state_dict().items():
        renamed = name
        for our_part, their_part in TORCHVISIONS_NAMES.items():
            renamed = renamed.replace(our_part, their_part)
        state[renamed] = tensor[:, None, None] if name.endswith("gamma") else tensor
    reference.load_state_dict(state)
    images = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(model(images), reference(images), rtol=1e-4, atol=1e-4)


def test_vit_agrees_with_torchvision() -> None:
    """Its parameters come in the order of ours, except for the positions; those have one image."""
    reference = (
        torchvision_models()
        .VisionTransformer(16, 4, 2, 2, 12, 48, num_classes=5, norm_layer=nn.LayerNorm)
        .eval()
    )
    model = randomized(ViT(2, 12, 2, 4, 16, num_classes=5)).float()
    ours = dict(model.named_parameters())
    positions = ours.pop("positions")
    theirs = [name for name in reference.state_dict() if name != "encoder.pos_embedding"]
    state = dict(zip(theirs, ours.values(), strict=True))
    state["class_token"] = state["class_token"][None]
    reference.load_state_dict({**state, "encoder.pos_embedding": positions[None]})
    images = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(model(images), reference(images), rtol=1e-4, atol=1e-4)


def test_vit_has_a_token_and_one_embedding_for_each_patch() -> None:
    """Dosovitskiy et al. 2021, equations 1 and 4; patches row by row."""
    model: Any = randomized(ViT(2, 6, 2, 4, 12, in_channels=2))
    image = torch.randn(2, 12, 12, dtype=torch.float64)
    embeddings = [model.token[0]]
    for i, j in np.ndindex(3, 3):
        patch = image[:, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
        embeddings.append(model.patches.weight.flatten(1) @ patch.flatten() + model.patches.bias)
    x = torch.stack([e + model.positions[k] for k, e in enumerate(embeddings)])
    expected = model.head(model.norm(model.blocks(x[None])[0, 0]))
    torch.testing.assert_close(model(image[None])[0], expected)


def test_gpt_is_causal_and_its_output_layer_are_its_embeddings() -> None:
    model: Any = randomized(models.create("gpt2", vocabulary=11, context=8, width=16, heads=2))
    tokens = torch.randint(10, (1, 8))
    changed = tokens.clone()
    changed[0, 5] = 10
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(2).any()
    normed: list[Tensor] = []
    model.norm.register_forward_hook(lambda *called: normed.append(called[2]))
    torch.testing.assert_close(model(tokens), normed[0] @ model.tokens.weight.T)
    assert model(tokens[:, :3]).shape == (1, 3, 11)


def test_a_linear_net_is_the_product_of_its_matrices() -> None:
    net = models.create("linear4", in_channels=1, image_size=3, num_classes=9).double()
    matrices = [weight.detach() for weight in net.parameters()]
    assert [tuple(matrix.shape) for matrix in matrices] == [(9, 9)] * 4
    product = torch.linalg.multi_dot(matrices[::-1])
    x = torch.randn(7, 1, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(net(x), x.flatten(1) @ product.T)
    torch.testing.assert_close(net(x), net(x.flatten(1)))  # vectors as well


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_mlp_has_activations_between_its_layers(activation: str) -> None:
    net = randomized(MLP([5, 7, 6, 3], activation))  # type: ignore[arg-type]
    p, x = numbers(net), torch.randn(4, 5, dtype=torch.float64)
    y = x.numpy()
    for layer in range(3):
        y = y @ p[f"layers.{layer}.weight"].T + p[f"layers.{layer}.bias"]
        if layer < 2:
            y = gelu(y) if activation == "gelu" else np.maximum(y, 0)
    np.testing.assert_allclose(net(x).detach(), y, rtol=1e-10)


def test_initializations_of_linear_nets() -> None:
    def weights(**options: Any) -> list[Tensor]:
        options = {"in_channels": 300, "image_size": 1, "num_classes": 300, **options}
        return [p.detach() for p in models.create("linear3", **options).parameters()]

    for weight in weights(init="identity"):
        assert torch.equal(weight, torch.eye(300))
    assert not any(weight.any() for weight in weights(init="zero"))
    for weight in weights(init="identity", init_noise=0.2):
        torch.testing.assert_close(
            (weight - torch.eye(300)).std(), torch.tensor(0.2), rtol=0.02, atol=0
        )
    for weight in weights(init="kaiming"):  # the variance of the activations is kept
        torch.testing.assert_close(weight.var(), torch.tensor(1 / 300), rtol=0.04, atol=0)


def test_initial_layer_scale_and_drop_path_of_convnext() -> None:
    blocks = [
        m
        for m in models.create("convnext20", drop_path=0.5).modules()
        if isinstance(m, convnext.Block)
    ]
    np.testing.assert_allclose(
        [block.drop_path.p for block in blocks], np.linspace(0, 0.5, 6), rtol=1e-6
    )
    for options, scale in (({}, 1e-6), ({"skip": False}, 1.0), ({"layer_scale": 0.1}, 0.1)):
        net = models.create("convnext11", **options)
        gammas = [p for name, p in net.named_parameters() if name.endswith("gamma")]
        assert len(gammas) == 3
        for gamma in gammas:
            torch.testing.assert_close(gamma.detach(), torch.full_like(gamma, scale))


@pytest.mark.parametrize(("name", "differ"), [("convnext11", "gamma"), ("vit2", ())])
def test_nets_without_skip_connections_have_the_same_initial_weights(
    name: str, differ: str | tuple[str, ...]
) -> None:
    nets = []
    for skip in (True, False):
        torch.manual_seed(0)
        nets.append(models.create(name, skip=skip).state_dict())
    assert list(nets[0]) == list(nets[1])
    for key, tensor in nets[0].items():
        assert torch.equal(tensor, nets[1][key]) != key.endswith(differ)


def test_depth_of_convnext_counts_all_layers_but_those_between_the_stages() -> None:
    for depth in (11, 20, 56):
        net = models.create(f"convnext{depth}")
        layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert len(layers) == depth + 2


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        # Of the checkpoints of Li et al. 2018, and of other users of kuangliu/pytorch-cifar.
        (
            "densenet121",
            {
                "conv1.weight": (64, 3, 3, 3),
                "dense4.15.conv2.weight": (32, 128, 3, 3),
                "trans3.conv.weight": (512, 1024, 1, 1),
                "bn.running_var": (1024,),
                "linear.weight": (10, 1024),
            },
        ),
        (
            "vgg9",
            {
                "features.0.weight": (64, 3, 3, 3),
                "features.20.bias": (256,),
                "features.21.running_mean": (256,),
                "fc.0.weight": (256, 4096),
                "fc.1.weight": (256,),
                "classifier.bias": (10,),
            },
        ),
        # Of facebookresearch/ConvNeXt.
        (
            "convnext-tiny",
            {
                "downsample_layers.0.1.weight": (96,),
                "downsample_layers.3.1.weight": (768, 384, 2, 2),
                "stages.2.8.pwconv1.weight": (1536, 384),
                "stages.3.2.gamma": (768,),
                "norm.weight": (768,),
                "head.weight": (10, 768),
            },
        ),
    ],
)
def test_parameters_have_the_names_of_published_checkpoints(
    name: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    with torch.device("meta"):
        state = models.create(name).state_dict()
    assert shapes.items() <= {key: tuple(t.shape) for key, t in state.items()}.items()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("convnext12", {}, "depth must be 9n\\+2"),
        ("convnext11", {"skip": False, "drop_path": 0.1}, "drop_path 0 without skip"),
        ("vit2", {"image_size": 32, "patch": 5}, "image_size divisible by the patch"),
        ("vit2", {"width": 64, "heads": 3}, "width divisible by the heads, got 64 and 3"),
        ("gpt2", {"width": 64, "heads": 0}, "width divisible by the heads"),
        ("gpt2", {"in_channels": 3}, "gpt2 has no option 'in_channels'"),
        ("mlp2", {"activation": "tanh"}, "expected an activation of relu, gelu, got 'tanh'"),
        ("linear2", {"init": "normal"}, "expected an init of kaiming, identity, zero"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(name, **options).check()


@pytest.mark.parametrize("name", sorted(LARGE))
def test_large_nets_are_recognized_from_their_weights(name: str) -> None:
    net = Architecture(name, num_classes=7)
    with torch.device("meta"):
        state = net.build().state_dict()
    assert models.infer(state) == [net, net.replaced(skip=False)]


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("densenet121", "dense4.16.conv2.weight"),  # DenseNet-169 of the same code
        ("vgg9", "features.24.weight"),  # VGG-16 of the same code
        ("mlp3", "layers.4.weight"),
        ("convnext11", "stages.2.1.gamma"),
    ],
)
def test_other_nets_of_the_same_names_are_not_recognized(name: str, further: str) -> None:
    with torch.device("meta"):
        state = models.create(name).state_dict()
    assert name in {each.name for each in models.infer(state)}
    assert not models.infer({**state, further: torch.zeros(512, 4, 3, 3)})
