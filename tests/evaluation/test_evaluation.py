"""Every plan to compute a surface gives the same surface."""

import copy
import math
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.errors import LandscapeError
from landscape.evaluation import Precision, autotune, reference_plan, run
from landscape.evaluation.flat_plane import FlatPlane
from landscape.evaluation.plan import Plan
from landscape.evaluation.precision import DTYPES
from landscape.evaluation.rewrites import REWRITES
from landscape.evaluation.rewrites.batchnorm_folding import NAMES, folded
from landscape.evaluation.rewrites.convolution import convolve
from landscape.evaluation.rewrites.first_layers import shared
from landscape.evaluation.rewrites.network import Network, unmodified
from landscape.evaluation.rewrites.onednn import with_onednn
from landscape.grid import Grid
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Values
from tests import oracles

AUTOTUNE = sys.modules["landscape.evaluation.autotune"]  # the package has a function of that name
GRID = Grid.regular((3, 2), (-0.5, 1.0), (-0.25, 0.75))
POINTS = [GRID.point(k) for k in range(GRID.size)]
NETS = ("resnet8 A", "resnet8 B", "plain8 A", "conv_net", "mlp")


def make(name: str, request: pytest.FixtureRequest, seed: int = 0) -> tuple[nn.Module, Any]:
    torch.manual_seed(seed)
    if name == "conv_net":
        return request.getfixturevalue("conv_net"), request.getfixturevalue("images")
    if name == "mlp":
        return request.getfixturevalue("mlp"), request.getfixturevalue("vectors")
    net, shortcut = name.split()
    model = Architecture(net, in_channels=1, num_classes=3, shortcut=shortcut).build()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
    model.train()(torch.randn(30, 1, 8, 8))  # moves the running statistics
    return model, (torch.randn(13, 1, 8, 8), torch.randint(3, (13,)))


def objective_of(model: nn.Module, data: Any, device: str, dtype: torch.dtype) -> Objective:
    return Objective(
        model, F.cross_entropy, data, device=torch.device(device), dtype=dtype, images_per_batch=5
    )


def numbers(values: Iterable[Values]) -> list[tuple[float, ...]]:
    """Return loss, accuracy and standard error of each point."""
    return [each[:3] for each in values]


# How far a loss may be from the float64 oracle's, as a part of it.
TOLERANCES: dict[Precision, float] = {
    "float64": 1e-10,
    "float32": 1e-4,
    "tf32": 1e-2,
    "bfloat16": 5e-2,
}


def plans(objective: Objective, plane: Plane, precision: Precision) -> Iterator[Plan]:
    """Yield every type of plan of a precision."""
    dtype = DTYPES[precision]
    base = Plan(unmodified(objective, plane, dtype), precision, objective.images_per_batch)
    yield base
    yield replace(base, points_per_batch=2)
    yield replace(base, points_per_batch=4, images_per_batch=100)
    first = shared(objective, plane) if dtype == objective.dtype else None
    if first is not None:
        whole = objective.num_images
        yield replace(base, network=first, images_per_batch=whole)
        yield replace(base, network=first, images_per_batch=whole, points_per_batch=4)
    onednn = with_onednn(objective, plane) if precision == "float32" else None
    if onednn is not None:
        yield replace(base, network=onednn)
    on_gpu = objective.inputs.device.type == "cuda"
    rewritten = folded(objective, plane, dtype)
    if rewritten is not None:
        yield replace(base, network=rewritten)
        yield replace(base, network=rewritten, images_per_batch=100)
        if dtype == objective.dtype:
            yield replace(base, network=rewritten, points_per_batch=4)
        if on_gpu and precision != "float64":
            fused = folded(objective, plane, dtype, kernels="cudnn")
            assert fused is not None
            yield replace(base, network=fused)
            yield replace(base, network=rewritten, cuda_graph=True)
    if on_gpu:
        yield replace(base, cuda_graph=True)
        yield replace(base, points_per_batch=4, cuda_graph=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", range(10))
def test_every_plan_agrees_with_the_oracle(
    name: str, seed: int, device: str, request: pytest.FixtureRequest
) -> None:
    model, data = make(name, request, seed)
    in_float64 = objective_of(model, data, "cpu", torch.float64)
    directions = Plane.random(in_float64.center, seed=seed)
    losses, accuracies = oracles.surface_on(model, F.cross_entropy, data, directions, GRID)
    kinds = set()
    for precision, tolerance in TOLERANCES.items():
        if precision == "tf32" and device == "cpu":
            continue
        dtype = torch.float64 if precision == "float64" else torch.float32
        objective = objective_of(model, data, device, dtype)
        plane = directions.to(torch.device(device), dtype)
        for plan in plans(objective, plane, precision):
            kinds.add((plan.network.name, plan.points_per_batch > 1, plan.cuda_graph))
            values = list(run(plan, objective, POINTS, pytest.fail))
            np.testing.assert_allclose(
                [v.loss for v in values], losses.ravel(), rtol=tolerance, err_msg=str(plan)
            )
            if precision in ("float64", "float32"):
                np.testing.assert_allclose(
                    [v.accuracy for v in values], accuracies.ravel(), atol=1e-12
                )
            assert all(v.standard_error > 0 for v in values)
            # A point does not depend on those before it.
            backwards = list(run(plan, objective, POINTS[::-1], pytest.fail))
            np.testing.assert_allclose(numbers(backwards[::-1]), numbers(values), rtol=tolerance)
    if device == "cpu":
        onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        assert len(kinds) == 4 + onednn, kinds


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_compiled_step_takes_new_weights_without_compiling_again(
    mlp: nn.Module, vectors: Any
) -> None:
    objective = objective_of(mlp, vectors, "cpu", torch.float32)
    plane = Plane.random(objective.center, 0)
    first = shared(objective, plane)
    assert first is not None
    eager = Plan(first, "float32", objective.num_images, 4)
    compiled = replace(eager, compiled=True).on(objective)
    expected = numbers(eager.on(objective)(POINTS))
    with torch.compiler.set_stance("default"):
        np.testing.assert_allclose(numbers(compiled(POINTS[:1])), expected[:1], rtol=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):  # six points: a whole batch, and a part
        np.testing.assert_allclose(numbers(compiled(POINTS)), expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet8 A", "resnet8 B", "plain8 A"])
@pytest.mark.parametrize("seed", range(10))
def test_folding_is_exact_over_seeds(name: str, seed: int, request: pytest.FixtureRequest) -> None:
    model, data = make(name, request, seed)
    objective = objective_of(model, data, "cpu", torch.float64)
    plane = Plane.random(objective.center, seed)
    network = folded(objective, plane)
    assert network is not None
    assert not any("bn" in key for key in network.plane.center)  # every BatchNorm is gone
    for point in ((0.0, 0.0), (0.7, -0.4), (-1.0, 1.0)):
        expected = unmodified(objective, plane).forward(plane.at(*point), objective.inputs)
        outputs = network.forward(network.plane.at(*point), objective.inputs)
        torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_fused_convolution_keeps_what_is_not_finite(
    dtype: torch.dtype, adds: bool, value: float
) -> None:
    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last)

    x, weight, bias = numbers(3, 16, 8, 8), numbers(16, 16, 3, 3), torch.randn(16).to(dtype)
    x[1, 3, 4, 4] = value
    other = numbers(3, 16, 8, 8) if adds else None
    found = convolve(x, weight, bias, other, True, (1, 1), (1, 1), (1, 1), 1)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    expected = (expected if other is None else expected + other.double()).relu()
    assert not found[~expected.isfinite()].isfinite().any()
    assert found[[0, 2]].isfinite().all()


def test_a_folded_net_that_overflows_has_no_finite_loss() -> None:
    model, far = Architecture("plain20").build(), (1000.0, 1000.0)
    model.train()(torch.randn(20, 3, 32, 32))
    data = (torch.randn(6, 3, 32, 32), torch.randint(10, (6,)))
    objective = Objective(model, F.cross_entropy, data, device="cpu")
    plane = Plane.random(objective.center, 0)
    reference = reference_plan(objective, plane)
    fused = folded(objective, plane)
    assert fused is not None
    for plan in (reference, replace(reference, network=fused)):
        (values,) = run(plan, objective, [far])
        assert not values.is_finite


def test_a_point_where_the_unmodified_model_alone_overflows_has_no_finite_loss(
    conv_net: Any, images: tuple[Tensor, Tensor]
) -> None:
    conv_net.bn.running_var.fill_(1e8)  # the folded weights are smaller by 10,000
    objective = Objective(conv_net, F.cross_entropy, images, device="cpu")
    zero = {name: torch.zeros_like(tensor) for name, tensor in objective.center.items()}
    moved = {**zero, "conv.weight": 100 * objective.center["conv.weight"]}
    plane = Plane(objective.center, moved, zero)
    network, reference = folded(objective, plane), reference_plan(objective, plane)
    assert network is not None
    points = [(1.0, 0.0), (1e18, 0.0), (3e37, 0.0), (3e38, 0.0)]
    plan = replace(reference, network=network, reference=reference)
    alone = [values.is_finite for values in run(replace(plan, reference=None), objective, points)]
    expected = [values.is_finite for values in run(reference, objective, points)]
    assert (alone, expected) == ([True] * 4, [True, True, False, False])
    assert [values.is_finite for values in run(plan, objective, points)] == expected


class TwoUses(nn.Module):
    """Uses the weight of a convolution a second time, which must not be the folded one."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.other = nn.Conv2d(2, 2, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(2)
        self.head = nn.Linear(2, 3)
        if how == "tied":
            self.other.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        if self.how == "read":
            y = y + F.conv2d(y, self.conv.weight, padding=1)
        elif self.how == "called twice":
            y = self.norm(self.conv(torch.relu(y)))
        elif self.how == "seen by two":
            z = self.conv(x)
            y = self.norm(z) + z
        elif self.how == "scaled sum":
            y = torch.add(y, x, alpha=3)
        elif self.how == "broadcast sum":
            y = y + x.mean((2, 3), keepdim=True)
        y = torch.relu(self.norm2(self.other(y)))
        out: Tensor = self.head(y.mean((2, 3)))
        return out


@pytest.mark.parametrize(
    "how",
    ["tied", "read", "called twice", "seen by two", "scaled sum", "broadcast sum", "plain"],
)
def test_odd_nets_are_folded_right_or_not_at_all(how: str) -> None:
    model = TwoUses(how)
    data = torch.randn(7, 2, 6, 6), torch.randint(3, (7,))
    model.train()(data[0] * 3 + 1)
    objective = objective_of(model, data, "cpu", torch.float64)
    plane = Plane.random(objective.center, 0)
    network = folded(objective, plane) or unmodified(objective, plane)
    for point in ((0.0, 0.0), (0.5, -0.5)):
        expected = unmodified(objective, plane).forward(plane.at(*point), objective.inputs)
        outputs = network.forward(network.plane.at(*point), objective.inputs)
        torch.testing.assert_close(outputs, expected, rtol=1e-11, atol=1e-11)


class LinearTwice(nn.Module):
    """Two linear layers of the data, of which one is used again; and one tied to another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(7, 7), nn.Linear(7, 7), nn.Linear(7, 7)
        self.d, self.e = nn.Linear(7, 3), nn.Linear(7, 3)
        self.d.weight = self.e.weight
        self.scale = nn.Parameter(torch.randn(7))

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x.flatten(1) * 2) + self.b(torch.relu(x * self.scale))
        y = torch.relu(self.b(y) + self.c(x)[:, :1])
        out: Tensor = self.d(y) + self.e(x)
        return out


def test_only_what_does_not_depend_on_the_point_is_shared(vectors: Any) -> None:
    model = LinearTwice()
    objective = objective_of(model, vectors, "cpu", torch.float64)
    plane = Plane.random(objective.center, 0)
    network = shared(objective, plane)
    assert network is not None
    outputs = [name for name in network.plane.center if "output" in name]
    assert outputs == ["a (output)", "c (output)"]  # b is called twice, e is tied to d
    for point in ((0.0, 0.0), (0.5, -2.0)):
        expected = unmodified(objective, plane).forward(plane.at(*point), objective.inputs)
        result = network.forward(network.plane.at(*point), objective.inputs)
        torch.testing.assert_close(result, expected, rtol=1e-11, atol=1e-11)


def test_a_plane_that_moves_batchnorm_is_not_folded(request: pytest.FixtureRequest) -> None:
    model, data = make("resnet8 A", request)
    objective = objective_of(model, data, "cpu", torch.float64)
    everything = {name: torch.ones_like(t) for name, t in objective.center.items()}
    plane = Plane.random(objective.center, 0)
    assert folded(objective, Plane(objective.center, everything, plane.eta)) is None


def test_a_net_that_looks_at_its_data_is_left_unchanged() -> None:
    class Branching(TwoUses):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if bool((x == x).all()) else x

    model = Branching("plain")
    data = torch.randn(7, 2, 6, 6), torch.randint(3, (7,))
    objective = objective_of(model, data, "cpu", torch.float64)
    plane = Plane.random(objective.center, 0)
    assert folded(objective, plane) is None
    tuned = autotune(objective, plane, POINTS, 1000, precision="float64", note=pytest.fail)
    assert tuned.plan.network.name == "unmodified"


def test_flat_planes_are_planes(request: pytest.FixtureRequest) -> None:
    model, data = make("resnet8 B", request)
    objective = objective_of(model, data, "cpu", torch.float64)
    plane = Plane.random(objective.center, 0)
    kernels = frozenset(n for n, t in plane.center.items() if t.dim() == 4)
    for layout in (frozenset[str](), kernels):
        flat = FlatPlane.of(plane, layout)
        points = torch.tensor([[0.5, 2.0], [-1.0, 0.25]], dtype=torch.float64)
        many = flat.at_many(points, torch.float64)
        for number, point in enumerate(points):
            expected, one = plane.at(*point.tolist()), flat.at(point, torch.float64)
            for name, tensor in expected.items():
                torch.testing.assert_close(one[name], tensor)
                torch.testing.assert_close(many[name][number], tensor)
                if name in layout:
                    assert one[name].is_contiguous(memory_format=torch.channels_last)
                else:
                    assert one[name].is_contiguous()


def test_a_wrong_plan_is_dropped_and_reported(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = make("plain8 A", request)
    objective = objective_of(model, data, "cpu", torch.float32)
    plane = Plane.random(objective.center, 0)
    right = unmodified(objective, plane)
    wrong = Network("wrong", plane, lambda p, x: right.forward(p, x) * 1.01)
    rewrites = {**REWRITES, NAMES["plain"]: lambda *_: wrong}
    monkeypatch.setattr(AUTOTUNE, "REWRITES", rewrites)
    notes: list[str] = []
    tuned = autotune(objective, plane, POINTS, 100_000, precision="float32", note=notes.append)
    assert tuned.plan.network.name != "wrong"
    assert any("Rejected plan wrong" in text for text in notes)


def test_a_given_number_of_images_per_batch_is_taken(request: pytest.FixtureRequest) -> None:
    model, data = make("plain8 A", request)
    objective = objective_of(model, data, "cpu", torch.float32)
    plane = Plane.random(objective.center, 0)
    tuned = autotune(objective, plane, POINTS, 100, precision="float32", images_per_batch=5)
    assert tuned.plan.images_per_batch == 5


class Greedy(nn.Module):
    """Runs out of memory once, at a call in the middle, and for large batches always after."""

    def __init__(self, inner: nn.Module, error: Exception, at_call: int) -> None:
        super().__init__()
        self.inner, self.error, self.at_call = inner, error, at_call
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls >= self.at_call and len(x) > 3:
            raise self.error
        out: Tensor = self.inner(x)
        return out


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_costs_no_point(
    mlp: nn.Module, vectors: Any, error: Exception
) -> None:
    whole = objective_of(mlp, vectors, "cpu", torch.float64)
    plane = Plane.random(whole.center, 0)
    expected = numbers(reference_plan(whole, plane).on(whole)(POINTS))
    greedy = Greedy(copy.deepcopy(mlp), error, at_call=12)
    objective = objective_of(greedy, vectors, "cpu", torch.float64)
    plane = Plane.random({k.removeprefix("inner."): t for k, t in objective.center.items()}, 0)
    plane = Plane(
        *({f"inner.{k}": t for k, t in d.items()} for d in (plane.center, plane.delta, plane.eta))
    )
    notes: list[str] = []
    values = list(run(reference_plan(objective, plane), objective, POINTS, notes.append))
    np.testing.assert_allclose(numbers(values), expected, rtol=1e-12)
    assert notes == ["out of memory; continuing with unmodified, float64, 2 images per batch"]


def test_other_errors_are_not_swallowed(mlp: nn.Module, vectors: Any) -> None:
    greedy = Greedy(mlp, RuntimeError("something else"), at_call=12)
    objective = objective_of(greedy, vectors, "cpu", torch.float64)
    plane = Plane.random(objective.center, 0)
    with pytest.raises(RuntimeError, match="something else"):
        list(run(reference_plan(objective, plane), objective, POINTS, pytest.fail))


@pytest.mark.parametrize("name", NETS)
def test_bfloat16_is_near_and_says_how_near(
    name: str, device: str, request: pytest.FixtureRequest
) -> None:
    model, data = make(name, request)
    objective = objective_of(model, data, device, torch.float32)
    plane = Plane.random(objective.center, 1)
    tuned = autotune(objective, plane, POINTS, 10_000, precision="bfloat16", note=pytest.fail)
    assert tuned.plan.dtype == torch.bfloat16
    assert 0 < tuned.deviation < 0.1
    exact = list(reference_plan(objective, plane).on(objective)(POINTS))
    values = list(tuned.plan.on(objective)(POINTS))
    for a, b in zip(values, exact, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=max(2 * tuned.deviation, 1e-3))


@pytest.mark.slow
def test_auto_takes_bfloat16_only_where_it_deviates_little(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = make("resnet8 A", request)
    objective = objective_of(model, data, "cpu", torch.float32)
    plane = Plane.random(objective.center, 1)

    # The clock says that bfloat16 is ten times faster.
    def clock(strategy: Any, part: Objective, probes: object) -> float:
        return 0.1 if strategy._forward_dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr("landscape.evaluation.trials._time", clock)
    for allowed, expected in ((1.0, torch.bfloat16), (0.0, torch.float32)):
        monkeypatch.setattr("landscape.evaluation.trials.DEVIATION_ALLOWED", allowed)
        tuned = autotune(objective, plane, POINTS, 10_000, precision="auto")
        assert tuned.plan.dtype == expected


def test_a_net_that_cannot_be_computed_in_bfloat16_says_so(mlp: nn.Module, vectors: Any) -> None:
    class Exact(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = mlp

        def forward(self, x: Tensor) -> Tensor:
            if x.dtype != torch.float32:
                raise TypeError("float32 only")
            out: Tensor = self.inner(x)
            return out

    objective = objective_of(Exact(), vectors, "cpu", torch.float32)
    plane = Plane.random(objective.center, 1)
    with pytest.raises(LandscapeError, match="use float32 or auto"):
        autotune(objective, plane, POINTS, 100, precision="bfloat16")
    assert autotune(objective, plane, POINTS, 100, precision="auto").plan.dtype == torch.float32


def test_a_net_with_sparse_tensors_inside_is_computed(mlp: nn.Module, vectors: Any) -> None:
    class Sparse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = mlp

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.inner(x.to_sparse().to_dense())
            return out

    objective = objective_of(Sparse(), vectors, "cpu", torch.float32)
    plane = Plane.random(objective.center, 1)
    assert autotune(objective, plane, POINTS, 100, precision="float32").plan.precision == "float32"
