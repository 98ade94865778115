from typing import Any

import pytest
import torch
from torch import nn

from landscape import models
from landscape.models import Architecture

SIZES = {
    18: 11_689_512,
    34: 21_797_672,
    50: 25_557_032,
    101: 44_549_160,
    152: 60_192_808,
}
"""Numbers of parameters, as torchvision states them."""

# Computed by torchvision 0.28 with the weights and the image of the test below.
LOGITS = {
    18: [19.17850245, -17.0658695, 15.60554362, -13.7296434],
    34: [56.79188666, -51.87836445, 47.39667417, -42.29806939],
    50: [4.11904252, 4.463873639, 4.157408125, 3.348625588],
    101: [37.31987304, 25.84237658, 11.56437414, -3.960577476],
    152: [69.36824148, 47.75368243, 21.13584469, -7.691174898],
}


@pytest.fixture(scope="module")
def torchvision_models() -> Any:
    try:
        from torchvision import models as found  # type: ignore[import-untyped, unused-ignore]
    except (ImportError, RuntimeError):  # the latter if it is of another torch
        pytest.skip("torchvision cannot be imported")
    return found


def build(depth: int, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return Architecture(f"imagenet-resnet{depth}", **options).build()


@pytest.mark.parametrize("depth", SIZES)
def test_numbers_of_parameters_and_of_layers(depth: int) -> None:
    with torch.device("meta"):
        net = build(depth)
    assert sum(p.numel() for p in net.parameters()) == SIZES[depth]
    layers = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "downsample" not in name
    ]
    assert len(layers) == depth


@pytest.mark.slow
@pytest.mark.parametrize("depth", SIZES)
def test_outputs_are_those_of_torchvision(depth: int) -> None:
    """With waves as weights, which need no file and no random numbers."""
    net = build(depth, num_classes=4).double().eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            wave = torch.sin(torch.arange(tensor.numel(), dtype=torch.float64) + len(name))
            wave = wave.view(tensor.shape)
            if tensor.dim() > 1:
                tensor.copy_(wave * (4 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("weight", "var")):
                tensor.copy_(1 + wave / 4)
            elif tensor.is_floating_point():
                tensor.copy_(wave / 4)
        image = torch.cos(torch.arange(3 * 40 * 40, dtype=torch.float64)).view(1, 3, 40, 40)
        expected = torch.tensor(LOGITS[depth], dtype=torch.float64)
        torch.testing.assert_close(net(image)[0], expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("depth", [18, 50])
def test_checkpoints_of_torchvision_fit(torchvision_models: Any, depth: int) -> None:
    net = build(depth)
    torch.manual_seed(0)
    theirs = getattr(torchvision_models, f"resnet{depth}")()
    state = theirs.state_dict()
    assert list(state) == list(net.state_dict())
    for key, tensor in net.state_dict().items():  # initialized alike
        assert torch.equal(tensor, state[key])
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(net(images), theirs(images))  # in training mode
    torch.testing.assert_close(net.eval()(images), theirs.eval()(images))


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 32), (3, 70)])
@pytest.mark.parametrize("depth", [18, 50])
def test_any_image_size(depth: int, channels: int, size: int) -> None:
    net = build(depth, in_channels=channels, num_classes=7)
    outputs = net(torch.randn(2, channels, size, size))
    assert outputs.shape == (2, 7)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("depth", SIZES)
def test_a_net_is_recognized_from_its_weights(depth: int) -> None:
    net = Architecture(f"imagenet-resnet{depth}", in_channels=1, num_classes=3)
    with torch.device("meta"):
        state = net.build().state_dict()
    assert models.infer(state) == [net]
    assert not net.alternatives


def test_another_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="depth must be 18, 34, 50, 101, 152, not 20"):
        build(20)
