"""A network whose modules that nothing moves are computed once for all points.

Where a plane moves only some layers, the modules before the first of them receive the same inputs
and have the same weights at every point. Their outputs are kept for every batch.
"""

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.behavior import call
from landscape.evaluation.rewrites.network import Network, moves_only_parameters
from landscape.memory import free_bytes
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.trees import Tree

_SAMPLE = 4
_POINTS = (0.0, 0.0), (0.37, -0.53)  # where the inputs of modules are compared
_MEMORY = 0.25  # of the free memory may hold outputs


def with_cache(objective: Objective, plane: Plane, dtype: torch.dtype) -> Network | None:
    """Return the network that keeps the outputs of modules that do not change, or None.

    None where all modules change, or their outputs do not fit into memory.

    Args:
        objective: The objective.
        plane: The plane.
        dtype: Floating-point type of the forward pass.
    """
    if not moves_only_parameters(objective, plane):
        return None
    moved = {
        name
        for name in plane.center
        if bool(plane.delta[name].any()) or bool(plane.eta[name].any())
    }
    model = copied(objective.model).to(dtype)
    modules = _unmoved(model, moved)
    if not modules:
        return None
    calls = _Calls(modules)
    sample = objective.data.part(0, min(_SAMPLE, objective.num_images)).batches[0]
    inputs = trees.changed(lambda t: t.to(dtype) if t.is_floating_point() else t, sample.inputs)
    points = [
        {name: tensor.to(dtype) for name, tensor in plane.at(*point).items()} for point in _POINTS
    ]
    with torch.no_grad():
        calls.find(model, inputs, points)
        if not calls.kept:
            return None
        size = calls.record(model, inputs) / sample.num
    if size * objective.num_images > _MEMORY * free_bytes(objective.device):
        return None
    outputs: dict[int, list[Tree]] = {}

    def forward(parameters: Parameters, inputs: Tree) -> Tree:
        first = trees.tensors(inputs)[0]
        if id(first) not in outputs:
            calls.record(model, inputs)
            outputs[id(first)] = calls.outputs
            weakref.finalize(first, outputs.pop, id(first), None)
        with calls.replayed(outputs[id(first)]):
            return call(model, inputs, parameters)

    return Network(f"{len(calls.kept)} modules cached", plane, forward, compiles=False)


def _unmoved(model: nn.Module, moved: set[str], prefix: str = "") -> list[nn.Module]:
    """Return the outermost modules that hold no moved parameter."""
    found = []
    for name, child in model.named_children():
        path = f"{prefix}{name}."
        if any(each.startswith(path) for each in moved):
            found += _unmoved(child, moved, path)
        elif any(True for _ in child.parameters()):
            found.append(child)
    return found


class _Calls:
    """The calls of some modules in a forward pass, by their number.

    Attributes:
        kept: Numbers of the calls whose inputs do not depend on what is moved.
        outputs: Outputs of these calls, in order, of the last recording.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.kept: list[int] = []
        self.outputs: list[Tree] = []
        self._number = 0
        self._handle: Callable[[int, Callable[..., Tree], Any, Any], Tree] | None = None
        for module in dict.fromkeys(modules):
            module.forward = functools.partial(self._call, module.forward)

    def find(self, model: nn.Module, inputs: Tree, points: Sequence[Parameters]) -> None:
        """Find the calls to keep: their inputs are the same at two points of the plane."""
        seen: list[list[list[Tensor]]] = []
        for parameters in points:
            arrived: list[list[Tensor]] = []

            def note(_: int, forward: Callable[..., Tree], args: Any, options: Any) -> Tree:
                arrived.append([t.clone() for t in trees.tensors((args, options))])  # noqa: B023
                return forward(*args, **options)

            with _Handled(self, note):
                call(model, inputs, parameters)
            seen.append(arrived)
        first, second = seen
        if len(first) == len(second):
            self.kept = [
                number
                for number, pair in enumerate(zip(first, second, strict=True))
                if len(pair[0]) == len(pair[1])
                and all(a.equal(b) for a, b in zip(*pair, strict=True))
            ]

    def record(self, model: nn.Module, inputs: Tree) -> float:
        """Run the unmodified model, and keep the outputs.

        Returns:
            Their size in bytes.
        """
        self.outputs = []

        def keep(number: int, forward: Callable[..., Tree], args: Any, options: Any) -> Tree:
            result = forward(*args, **options)
            if number in self.kept:
                self.outputs.append(result)
            return result

        with _Handled(self, keep):
            call(model, inputs)
        return float(sum(t.numel() * t.element_size() for t in trees.tensors(self.outputs)))

    def replayed(self, outputs: Sequence[Tree]) -> "_Handled":
        """Return a context in which kept calls return their outputs without being computed."""
        by_number = dict(zip(self.kept, outputs, strict=True))

        def answer(number: int, forward: Callable[..., Tree], args: Any, options: Any) -> Tree:
            return by_number[number] if number in by_number else forward(*args, **options)

        return _Handled(self, answer)

    def _call(self, forward: Callable[..., Tree], *args: Any, **options: Any) -> Tree:
        number, self._number = self._number, self._number + 1
        if self._handle is None:
            return forward(*args, **options)
        return self._handle(number, forward, args, options)


class _Handled:
    """A context in which the calls of one forward pass are handled."""

    def __init__(self, calls: _Calls, handle: Any) -> None:
        self._calls, self._new = calls, handle

    def __enter__(self) -> None:
        self._calls._number, self._calls._handle = 0, self._new

    def __exit__(self, *_: object) -> None:
        self._calls._handle = None
