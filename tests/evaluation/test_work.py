"""How much work a point takes, in counts that are the same on every machine.

What is measured in seconds is in benchmarks/; these catch a copy, a wait or a kernel too many.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from landscape.evaluation import autotune, reference_plan
from landscape.evaluation.activation_memory import bytes_per_image
from landscape.evaluation.flat_plane import FlatPlane
from landscape.evaluation.plan import Plan
from landscape.evaluation.rewrites.batchnorm_folding import folded
from landscape.evaluation.rewrites.first_layers import shared
from landscape.evaluation.rewrites.network import unmodified
from landscape.memory import free_bytes
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane

POINTS = [(0.1 * k, -0.2 * k) for k in range(6)]
IMAGES, PER_BATCH = 20, 8
BATCHES = 3


class Work(TorchDispatchMode):
    """Counts operators and the bytes that they write, by part of the work."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.part = "other"

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls[str(func.overloadpacket)] += 1
        given = {_storage(t) for t in tree_leaves(args) if isinstance(t, Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and _storage(tensor) not in given:
                self.bytes[self.part] += tensor.nbytes
        return result

    @contextmanager
    def timer(self, part: str) -> Iterator[None]:
        outer, self.part = self.part, part
        try:
            yield
        finally:
            self.part = outer


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def objective_of(model: nn.Module, x: Tensor, y: Tensor) -> Objective:
    return Objective(
        model, F.cross_entropy, (x, y), device=torch.device("cpu"), images_per_batch=PER_BATCH
    )


def worked(plan: Plan, objective: Objective, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Return what is done at all points, after one to warm up."""
    waits: list[Tensor] = []
    to_list = torch.Tensor.tolist

    def counted(tensor: Tensor) -> Any:
        waits.append(tensor)
        return to_list(tensor)

    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    work = Work()
    strategy = plan.on(objective)
    list(strategy(POINTS[:1]))
    strategy.timer = work.timer
    waits.clear()
    with work:
        list(strategy(POINTS))
    work.calls["waits"] = len(waits) + work.calls["aten._local_scalar_dense"]
    return work


@pytest.fixture
def resnet() -> Objective:
    model = Architecture("resnet8", in_channels=1, num_classes=3).build()
    model.train()(torch.randn(30, 1, 8, 8))
    return objective_of(model, torch.randn(IMAGES, 1, 8, 8), torch.randint(3, (IMAGES,)))


def test_a_folded_net_has_no_batchnorm_and_no_sums_left(
    resnet: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        pytest.skip("torch without oneDNN")
    plane = Plane.random(resnet.center, 0)
    network = folded(resnet, plane)
    assert network is not None
    work = worked(Plan(network, "float32", PER_BATCH), resnet, monkeypatch)
    convolutions = sum(isinstance(m, nn.Conv2d) for m in resnet.model.modules())
    forward_calls = len(POINTS) * BATCHES
    assert work.calls["mkldnn._convolution_pointwise"] == convolutions * forward_calls
    for left_over in ("batch_norm", "native_batch_norm", "relu", "convolution"):
        assert work.calls[f"aten.{left_over}"] == 0, left_over
    # In place, and not oneDNN's own, which makes 0 of NaN: after the first, and twice in a block.
    assert work.calls["aten.relu_"] == (1 + 2 * 3) * forward_calls
    assert work.calls["aten.addmm"] == forward_calls  # the head
    assert work.calls["waits"] == len(POINTS)


def test_the_weights_of_a_point_are_written_once(
    resnet: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane.random(resnet.center, 0)
    numbers = FlatPlane.of(plane).center.numel()
    assert numbers < 1.05 * sum(tensor.numel() for tensor in plane.center.values())
    work = worked(reference_plan(resnet, plane), resnet, monkeypatch)
    assert work.bytes["weights"] == 4 * numbers * len(POINTS)
    assert work.calls["aten.addcmul"] == work.calls["aten.addcmul_"] == len(POINTS)
    assert work.calls["waits"] == len(POINTS)
    # Losses in float64, whether they are classified correctly, and the summary.
    assert work.bytes["loss"] < 200 * IMAGES * len(POINTS)


def test_many_points_at_once_wait_once(
    mlp: nn.Module, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = objective_of(mlp, *vectors)
    plane = Plane.random(objective.center, 0)
    network = shared(objective, plane)
    assert network is not None
    plan = Plan(network, "float32", objective.num_images, points_per_batch=3)
    work = worked(plan, objective, monkeypatch)
    assert work.calls["waits"] == 2
    # The first layer of every point is combined from three products made before.
    products = sum(work.calls[f"aten.{name}"] for name in ("mm", "bmm", "baddbmm", "linear"))
    assert products == 2
    assert work.calls["aten.addmm"] == 2  # of the plane
    numbers = FlatPlane.of(network.plane).center.numel()
    assert work.bytes["weights"] == 4 * numbers * len(POINTS)


class Wide(nn.Module):
    """Makes 1,000 numbers of each, twice, and adds them up."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        large = x.unsqueeze(2).repeat(1, 1, 1000)
        larger = large + 1
        del large
        return larger.view(len(x), 3, 1000).sum(2) @ self.weight


def test_memory_is_counted_while_it_is_held() -> None:
    objective = objective_of(Wide(), torch.randn(40, 3), torch.randint(3, (40,)))
    network = unmodified(objective, Plane.random(objective.center, 0))
    held = 2 * 4 * 3 * 1000  # both at once
    assert held <= bytes_per_image(objective, network) <= 1.05 * held


@pytest.mark.slow
def test_what_does_not_fit_into_memory_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_bytes(torch.device("cpu")) > 1e6
    objective = objective_of(Wide(), torch.randn(40, 3), torch.randint(3, (40,)))
    objective = objective.replaced(images_per_batch=40)
    plane = Plane.random(objective.center, 0)
    for images in (1, 3, 10):
        room = 1.1 * images * 24_000 / 0.7
        monkeypatch.setattr("landscape.evaluation.trials.free_bytes", lambda _, room=room: room)
        seen = autotune(objective, plane, POINTS, 100_000, precision="float32")
        assert seen.plan.images_per_batch * seen.plan.points_per_batch <= images
