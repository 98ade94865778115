"""Steps of blocks against formulas, and where the answer is known."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import models
from landscape.experiments import dynamics as module


class Toward(nn.Module):
    """A step to a point, over a part of the distance."""

    def __init__(self, point: Tensor, part: float) -> None:
        super().__init__()
        self.point, self.part = point, part

    def forward(self, h: Tensor) -> Tensor:
        return h + self.part * (self.point - h)


def test_step_is_the_mean_over_images() -> None:
    before = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    after = torch.tensor([[3.0, 4.0], [2.0, 2.0]])
    assert module.step(before, after) == pytest.approx((0 + 1) / 2)


def test_steps_to_a_point_shrink_geometrically() -> None:
    h = torch.randn(4, 3, generator=torch.manual_seed(0), dtype=torch.float64)
    found = module.repeated(Toward(torch.ones(3), 0.25), h, 4)
    assert found == pytest.approx([1, 0.75, 0.75**2, 0.75**3])


def test_steps_away_from_a_point_grow() -> None:
    h = torch.ones(2, 3)
    assert module.repeated(Toward(torch.zeros(3), -1.0), h, 3) == pytest.approx([1, 2, 4])


@torch.no_grad()
def test_stages_against_a_forward_pass() -> None:
    net = models.ResNet(20, in_channels=1).eval()
    x = torch.randn(3, 1, 8, 8, generator=torch.manual_seed(0))
    found = module.stages(net, x)
    assert [len(stage) for stage in found] == [3, 2, 2]
    h = F.relu(net.bn1(net.conv1(x)))
    expected = []
    for block in [*net.layer1, *net.layer2, *net.layer3]:
        expected.append(h)
        h = block(h)
    del expected[6], expected[3]  # the first blocks of both later stages
    inputs = [h for stage in found for _, h in stage]
    torch.testing.assert_close(inputs, expected, rtol=0, atol=0)
    assert not any(block._forward_pre_hooks for block in net.modules())


@torch.no_grad()
@pytest.mark.parametrize(("family", "expected"), [("resnet", 0.0), ("plain", 1.0)])
def test_blocks_without_a_branch(family: str, expected: float) -> None:
    """A residual block whose branch is zero keeps its input, a plain one replaces it by zero."""
    net = models.create(f"{family}14", in_channels=1).eval()
    for name, parameter in net.named_parameters():
        if ".bn2." in name:
            parameter.zero_()
    x = torch.randn(3, 1, 8, 8, generator=torch.manual_seed(0))
    block, h = module.stages(net, x)[0][0]
    assert module.step(h, block(h)) == pytest.approx(expected)
