"""What evaluation on a GPU needs: with stand-ins for torch's functions where none is at hand."""

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import devices, scan, scan_loop
from landscape.data import Batch, Data
from landscape.errors import DataError
from landscape.evaluation import reference_plan, run, strategy
from landscape.evaluation.flat_plane import FlatPlane
from landscape.evaluation.plan import Plan, values_at
from landscape.evaluation.precision import Precision
from landscape.evaluation.rewrites import batchnorm_folding, convolution, fastest_convolution
from landscape.evaluation.rewrites.batchnorm_folding import folded
from landscape.evaluation.rewrites.convolution import convolve
from landscape.evaluation.strategy import Strategy
from landscape.evaluation.trials import Trials
from landscape.memory import is_out_of_memory
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.values import Values
from tests.reporters import Recorder

POINTS = [(0.0, 0.0), (0.3, -0.2), (1.0, 1.0)]


@pytest.fixture
def resnet() -> Objective:
    model = Architecture("resnet8").build()
    model.train()(torch.randn(20, 3, 32, 32))
    data = (torch.randn(12, 3, 32, 32), torch.randint(10, (12,)))
    return Objective(model, F.cross_entropy, data, images_per_batch=5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", ["resnet20", "plain8"])
def test_every_weight_starts_at_128_bytes(name: str, dtype: torch.dtype) -> None:
    model = Architecture(name).build()
    data = (torch.randn(2, 3, 32, 32), torch.tensor([1, 2]))
    objective = Objective(model, F.cross_entropy, data)
    plane = Plane.random(objective.center, 0)
    network = folded(objective, plane, dtype)
    assert network is not None
    flat = FlatPlane.of(network.plane, network.channels_last)
    several = flat.at_many(torch.tensor([[0.1, 0.2], [0.3, 0.4]]), dtype)
    for views in (flat.at(torch.tensor([0.1, 0.2]), dtype), {k: v[1] for k, v in several.items()}):
        for key, view in views.items():
            assert view.storage_offset() * view.element_size() % 128 == 0, key
            expected = network.plane.center[key] + 0.1 * network.plane.delta[key]
            assert view.shape == expected.shape


def test_values_are_waited_for_on_their_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[Any] = []
    entered: list[torch.device] = []

    @contextmanager
    def device(which: torch.device) -> Iterator[None]:
        entered.append(which)
        yield

    class Event:
        def record(self, stream: Any) -> None:
            recorded.append(stream)

        def synchronize(self) -> None:
            recorded.append("waited")

    host: Any = SimpleNamespace(copy_=lambda _, non_blocking: recorded.append(non_blocking))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda which=None: ("stream of", which))
    monkeypatch.setattr(torch, "empty", lambda *_, **__: host)
    second = torch.device("cuda", 1)
    values: Any = SimpleNamespace(shape=(3,), dtype=torch.float64, device=second)
    download = devices.Download(values)
    assert entered == [second]
    assert recorded == [True, ("stream of", second)]
    assert download.arrived() is host
    assert recorded[-1] == "waited"


def test_a_dropped_strategy_frees_its_data_at_once(resnet: Objective) -> None:
    plane = Plane.random(resnet.center, 0)
    base = reference_plan(resnet, plane)
    network = folded(resnet, plane)
    assert network is not None
    kinds = [base, replace(base, points_per_batch=2), replace(base, network=network)]
    gc.collect()
    gc.disable()
    try:
        for plan in kinds:
            strategy: Strategy | None = plan.on(resnet)
            assert strategy is not None
            list(strategy(POINTS))
            seen = weakref.ref(strategy)
            strategy = None
            assert seen() is None, str(plan)
    finally:
        gc.enable()


class Failing(nn.Module):
    """A network that fails, or gives no finite number, at its ``at``-th forward pass."""

    def __init__(self, error: Exception | None, at: int) -> None:
        super().__init__()
        self.linear, self.error, self.at, self.calls = nn.Linear(4, 3), error, at, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at and self.error is not None:
            raise self.error
        y: Tensor = self.linear(x)
        return y * math.inf if self.calls == self.at else y


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA error: an illegal instruction"), ["failed (CUDA error: an illegal"]),
        (RuntimeError("CUDA error: out of memory"), ["out of memory; continuing"]),
        (None, []),
    ],
)
def test_an_optimized_plan_cannot_end_a_scan(error: Exception | None, said: list[str]) -> None:
    torch.manual_seed(0)
    good, bad = Failing(None, -1), Failing(error, 3)
    bad.load_state_dict(good.state_dict())
    data = (torch.randn(6, 4), torch.randint(3, (6,)))
    objective = Objective(good, F.cross_entropy, data)
    plane = Plane.random(objective.center, 0)
    reference = reference_plan(objective, plane)

    def forward(parameters: Parameters, inputs: Any) -> Tensor:
        outputs: Tensor = torch.func.functional_call(bad, dict(parameters), (inputs,))
        return outputs

    optimized = replace(reference.network, name="optimized", forward=forward)
    plan = replace(reference, network=optimized, reference=reference)
    notes: list[str] = []
    found = list(run(plan, objective, POINTS * 2, notes.append))
    expected = [v[:3] for v in run(reference, objective, POINTS * 2)]
    np.testing.assert_allclose([v[:3] for v in found], expected, rtol=1e-6)
    assert len(notes) == len(said)
    assert all(text in note for text, note in zip(said, notes, strict=True))
    alone = replace(plan, reference=None)
    bad.calls = 0
    if error is not None and not is_out_of_memory(error):
        with pytest.raises(RuntimeError, match="illegal instruction"):
            list(run(alone, objective, POINTS * 2))


def test_out_of_memory_is_recognized_in_all_its_forms() -> None:
    for text in ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling"):
        assert is_out_of_memory(RuntimeError(text))
    assert is_out_of_memory(torch.cuda.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("CUDA error: misaligned address"))


@pytest.mark.parametrize(
    ("precision", "largest", "is_used"),
    [("float16", 0.05, True), ("float16", 0.001, False), ("float32", 0.05, False)],
)
def test_float16_may_overflow_at_a_few_probes(
    resnet: Objective, precision: Precision, largest: float, is_used: bool
) -> None:
    plane = Plane.random(resnet.center, 0)
    trials = Trials(resnet, plane, POINTS, "auto", 100, print)
    reference = trials.reference.network

    def forward(parameters: Parameters, inputs: Any) -> Tensor:
        exact = {name: tensor.float() for name, tensor in parameters.items()}
        moved = exact["linear.weight"] - plane.center["linear.weight"]
        outputs: Tensor = reference.forward(exact, inputs.float())
        return outputs * (math.inf if moved.norm() / moved.numel() ** 0.5 > largest else 1.0)

    network = replace(reference, forward=forward, name="overflows")
    plan = Plan(network, precision, 12)
    trials.run(plan)
    assert (plan in trials.measured) == is_used


def test_gpus_that_cannot_be_used_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first has no kernels, the second is full, the third is used."""
    kernels = "CUDA error: no kernel image is available for execution on the device"

    def ones(*_: int, device: torch.device) -> Tensor:
        if device.index == 0:
            raise RuntimeError(kernels)
        return torch.zeros(1, 1, 3, 3) + 1

    monkeypatch.setattr(devices, "wait", lambda _: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(devices, "entered", lambda _: nullcontext())
    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.setattr(
        devices, "free_gpu_bytes", lambda device: 3e8 if device.index == 1 else 7e10
    )
    devices._trouble.cache_clear()
    try:
        usable, reasons = devices.usable_gpus()
        assert usable == [torch.device("cuda", 2)] == devices.choose_devices("auto")
        assert devices.choose_device("auto") == torch.device("cuda", 2)
        assert reasons == [
            f"cuda:0 is not used: {kernels}",
            "cuda:1 is not used: 0.3 GB of its memory are free, expected 1.0 GB",
        ]
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        assert devices.choose_devices("auto") == [torch.device("cpu")]
    finally:
        devices._trouble.cache_clear()


def test_data_that_do_not_fit_on_a_device_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def to(self: Data, *_: Any) -> Data:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 12 GiB")

    monkeypatch.setattr(Data, "to", to)
    data = (torch.randn(6, 4), torch.randint(3, (6,)))
    with pytest.raises(DataError, match=r"the data \(1.44e-07 GB\) do not fit into the memory of"):
        Objective(nn.Linear(4, 3), data=data, device="cpu")


def test_a_hessian_takes_smaller_batches_where_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = (torch.randn(12, 4), torch.randint(3, (12,)))
    objective = Objective(nn.Linear(4, 3), data=data, device="cpu")
    pytest.importorskip("curvlinops")  # a machine that only evaluates does without
    from landscape.curvature import Hessian
    from landscape.curvature.operator import HessianOperator

    expected = Hessian(objective).matrix()
    gradients, sizes = HessianOperator._gradients, []

    def limited(self: HessianOperator, number: int, batch: Batch) -> tuple[Tensor, ...]:
        sizes.append(batch.num)
        if batch.num > 3:
            raise RuntimeError("CUDA error: out of memory")
        return gradients(self, number, batch)

    monkeypatch.setattr(HessianOperator, "_gradients", limited)
    np.testing.assert_allclose(Hessian(objective).matrix(), expected, rtol=1e-5, atol=1e-7)
    assert sizes[:3] == [12, 6, 3]


def test_the_value_of_a_point_takes_smaller_batches_where_memory_runs_out() -> None:
    class Small(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > limit:
                raise RuntimeError("CUDA error: out of memory")
            return super().forward(x)

    limit = 100
    data = (torch.randn(12, 4), torch.randint(3, (12,)))
    objective = Objective(Small(4, 3), data=data, device="cpu")
    expected = values_at(objective, objective.center)
    limit = 3
    np.testing.assert_allclose(values_at(objective, objective.center)[:3], expected[:3], rtol=1e-6)


def test_finished_points_are_compared_with_the_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A plan that is right in the trials, and wrong later."""
    torch.manual_seed(0)
    data = (torch.randn(12, 4), torch.randint(3, (12,)))
    objective = Objective(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), data=data)
    notes = Recorder()
    good = scan(objective, grid=11, file=tmp_path / "good.h5", progress=notes)
    stored = landscape.load(tmp_path / "good.h5")
    assert stored.provenance == good.provenance
    assert float(stored.provenance["deviation_checked"]) < 1e-5
    assert not any("deviate" in note for note in notes.notes)
    of_points = run

    def wrong(plan: Plan, *args: Any, **options: Any) -> Iterator[Values]:
        factor = 1.0 if plan.reference is None else 1.05
        for values in of_points(plan, *args, **options):
            yield values._replace(loss=values.loss * factor)

    monkeypatch.setattr(scan_loop, "run", wrong)
    bad = scan(objective, grid=11, file=tmp_path / "bad.h5", progress=notes)
    assert float(bad.provenance["deviation_checked"]) == pytest.approx(0.05, rel=1e-3)
    assert any("deviate from the reference by up to 0.05" in note for note in notes.notes)


class Waits(nn.Module):
    """A network that reads a value from the device."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y * (1.0 if y.sum().item() > math.inf else 2.0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_network_that_waits_is_not_recorded_and_leaves_torch_as_it_was() -> None:
    device = torch.device("cuda")
    data = (torch.randn(6, 4), torch.randint(3, (6,)))
    objective = Objective(Waits(), F.cross_entropy, data, device=device)
    plan = reference_plan(objective, Plane.random(objective.center, 0))
    before = torch.cuda.current_stream()
    with pytest.raises(RuntimeError):
        replace(plan, cuda_graph=True).on(objective)
    assert torch.cuda.current_stream() == before
    assert torch.cuda.get_sync_debug_mode() == 0
    assert torch.rand(3, device=device).sum().item() > 0
    expected = list(run(plan, objective, POINTS))
    falls_back = replace(plan, cuda_graph=True, reference=plan)
    notes: list[str] = []
    found = run(falls_back, objective, POINTS, notes.append)
    np.testing.assert_allclose([v[:3] for v in found], [v[:3] for v in expected])
    assert len(notes) == 1


def test_a_fused_network_moves_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In half precision: an image of ResNet-56 is read and written once for each convolution."""
    moved = 0

    def counted(x: Tensor, weight: Tensor, bias: Tensor, other: Any, *args: Any) -> Tensor:
        nonlocal moved
        out = convolve(x, weight, bias, other, *args)
        moved += 2 * sum(t.numel() for t in (x, out, other) if t is not None)
        return out

    for name in ("convolve", "convolve_by_cudnn"):
        monkeypatch.setattr(batchnorm_folding, name, counted)
    model = Architecture("resnet56").build()
    objective = Objective(model, data=(torch.randn(1, 3, 32, 32), torch.tensor([1])), device="cpu")
    network = batchnorm_folding.folded(
        objective, Plane.random(objective.center, 0), kernels="cudnn"
    )
    assert network is not None
    moved = 0
    with torch.no_grad():
        network.forward(network.plane.center, objective.inputs)
    assert 2.5e6 < moved <= 2.7e6


@pytest.mark.parametrize(("relu", "keeps"), [(torch.relu, True), (torch.nan_to_num, False)])
def test_kernels_that_make_zeros_of_nan_are_not_used(
    relu: Callable[[Tensor], Tensor], keeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def by_cudnn(x: Tensor, weight: Tensor, bias: Tensor, other: Any, *args: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return relu(convolve(x, weight, bias, other, False, *args[1:]))

    for module in (convolution, fastest_convolution):
        monkeypatch.setattr(module, "convolve_by_cudnn", by_cudnn)
    monkeypatch.setattr(fastest_convolution, "_CHOSEN", {})
    monkeypatch.setattr(
        fastest_convolution, "_seconds", lambda kernel, _: 1.0 if kernel is by_cudnn else 2.0
    )
    convolution.cudnn_keeps_nan.cache_clear()
    try:
        assert convolution.cudnn_keeps_nan(torch.device("cpu"), torch.float32) == keeps
        calls = 0
        x, weight = torch.randn(2, 5, 6, 6), torch.randn(4, 5, 3, 3)
        settings = ((1, 1), (1, 1), (1, 1), 1)
        fastest_convolution.convolve_by_fastest(x, weight, torch.randn(4), None, True, *settings)
        assert calls == keeps
    finally:
        convolution.cudnn_keeps_nan.cache_clear()


def test_data_are_converted_batch_by_batch_where_a_copy_would_fill_the_memory(
    resnet: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane.random(resnet.center, 0)
    network = folded(resnet, plane, torch.bfloat16)
    assert network is not None
    plan = Plan(network, "bfloat16", 4)
    copied = plan.on(resnet)
    monkeypatch.setattr(strategy, "free_bytes", lambda _: 1000.0)
    converting = plan.on(resnet)
    assert list(converting(POINTS)) == list(copied(POINTS))

    def kept(each: Any) -> set[torch.dtype]:
        return {batch.inputs.dtype for batch in each._batches}

    assert kept(copied) == {torch.bfloat16}
    assert kept(converting) == {torch.float32}


def test_every_strategy_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch compiles at most eight functions of the same code, and no others, in silence."""
    compiled = []

    def backend(graph: Any, _: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **more: compile_(f, backend=backend, **more))
    data = (torch.randn(5, 4), torch.randint(3, (5,)))
    for number in range(1, 13):
        objective = Objective(nn.Linear(4, 3), data=data, device="cpu")
        plan = replace(reference_plan(objective, Plane.random(objective.center, 0)), compiled=True)
        list(plan.on(objective)(POINTS))
        assert len(compiled) >= number
