"""``landscape doctor``: a machine that is right, and faults that it must find."""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from landscape import devices, doctor
from landscape.commands.doctor import command, self_check
from landscape.doctor import Finding, convolutions, machine, plans, recording, report
from landscape.doctor.memory import check_memory
from landscape.doctor.subjects import Subject, subjects
from landscape.doctor.workers import check_workers
from landscape.errors import LandscapeError
from landscape.evaluation import cuda_graph, reference_plan, rewrites, strategy
from landscape.evaluation.autotune import _networks
from landscape.evaluation.precision import DTYPES
from landscape.evaluation.rewrites.convolution import convolve
from landscape.evaluation.rewrites.network import Network, unmodified
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Values
from tests.reporters import Recorder

CPU = torch.device("cpu")

pytestmark = pytest.mark.slow  # every plan of several networks


@pytest.fixture(scope="module")
def networks() -> list[Subject]:
    """The networks, of which none is compiled."""
    return [replace(each, is_compiled=False) for each in subjects()]


@pytest.mark.slow
def test_a_cpu_is_right() -> None:
    result = CliRunner().invoke(command, ["--device", "cpu", "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["reference_is_right"]
    by_name = {each["name"]: each for each in found["findings"]}
    assert [each for each in found["findings"] if each["state"] == "wrong"] == []
    assert sum(each["is_reference"] for each in found["findings"]) == 2 * len(subjects())
    for name in ("cpu: out of memory", "cpu: scan of 5×5 points"):
        assert by_name[name]["state"] == "right"
    assert by_name["cpu: CUDA graph"]["state"] == "not used"
    for text in ("torch", "AVX-512"):
        assert any(text in each["text"] for each in found["findings"])


@pytest.mark.parametrize("is_right", [True, False])
def test_the_report_ends_with_a_block_for_an_issue(
    is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [
        Finding("hardware", "measured", "a chip"),
        Finding("plan", "right" if is_right else "wrong", "deviation 1", is_reference=True),
        Finding("fused", "wrong", "deviation 2"),
        Finding("tf32", "not used", "none"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda _, **options: iter(findings))
    result = CliRunner().invoke(command, ["--device", "cpu"])
    assert result.exit_code == (0 if is_right else 1)
    lines, _, block = result.stdout.partition("\n\n")
    assert lines.splitlines()[0] == "· hardware: a chip"
    assert block.strip().endswith("```")
    assert f"{int(is_right)} of 2 checks right" in block
    assert "✗ fused: deviation 2" in block
    assert "- tf32: not used: none" in block
    assert ("✓ plan: deviation 1" in lines) == is_right
    result = CliRunner().invoke(command, ["--device", "cpu", "--json"])
    assert json.loads(result.stdout)["reference_is_right"] == is_right
    recorder = Recorder()
    if is_right:
        self_check([CPU], recorder)
        assert recorder.notes[-1] == "self-check: the reference plan is right"
    else:
        with pytest.raises(LandscapeError, match="the reference plan is wrong"):
            self_check([CPU], recorder)
    assert "✗ fused: deviation 2" in recorder.notes


def test_a_wrong_device_is_a_usage_error() -> None:
    assert CliRunner().invoke(command, ["--device", "tpu"]).exit_code == 2


def test_every_rewrite_of_autotuning_is_checked(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (plans, rewrites):
        monkeypatch.setattr(module, "is_gpu", lambda _: True)
    for subject in networks:
        objective = subject.objective(CPU, torch.float32)
        plane = subject.plane.to(CPU, torch.float32)
        checked = {plan.network.name for plan in plans._plans(objective, plane, "float32")}
        base = reference_plan(objective, plane)
        tried = _networks(objective, plane, base, DTYPES["float32"])
        assert {network.name for network in tried} <= checked


def wrong_ones(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == "wrong"]


@pytest.mark.slow
def test_a_plan_that_is_wrong_by_5_percent_is_found(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = strategy.Strategy._read

    def wrong(self: Any, values: Tensor) -> list[Values]:
        factor = 1.05 if self._network.name == "BatchNorm folded" else 1.0
        return [each._replace(loss=factor * each.loss) for each in read(self, values)]

    monkeypatch.setattr(strategy.Strategy, "_read", wrong)
    findings = list(plans.check_plans(CPU, networks[:1]))
    assert [each.name.split(": ")[1].split(", 5")[0] for each in wrong_ones(findings)] == [
        f"BatchNorm folded, {precision}" for precision in ("float32", "float64", "bfloat16")
    ]
    assert all("deviation 5" in each.text for each in wrong_ones(findings))
    assert doctor.reference_is_right(findings)


def test_values_that_are_read_before_they_arrive_are_found(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_busy = False

    class Early:
        """A download whose event does not wait for a device that is busy."""

        def __init__(self, values: Tensor) -> None:
            self._values = torch.zeros_like(values) if is_busy else values

        def arrived(self) -> Tensor:
            return self._values

    def keep_busy(_: torch.device) -> None:
        nonlocal is_busy
        is_busy = True

    monkeypatch.setattr(strategy, "is_gpu", lambda _: True)
    monkeypatch.setattr(strategy, "Download", Early)
    assert not wrong_ones(list(plans.check_plans(CPU, networks[2:3])))  # it is idle
    monkeypatch.setattr(plans, "keep_busy", keep_busy)
    findings = list(plans.check_plans(CPU, networks[2:3]))
    assert all(each.state != "right" for each in findings)
    assert all("before they arrive" in each.text for each in wrong_ones(findings))
    assert not doctor.reference_is_right(findings)


def test_a_plan_that_reads_uninitialized_memory_is_found(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 0.0  # what free memory holds

    def fill(_: torch.device, value: float) -> None:
        nonlocal free
        free = value

    def careless(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network:
        network = unmodified(objective, plane, dtype)

        def forward(parameters: Any, inputs: Any) -> Any:
            return network.forward(parameters, inputs) + 0 * free

        return replace(network, name="careless", forward=forward)

    monkeypatch.setattr(plans, "fill_free_memory", fill)
    monkeypatch.setattr(plans, "REWRITES", {**rewrites.REWRITES, "careless": careless})
    findings = wrong_ones(list(plans.check_plans(CPU, networks[2:3])))
    assert len(findings) == 3
    for finding in findings:
        assert "careless" in finding.name
        assert "reads uninitialized memory" in finding.text


def as_if_on_a_gpu(monkeypatch: pytest.MonkeyPatch, recorder: Any, state: Any) -> None:
    """Let plans be recorded on the CPU."""
    monkeypatch.setattr(plans, "is_gpu", lambda _: True)
    monkeypatch.setattr(recording, "is_gpu", lambda _: True)
    monkeypatch.setattr(recording, "gpu_state", state)
    monkeypatch.setattr(cuda_graph, "Recording", recorder)


class Refusing:
    """A recording that raises."""

    def __init__(self, work: Callable[[], Tensor], device: torch.device) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


class Accepting:
    """A recording that takes everything."""

    def __init__(self, work: Callable[[], Tensor], device: torch.device) -> None:
        self.replay = work


def test_a_capture_that_raises_is_not_used(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_on_a_gpu(monkeypatch, Refusing, lambda _: {"current stream": 0})
    findings = [*plans.check_plans(CPU, networks[2:3]), recording.check_recording(CPU)]
    graphs = [each for each in findings if "CUDA graph" in each.name]
    assert len(graphs) > 3
    for finding in graphs:
        assert finding.state == "not used"
        assert finding.text == "RuntimeError: operation not permitted when stream is capturing"
    assert not wrong_ones(findings)


def test_a_capture_that_changes_torch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = iter(range(2))
    as_if_on_a_gpu(monkeypatch, Refusing, lambda _: {"current stream": next(streams), "mode": 0})
    finding = recording.check_recording(CPU)
    assert (finding.state, finding.text) == ("wrong", "a recording changes torch's current stream")


def test_a_recorded_network_that_waits_is_found(
    networks: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_on_a_gpu(monkeypatch, Accepting, lambda _: {"current stream": 0})
    finding = recording.check_recording(CPU)
    assert (finding.state, finding.text) == (
        "wrong",
        "a network that waits for the device is recorded",
    )
    found = list(plans.check_plans(CPU, networks[2:3]))
    assert any(each.state == "right" and "CUDA graph" in each.name for each in found)


@pytest.mark.parametrize(
    ("free", "error", "said"),
    [
        (2e8, None, "0.2 GB of its memory are free, expected 1.0 GB"),
        (
            8e9,
            "CUDA error: no kernel image is available for execution on the device\nmore",
            "CUDA error: no kernel image is available for execution on the device",
        ),
    ],
)
def test_a_full_card_and_one_without_kernels_are_skipped(
    free: float, error: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convolution(*_: Tensor) -> Tensor:
        raise RuntimeError(error)

    monkeypatch.setattr(devices, "is_gpu", lambda _: True)
    monkeypatch.setattr(devices, "entered", lambda _: nullcontext())
    monkeypatch.setattr(devices, "free_gpu_bytes", lambda _: free)
    monkeypatch.setattr(torch, "conv2d", convolution)
    monkeypatch.setattr(report, "subjects", list)
    findings = list(doctor.examine([CPU]))
    assert findings[1:] == [Finding("cpu", "not used", said)]
    assert doctor.reference_is_right(findings)


def test_a_check_that_raises_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: Any, **__: Any) -> Any:
        raise RuntimeError("illegal memory access\nmore")

    monkeypatch.setattr(Subject, "objective", raises)
    findings = list(doctor.examine([CPU], speed=False))
    text = "RuntimeError: illegal memory access"
    assert Finding("cpu: plans", "wrong", text, is_reference=True) in findings
    assert findings[-1] == Finding("cpu: scan of 5×5 points", "wrong", text)
    assert not doctor.reference_is_right(findings)


def test_a_convolution_with_other_numbers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given: Any) -> Tensor:
        return 1.05 * convolve(*given)

    monkeypatch.setattr(convolutions, "_KERNELS", {"plain": wrong})
    found = list(convolutions.check_convolutions(CPU))
    assert any(each.state == "wrong" and "deviation 0.05" in each.text for each in found), found


def test_a_convolution_that_makes_zeros_of_nan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not wrong_ones(list(convolutions.check_convolutions(CPU)))

    def forgets(*given: Any) -> Tensor:
        return convolve(*given).nan_to_num(0.0)

    def not_finite(*given: Any) -> Tensor:
        return convolve(*given) * math.inf

    for kernel, text in ((forgets, "finite loss"), (not_finite, "are not finite")):
        monkeypatch.setattr(convolutions, "_KERNELS", {"plain": kernel})
        found = list(convolutions.check_convolutions(CPU))
        assert wrong_ones(found) == found != []
        assert all(text in each.text for each in found)


def test_a_scan_that_does_not_halve_its_batches_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_memory(CPU).state == "right"
    monkeypatch.setattr("landscape.evaluation.plan.is_out_of_memory", lambda _: False)
    finding = check_memory(CPU)
    assert (finding.state, finding.text) == ("wrong", "MemoryError: MemoryError")


def test_the_memory_of_a_gpu_is_limited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 1e9)
    memory = SimpleNamespace(total_memory=8e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: memory)
    with devices.limited_gpu_memory(CPU, 1e9):
        assert shares == [0.25]
    assert shares == [0.25, 1.0]


def test_facts_of_a_gpu_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"get_device_capability": (9, 0), "get_arch_list": ["sm_80", "sm_90"]}
    for name, value in facts.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    assert devices.gpu_facts(CPU)["capability"] == "9.0 (in sm_80, sm_90)"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (12, 0))
    assert devices.gpu_facts(CPU)["capability"] == "12.0 (not in sm_80, sm_90)"
    assert machine.chip(CPU).state == "measured"


@pytest.mark.slow
def test_processes_on_several_devices_find_the_same_losses() -> None:
    finding = check_workers([CPU, CPU])
    assert finding.state == "right", finding
