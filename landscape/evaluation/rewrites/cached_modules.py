"""A network whose modules that nothing moves are computed once for all points.

Where a plane moves only some layers, the modules before the first of them receive the same inputs
and have the same weights at every point. Their outputs are kept for every batch.
"""

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.behavior import call
from landscape.brief import brief
from landscape.evaluation.rewrites.network import Network, moves_only_parameters
from landscape.memory import free_bytes
from landscape.modules import copied, move_tensor
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree

CACHED = "modules cached"
"""Name of the network."""

_SAMPLE = 4
_COMPARED_AT = (0.0, 0.0), (0.37, -0.53)  # inputs of modules; the center first
_MEMORY = 0.25  # of the free memory may hold outputs

Compute = Callable[[], Tree]
"""Computes the output of a call."""

Handle = Callable[[int, nn.Module, Compute, Any], Tree]
"""From number, module, computation and arguments of a call to its output."""


def with_cache(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    """Return the network that keeps the outputs of modules that do not change, or None.

    None where all modules change, where their outputs do not fit into memory or are changed in
    place, or where the model does not run in the type.

    A forward pass raises a ``RuntimeError`` if it calls other modules than the one before it, or
    changes what is kept: then another plan is needed.

    Args:
        objective: The objective.
        plane: The plane.
        dtype: Floating-point type of the forward pass.
    """
    if not moves_only_parameters(objective, plane):
        return None
    model = copied(objective.model)
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = move_tensor(buffer, buffer.device, dtype)
    modules = _unmoved(model, plane.moved)
    if not modules:
        return None
    calls = _Calls(modules)
    sample = objective.data.part(0, min(_SAMPLE, objective.num_images)).batches[0]
    inputs = trees.changed(lambda t: t.to(dtype) if t.is_floating_point() else t, sample.inputs)
    points = [
        {name: tensor.to(dtype) for name, tensor in plane.at(*point).items()}
        for point in _COMPARED_AT
    ]
    center = points[0]
    try:
        with torch.no_grad():
            calls.find(model, inputs, points)
            size = calls.record(model, inputs, center).size / sample.num
    except Exception:  # whatever a user's model raises in another type
        return None
    if not calls.kept or size * objective.num_images > _MEMORY * free_bytes(objective.device):
        return None
    recordings: dict[tuple[int, ...], _Recording] = {}

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        tensors = trees.tensors(inputs)
        key = tuple(map(id, tensors))
        if key not in recordings or not recordings[key].is_current:
            for other in [other for other, each in recordings.items() if not each.is_current]:
                del recordings[other]  # of batches that are gone
            recordings[key] = calls.record(model, inputs, center)
            recordings[key].inputs = tuple(map(weakref.ref, tensors))
        return calls.replay(recordings[key], model, inputs, parameters)

    return Network(CACHED, plane, forward, compiles=False)


def _unmoved(model: nn.Module, moved: frozenset[str]) -> list[nn.Module]:
    """Return the outermost modules that hold parameters, of which none is moved."""
    own = {id(p) for name, p in model.named_parameters(remove_duplicate=False) if name in moved}

    def within(module: nn.Module) -> list[nn.Module]:
        found = []
        for child in module.children():
            parameters = {id(parameter) for parameter in child.parameters()}
            if parameters & own:  # also one that is tied to a moved one
                found += within(child)
            elif parameters:
                found.append(child)
        return found

    return within(model)


@dataclass(eq=False)
class _Recording:
    """What is kept of the forward pass of a batch.

    Attributes:
        modules: The module of every call, in order.
        outputs: Outputs of the calls that are kept, by number of the call.
        versions: Of the tensors in them: a change in place raises it.
        inputs: References to the tensors of the batch, by whose identities it is found.
    """

    modules: list[nn.Module] = field(default_factory=list)
    outputs: dict[int, Tree] = field(default_factory=dict)
    versions: dict[int, list[int]] = field(default_factory=dict)
    inputs: Sequence["weakref.ref[Tensor]"] = ()

    __repr__ = brief

    @property
    def is_current(self) -> bool:
        """Whether the batch still exists."""
        return all(reference() is not None for reference in self.inputs)

    @property
    def size(self) -> float:
        """Size of the outputs in bytes."""
        tensors = trees.tensors(tuple(self.outputs.values()))
        return float(sum(t.numel() * t.element_size() for t in tensors))

    @property
    def changed(self) -> set[int]:
        """Numbers of the calls whose outputs were changed in place."""
        return {n for n, out in self.outputs.items() if _versions(out) != self.versions[n]}

    def keep(self, number: int, output: Tree) -> None:
        """Keep the output of a call."""
        self.outputs[number], self.versions[number] = output, _versions(output)


def _versions(tree: Tree) -> list[int]:
    return [tensor._version for tensor in trees.tensors(tree)]


class _Calls:
    """The calls of some modules in a forward pass, by their number.

    Attributes:
        kept: Numbers of the calls whose inputs do not depend on what is moved.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.kept: set[int] = set()
        self._number = 0
        self._handle: Handle | None = None
        for module in dict.fromkeys(modules):
            module.forward = functools.partial(self._call, module, module.forward)

    def find(self, model: nn.Module, inputs: Tree, points: Sequence[Parameters]) -> None:
        """Find the calls to keep: inputs are the same at two points, outputs stay unchanged.

        Inputs that happen to agree for this sample at these points are taken for constant: the
        losses of the plan are compared with the reference's as those of every plan.
        """
        seen: list[list[list[Tensor]]] = []
        recording = _Recording()
        for parameters in points:
            arrived: list[list[Tensor]] = []
            recording = _Recording()

            def note(number: int, module: nn.Module, compute: Compute, given: Any) -> Tree:  # noqa: ARG001
                arrived.append([tensor.clone() for tensor in trees.tensors(given)])  # noqa: B023
                output = compute()
                recording.keep(number, output)  # noqa: B023
                return output

            self._run(note, model, inputs, parameters)
            seen.append(arrived)
        first, second = seen
        if len(first) == len(second):
            self.kept = {
                number
                for number, pair in enumerate(zip(first, second, strict=True))
                if len(pair[0]) == len(pair[1])
                and all(a.equal(b) for a, b in zip(*pair, strict=True))
            } - recording.changed

    def record(self, model: nn.Module, inputs: Tree, center: Parameters) -> _Recording:
        """Return what is kept of a batch, computed at the center.

        Raises:
            RuntimeError: What is kept was changed in place.
        """
        recording = _Recording()

        def keep(number: int, module: nn.Module, compute: Compute, _: Any) -> Tree:
            output = compute()
            recording.modules.append(module)
            if number in self.kept:
                recording.keep(number, output)
            return output

        self._run(keep, model, inputs, center)
        self._check(recording)
        return recording

    def replay(
        self, recording: _Recording, model: nn.Module, inputs: Tree, parameters: Parameters
    ) -> Tree:
        """Return the outputs of a model; kept calls return their outputs without being computed.

        Raises:
            RuntimeError: The forward pass called other modules, or changed what is kept.
        """
        called: list[nn.Module] = []

        def answer(number: int, module: nn.Module, compute: Compute, _: Any) -> Tree:
            called.append(module)
            same = recording.modules[number : number + 1] == [module]
            return recording.outputs[number] if same and number in self.kept else compute()

        outputs = self._run(answer, model, inputs, parameters)
        if called != recording.modules:
            raise RuntimeError("the forward pass calls other modules at some points")
        self._check(recording)
        return outputs

    def _check(self, recording: _Recording) -> None:
        if recording.changed:
            raise RuntimeError("the forward pass changes the outputs of a module in place")

    def _run(
        self, handle: "Handle", model: nn.Module, inputs: Tree, parameters: Parameters
    ) -> Tree:
        """Return the outputs of a forward pass whose calls are handled."""
        self._number, self._handle = 0, handle
        try:
            return call(model, inputs, parameters)
        finally:
            self._handle = None

    def _call(
        self, module: nn.Module, forward: Callable[..., Tree], *args: Any, **options: Any
    ) -> Tree:
        compute = functools.partial(forward, *args, **options)
        number, self._number = self._number, self._number + 1
        if self._handle is None:
            return compute()
        return self._handle(number, module, compute, (args, options))
