"""Check every plan that a scan may choose against a naive loop in float64 on the CPU."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from landscape.behavior import torch_settings
from landscape.devices import computes_in, is_gpu, keep_busy, release
from landscape.doctor.finding import Finding, State, checked, reason
from landscape.doctor.subjects import IMAGES_PER_BATCH, POINTS, Subject, deviation
from landscape.evaluation.plan import Plan, reference_plan
from landscape.evaluation.precision import DTYPES, Precision
from landscape.evaluation.rewrites import REWRITES
from landscape.evaluation.rewrites.first_layers import SHARED
from landscape.evaluation.rewrites.network import UNMODIFIED, Network
from landscape.evaluation.strategy import Strategy
from landscape.memory import keep_freed_memory
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree

# Largest relative deviations of the losses of small networks that are rounding.
ROUNDING: Mapping[str, float] = {
    "float64": 1e-10,
    "float32": 1e-4,
    "tf32": 0.005,
    "float16": 0.005,
    "bfloat16": 0.02,
}

_PRECISIONS: Sequence[Precision] = ("float32", "float64", "tf32", "bfloat16", "float16")

_POINTS_AT_ONCE = 3  # does not divide the number of points

# Bytes of the tensors that fill free memory: small ones fill what freed tensors have left.
_SIZES = [2**k for k in range(8, 26)]
_COPIES = 4


@dataclass(frozen=True, eq=False)
class _Case:
    """A plan of a network's objective."""

    subject: Subject
    objective: Objective
    plan: Plan
    is_reference: bool = False

    @property
    def name(self) -> str:
        return f"{self.subject.name}: {self.plan}"


def check_plans(device: torch.device, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Yield a finding for every plan of some networks on a device.

    Args:
        device: The device.
        subjects: The networks.
    """
    for precision in _PRECISIONS:
        if not computes_in(precision, device):
            yield Finding(precision, "not used", f"{device} has no fast arithmetic of it")
            continue
        for subject in subjects:
            for case in _cases(subject, device, precision):
                check = partial(_check, case)
                yield checked(case.name, check, is_reference=case.is_reference)


def _cases(subject: Subject, device: torch.device, precision: Precision) -> Iterator[_Case]:
    """Yield the plans of a network in one precision."""
    own: Precision = "float64" if precision == "float64" else "float32"
    objective = subject.objective(device, DTYPES[own])
    plane = subject.plane.to(device, objective.dtype)
    reference = reference_plan(objective, plane)
    if precision == own:
        yield _Case(subject, objective, reference, is_reference=True)
    if precision == "float32" and subject.is_compiled:
        yield _Case(subject, objective, replace(reference, compiled=True))
    for plan in _plans(objective, plane, precision):
        if str(plan) != str(reference):
            yield _Case(subject, objective, plan)
        if is_gpu(device):
            yield _Case(subject, objective, replace(plan, cuda_graph=True))


def _plans(objective: Objective, plane: Plane, precision: Precision) -> Iterator[Plan]:
    """Yield the plans of an objective in one precision, without CUDA graphs."""
    for name, rewrite in REWRITES.items():
        network = rewrite(objective, plane, DTYPES[precision])
        if network is None:
            continue
        plan = Plan(network, precision, network.num_images or IMAGES_PER_BATCH)
        yield plan
        is_vectorized = name in (UNMODIFIED, SHARED)
        if is_vectorized and DTYPES[precision] == objective.dtype and precision != "tf32":
            yield replace(plan, points_per_batch=_POINTS_AT_ONCE)


def _check(case: _Case) -> Finding:
    """Return whether a plan is right: with a busy device, and with NaN in all free memory."""

    def finding(state: State, text: str) -> Finding:
        return Finding(case.name, state, text, case.is_reference)

    plan, expected = case.plan, case.subject.losses
    allowed = ROUNDING[plan.precision]
    busy = replace(plan, network=_busy(plan.network, case.objective.device))
    try:
        with torch_settings(plan.precision):
            strategy = busy.on(case.objective)
            fill_free_memory(case.objective.device, 0.0)
            first = deviation(_losses(strategy), expected)
            if first > allowed:
                waited = deviation(_losses_waited_for(strategy), expected)
            fill_free_memory(case.objective.device, math.nan)
            second = deviation(_losses(strategy), expected)
    except Exception as error:  # whatever a kernel raises
        if case.is_reference:
            raise
        return finding("not used", reason(error))
    finally:
        release(case.objective.device)
    limit = f"expected at most {allowed:.0e}"
    if first > allowed >= waited:
        return finding("wrong", f"values are read before they arrive: deviation {first:.1e}")
    if first > allowed:
        return finding("wrong", f"deviation {first:.1e}, {limit}")
    if second > allowed:
        return finding("wrong", f"reads uninitialized memory: deviation {second:.1e}, {limit}")
    return finding("right", f"deviation {max(first, second):.1e}")


def _busy(network: Network, device: torch.device) -> Network:
    """Return the network with a long step: values that are not waited for are wrong."""

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        keep_busy(device)
        return network.forward(parameters, inputs)

    return replace(network, forward=forward)


def _losses(strategy: Strategy) -> list[float]:
    return [values.loss for values in strategy(POINTS)]


@torch.no_grad()
def _losses_waited_for(strategy: Strategy) -> list[float]:
    """Return the losses at the points, each read by a copy that waits."""
    coordinates = torch.tensor(POINTS, dtype=strategy.dtype, device=strategy.device)
    steps = [
        strategy.step(point.expand(strategy.points_per_batch, 2))[:1].tolist()
        for point in coordinates.unsqueeze(1)
    ]
    return [float(loss) for ((loss, *_),) in steps]


def fill_free_memory(device: torch.device, value: float) -> None:
    """Write a value to free memory, for what reads memory that it has not written.

    Args:
        device: The device.
        value: The value.
    """
    keep_freed_memory()
    tensors = [
        torch.full((size // 4,), value, device=device) for size in _SIZES for _ in range(_COPIES)
    ]
    del tensors
