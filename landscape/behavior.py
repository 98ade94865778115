"""How a model behaves: what it keeps between calls, what its loss depends on."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.utils._pytree import tree_leaves, tree_map

from landscape import trees
from landscape.trees import Tree, arguments
from landscape.unformed import Unformed

Loss = Callable[[Mapping[str, Tensor]], Tensor]
"""From parameters to losses."""

_LARGE = 2**22  # numbers of a tensor

_OF_TORCH = frozenset(vars(nn.Module()))  # attributes of every module


def call(model: nn.Module, inputs: Tree, tensors: Mapping[str, Tensor] | None = None) -> Tree:
    """Return the outputs of a model.

    Args:
        model: The model.
        inputs: A tensor; a tuple of positional arguments; or a dictionary of keyword arguments.
        tensors: Parameters and buffers, by name, in place of the model's own.
    """
    args, kwargs = arguments(inputs)
    if not tensors:
        return model(*args, **kwargs)
    return torch.func.functional_call(model, dict(tensors), args, kwargs)


@contextmanager
def fast_path(enabled: bool) -> Iterator[None]:
    """Switch the fast path of torch's transformer layers, and restore it afterwards.

    Its fused layers have no derivative, and for padded sequences other outputs than the layers
    themselves.

    Args:
        enabled: Whether it is used.
    """
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)


@contextmanager
def torch_settings(precision: str) -> Iterator[None]:
    """Set what decides how torch computes, and restore it afterwards.

    TF32 for products and convolutions in float32 on GPUs (by default torch enables it for
    convolutions); the fastest of cuDNN's algorithms for convolutions; not the fast path of torch's
    transformer layers, which for padded sequences returns other values than the layers
    themselves, and has no derivative; sums of products in float32 whatever the factors' type.

    Args:
        precision: ``tf32`` enables it; every other precision disables it.
    """
    tf32 = precision == "tf32"
    convolutions: Any = torch.backends.cudnn
    switches: list[tuple[Any, str, Any]]
    if hasattr(convolutions, "conv"):  # torch 2.9 and later warns of the old ones
        value = "tf32" if tf32 else "ieee"
        names = (convolutions.conv, convolutions.rnn)
        switches = [(owner, "fp32_precision", value) for owner in names]
    else:
        switches = [(convolutions, "allow_tf32", tf32)]
    switches.append((convolutions, "benchmark", True))
    # By default torch may round partial sums of long products to the type of the factors.
    for kind in ("fp16", "bf16"):
        name = f"allow_{kind}_reduced_precision_reduction"
        switches.append((torch.backends.cuda.matmul, name, False))
    before = [getattr(owner, name) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        with _products_in("high" if tf32 else "highest"), fast_path(False):
            yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    """Set the precision of products of float32, and restore it afterwards.

    By the function that sets torch's new switch and its old ones alike: where they differ, whoever
    reads an old one, as a model may, gets an error.

    Args:
        precision: As ``torch.set_float32_matmul_precision`` takes it.
    """
    products: Any = torch.backends.cuda.matmul
    new = getattr(products, "fp32_precision", None)
    try:
        old = torch.get_float32_matmul_precision()
    except RuntimeError:  # the user has set the new switch alone
        old = None
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        if old is not None:
            torch.set_float32_matmul_precision(old)
        if new is not None and products.fp32_precision != new:
            products.fp32_precision = new


def has_same_fast_path(model: nn.Module, inputs: Tree, outputs: Tree) -> bool:
    """Return whether the fast path of torch's transformer layers has the same outputs.

    Args:
        model: The model.
        inputs: Its inputs.
        outputs: Its outputs without the fast path.
    """
    layers = nn.MultiheadAttention | nn.TransformerEncoderLayer
    if not any(isinstance(module, layers) for module in model.modules()):
        return True
    with fast_path(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of nested tensors
        fast = call(model, trees.changed(Tensor.clone, inputs))
    return is_same(fast, outputs)


def without_effect(loss: Loss, parameters: Mapping[str, Tensor]) -> tuple[list[str], bool]:
    """Return the names of parameters that a loss does not depend on, as far as is known.

    Args:
        loss: From parameters to losses.
        parameters: The parameters.

    Returns:
        Names of those that no derivative reaches; and whether moving these changes the loss
        nonetheless, as where a model computes without gradients.

    Raises:
        ValueError: The loss depends on no parameter.
    """
    names = _unreached(loss, parameters)
    if not names:
        return [], False
    with torch.no_grad():
        before, after = loss(parameters), loss(moved(parameters, names))
    is_unchanged = torch.equal(before, after)
    if is_unchanged and len(names) == len(parameters):
        raise ValueError(
            "the loss does not depend on the model's parameters: does its forward call another "
            "instance, or return constants?"
        )
    return names, not is_unchanged


def moved(parameters: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return parameters of which some are moved by noise of their own size.

    Args:
        parameters: The parameters.
        names: Names of those that are moved.
    """

    def other(tensor: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(tensor.shape, generator=generator).to(tensor)
        return noise.mul_(tensor.abs().mean() + 0.1).add_(tensor)

    result = dict(parameters)
    for seed, name in enumerate(names):
        tensor = parameters[name]
        if tensor.numel() < _LARGE:
            result[name] = other(tensor, seed)
        else:  # not all of them exist at a time
            result[name] = Unformed(tensor, tensor.dtype, partial(other, tensor.detach(), seed))
    return result


def _unreached(loss: Loss, parameters: Mapping[str, Tensor]) -> list[str]:
    """Return the names of parameters that are not in the graph of the loss.

    All, if the loss has no graph.
    """
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
    # The graph alone is wanted, without the activations that it holds; but a model that
    # differentiates needs these.
    nothing: Any = lambda _: None  # noqa: E731
    dropped = torch.autograd.graph.saved_tensors_hooks(nothing, nothing)
    root = _graph(loss, leaves, dropped) or _graph(loss, leaves, nullcontext())
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [each for each, _ in node.next_functions]
    found = {id(getattr(node, "variable", None)) for node in seen}
    return [name for name, leaf in leaves.items() if id(leaf) not in found]


def _graph(loss: Loss, leaves: Mapping[str, Tensor], hooks: Any) -> Node | None:
    """Return the last node of the graph of a loss, or None without one."""
    try:
        with torch.enable_grad(), hooks, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of a parameter that is made a number
            return loss(leaves).grad_fn
    except Exception:  # a model that is not differentiable
        return None


class State:
    """What a model keeps from one forward pass to the next.

    Args:
        model: The model, before its first forward pass.

    Attributes:
        changed_buffers: Buffers that forward passes have changed, as they were at first; known
            when they are restored.
    """

    def __init__(self, model: nn.Module) -> None:
        self.changed_buffers: dict[str, Tensor] = {}
        self._model = model
        self._buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        self._attributes = self._others()

    def restore_buffers(self) -> None:
        """Give buffers their first values again."""
        now = dict(self._model.named_buffers())
        for name, before in self._buffers.items():
            if name not in now or not _equal(now[name], before):
                self.changed_buffers[name] = before
                self._set(name, before.clone())

    def changed_attributes(self) -> list[str]:
        """Return the names of other attributes that have changed."""
        before = self._attributes
        return [
            name
            for name, value in self._others().items()
            if name not in before or not _is_same_object(value, before[name])
        ]

    def restore(self) -> None:
        """Give buffers and attributes their first values again."""
        self.restore_buffers()
        for name in self.changed_attributes():
            if name in self._attributes:
                self._set(name, tree_map(lambda leaf: leaf, self._attributes[name][0]))
            else:
                module, attribute = self._place(name)
                delattr(module, attribute)

    def _place(self, name: str) -> tuple[nn.Module, str]:
        path, _, own = name.rpartition(".")
        return self._model.get_submodule(path), own

    def _set(self, name: str, value: Any) -> None:
        module, own = self._place(name)
        setattr(module, own, value)

    def _others(self) -> dict[str, tuple[Any, list[int]]]:
        """Return plain attributes of modules, with the versions of their tensors."""
        return {
            f"{path}.{name}" if path else name: (
                tree_map(lambda leaf: leaf, value),  # other lists and dictionaries
                [0 if t.is_inference() else t._version for t in trees.tensors(value)],
            )
            for path, module in self._model.named_modules()
            for name, value in vars(module).items()
            if name not in _OF_TORCH
        }


def _is_same_object(a: tuple[Any, list[int]], b: tuple[Any, list[int]]) -> bool:
    first, second = tree_leaves(a[0]), tree_leaves(b[0])
    return (
        len(first) == len(second)
        and a[1] == b[1]
        and all(
            x is y or (isinstance(x, int | float | str) and x == y)
            for x, y in zip(first, second, strict=True)
        )
    )


def _equal(a: Tensor, b: Tensor) -> bool:
    same = a.dtype == b.dtype and a.shape == b.shape
    return same and bool(((a == b) | (a.isnan() & b.isnan())).all())


def is_same(again: Tree, outputs: Tree) -> bool:
    """Return whether all tensors of outputs are the same, up to the rounding of other batches.

    Args:
        again: Outputs.
        outputs: The outputs that are expected.
    """
    pairs = zip(trees.tensors(again), trees.tensors(outputs), strict=True)
    return all(a.shape == b.shape and _is_close(a, b) for a, b in pairs)


def _is_close(again: Tensor, outputs: Tensor) -> bool:
    if not (outputs.is_floating_point() or outputs.is_complex()):
        return torch.equal(again, outputs)
    size = outputs.abs().nan_to_num(0.0, 0.0, 0.0)
    relative = max(1e-3, 4 * torch.finfo(outputs.dtype).eps)
    tolerance = relative * float(size.max()) if size.numel() else 0.0
    return torch.allclose(again, outputs, rtol=relative, atol=tolerance, equal_nan=True)
