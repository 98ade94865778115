"""Convolutions in Triton: against torch in float64, interpreted on the CPU or on a GPU."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.evaluation import reference_plan, run
from landscape.evaluation.plan import Plan
from landscape.evaluation.rewrites import fastest_convolution
from landscape.evaluation.rewrites.batchnorm_folding import folded
from landscape.evaluation.rewrites.convolution import convolve
from landscape.evaluation.rewrites.fastest_convolution import convolve_by_fastest
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane

HAS_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if HAS_GPU else "cpu")
# Of Triton's interpreter.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]
SETTINGS = ((1, 1), (1, 1), (1, 1), 1)


@pytest.fixture(scope="module")
def kernels() -> Any:
    pytest.importorskip("triton", reason="Triton is not installed")
    if not HAS_GPU and tuple(map(int, np.__version__.split(".")[:2])) >= (2, 4):
        pytest.skip("Triton's interpreter needs NumPy before 2.4")
    from landscape.evaluation.rewrites import triton_convolution

    return triton_convolution


if not HAS_GPU:  # before Triton is imported
    os.environ["TRITON_INTERPRET"] = "1"


def last(*shape: int, seed: int, dtype: torch.dtype = torch.float16) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator).to(DEVICE, dtype)
    return numbers.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else numbers


SHAPES = [(3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("relu", "adds"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize(("images", "size"), [(3, (5, 7)), (1, (8, 8)), (2, (9, 4)), (1, (1, 1))])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_layer_is_a_convolution(
    kernels: Any,
    shape: tuple[int, int, int],
    images: int,
    size: tuple[int, int],
    relu: bool,
    adds: bool,
    dtype: torch.dtype,
) -> None:
    if dtype == torch.bfloat16 and not HAS_GPU:
        pytest.skip("Triton's interpreter has no products in bfloat16")
    c_in, c_out, stride = shape
    x, weight = last(images, c_in, *size, seed=1, dtype=dtype), last(c_out, c_in, 3, 3, seed=2)
    weight, bias = (weight * 0.1).to(dtype), last(c_out, seed=3, dtype=dtype)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), stride, 1)
    other = last(*expected.shape, seed=4, dtype=dtype) if adds else None
    expected = expected if other is None else expected + other.double()
    expected = expected.relu() if relu else expected
    found = kernels.layer(x, weight, bias, other, relu, stride)
    assert found.is_contiguous(memory_format=torch.channels_last)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), expected, rtol=eps, atol=1e-5)


@pytest.mark.cuda
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(kernels: Any, value: float) -> None:
    x, weight, bias = last(1, 16, 6, 6, seed=1), last(16, 16, 3, 3, seed=2), last(16, seed=3)
    x[0, 5, 2, 3] = value
    expected = F.conv2d(x.double(), weight.double(), bias.double(), 1, 1).relu()
    found = kernels.layer(x, weight, bias, None, True, 1)
    assert not found[~expected.isfinite()].isfinite().any()
    # The products with zeros of a banded matrix reach at most one pixel beyond the taps.
    apart = torch.ones(6, 6, dtype=torch.bool, device=DEVICE)
    apart[1:4, 1:6] = False
    torch.testing.assert_close(
        found[..., apart].double(), expected[..., apart], rtol=1e-3, atol=1e-5
    )


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_GPU, reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_triton_has_the_reference_losses(kernels: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = Architecture("resnet8").build()
    model.train()(torch.randn(20, 3, 32, 32))
    data = (torch.randn(45, 3, 32, 32), torch.randint(10, (45,)))
    objective = Objective(model.eval(), F.cross_entropy, data, device=DEVICE)
    plane = Plane.random(objective.center, 0)
    points = [(0.0, 0.0), (0.1, -0.2), (0.5, 0.3)]
    network = folded(objective, plane, dtype, kernels="triton")
    assert network is not None
    plan = Plan(network, "float16" if dtype == torch.float16 else "bfloat16", 20)
    found = [each.loss for each in run(plan, objective, points)]
    expected = [each.loss for each in run(reference_plan(objective, plane), objective, points)]
    np.testing.assert_allclose(found, expected, rtol=0.005 if dtype == torch.float16 else 0.05)


@pytest.fixture
def with_kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[str]]:
    """Return a function that stands a kernel in for Triton's, and returns who was called."""
    called: list[str] = []

    def stand_in(layer: Any) -> list[str]:
        def recorded(*given: Any) -> Tensor:
            called.append("triton")
            result: Tensor = layer(*given)
            return result

        module = SimpleNamespace(TILINGS={(16, 16, 1): None}, layer=recorded)
        monkeypatch.setattr(fastest_convolution, "_kernels", lambda: module)
        monkeypatch.setattr(fastest_convolution, "convolve_by_cudnn", _raising)
        monkeypatch.setattr(fastest_convolution, "cudnn_keeps_nan", lambda *_: True)
        # Triton's is the fastest of those that come as far as that.
        monkeypatch.setattr(
            fastest_convolution,
            "_seconds",
            lambda kernel, given: (kernel(*given), 2.0 if kernel is convolve else 1.0)[1],
        )
        return called

    monkeypatch.setattr(fastest_convolution, "_CHOSEN", {})
    return stand_in


def _raising(*_: Any) -> Tensor:
    raise RuntimeError("expected another shape")


def _plain(x: Tensor, weight: Tensor, bias: Tensor, other: Any, relu: bool, s: int) -> Tensor:
    return convolve(x, weight, bias, other, relu, (s, s), *SETTINGS[1:])


def _wrong(*given: Any) -> Tensor:
    return _plain(*given) * 1.01


@pytest.mark.parametrize(("layer", "is_used"), [(_plain, True), (_wrong, False), (_raising, False)])
def test_only_a_kernel_that_agrees_is_used(
    with_kernel: Any, layer: Callable[..., Tensor], is_used: bool
) -> None:
    called = with_kernel(layer)
    kinds = {"dtype": torch.bfloat16}
    x, weight = last(4, 16, 6, 6, seed=1, **kinds), last(16, 16, 3, 3, seed=2, **kinds)
    given = (x.to("cpu"), weight.to("cpu"), last(16, seed=3, **kinds).to("cpu"), None, True)
    expected = convolve(*given, *SETTINGS)
    for _ in range(3):
        torch.testing.assert_close(convolve_by_fastest(*given, *SETTINGS), expected)
    assert len(called) == (5 if is_used else 1)  # compared, timed, and used thrice


def test_a_kernel_that_fails_later_is_replaced(with_kernel: Any) -> None:
    calls = []

    def fails_later(*given: Any) -> Tensor:
        calls.append(1)
        return _plain(*given) if len(calls) < 4 else _raising()

    with_kernel(fails_later)
    kinds = {"dtype": torch.bfloat16}
    x, weight = last(4, 16, 6, 6, seed=1, **kinds), last(16, 16, 3, 3, seed=2, **kinds)
    given = (x.to("cpu"), weight.to("cpu"), last(16, seed=3, **kinds).to("cpu"), None, True)
    expected = convolve(*given, *SETTINGS)
    for _ in range(4):
        torch.testing.assert_close(convolve_by_fastest(*given, *SETTINGS), expected)
    assert len(calls) == 4


def test_a_folded_network_with_triton_runs_on_a_cpu() -> None:
    torch.manual_seed(0)
    model = Architecture("resnet8").build()
    data = (torch.randn(6, 3, 32, 32), torch.randint(10, (6,)))
    objective = Objective(model, F.cross_entropy, data)
    plane = Plane.random(objective.center, 0)
    network = folded(objective, plane, kernels="triton")
    assert network is not None
    points = [(0.0, 0.0), (0.1, -0.2)]
    found = [each.loss for each in run(Plan(network, "float32", 4), objective, points)]
    expected = [each.loss for each in run(reference_plan(objective, plane), objective, points)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
