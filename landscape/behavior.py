"""How a model behaves: what it keeps between calls, what its outputs depend on."""

import torch
from torch import Tensor, nn

from landscape import trees
from landscape.trees import Tree, arguments


def call(model: nn.Module, inputs: Tree) -> Tree:
    """Return the outputs of a model.

    Args:
        model: The model.
        inputs: A tensor; a tuple of positional arguments; or a dictionary of keyword arguments.
    """
    args, kwargs = arguments(inputs)
    return model(*args, **kwargs)


def without_fast_path(model: nn.Module, inputs: Tree) -> tuple[Tree, bool]:
    """Return the outputs of a model without torch's fast path of transformer layers.

    Args:
        model: The model.
        inputs: Its inputs.

    Returns:
        The outputs, and whether the fast path has the same, up to rounding.
    """
    was = torch.backends.mha.get_fastpath_enabled()
    has_any = any(
        isinstance(module, nn.MultiheadAttention | nn.TransformerEncoderLayer)
        for module in model.modules()
    )
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        outputs = call(model, trees.changed(Tensor.clone, inputs))
        if not (was and has_any):
            return outputs, True
        torch.backends.mha.set_fastpath_enabled(True)
        fast = call(model, trees.changed(Tensor.clone, inputs))
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
    pairs = zip(trees.tensors(fast), trees.tensors(outputs), strict=True)
    return outputs, all(a.shape == b.shape and is_close(a, b) for a, b in pairs)


def unused_parameters(model: nn.Module, inputs: Tree) -> list[str]:
    """Return the names of parameters that the outputs do not depend on, as far as is known.

    Args:
        model: The model.
        inputs: Inputs of some examples.

    Raises:
        ValueError: The outputs depend on no parameter, as where a forward that was replaced on
            the instance calls another instance.
    """
    generator = torch.Generator().manual_seed(0)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    noise = {n: torch.randn(p.shape, generator=generator).to(p) for n, p in parameters.items()}
    moved = {n: p + (p.abs().mean() + 0.1) * noise[n] for n, p in parameters.items()}
    args, options = arguments(trees.changed(Tensor.clone, inputs))
    with torch.no_grad():
        outputs, others = (
            trees.tensors(torch.func.functional_call(model, each, args, options))
            for each in (parameters, moved)
        )
    if outputs and all(torch.equal(a, b) for a, b in zip(outputs, others, strict=True)):
        raise ValueError(
            "the outputs do not depend on the model's parameters: does a forward that was replaced "
            "on the instance call another instance? Define forward in the class"
        )
    try:
        with torch.enable_grad():
            leaves = {name: p.clone().requires_grad_() for name, p in parameters.items()}
            results = trees.tensors(torch.func.functional_call(model, leaves, args, options))
            total = sum(t.double().sum() for t in results if t.requires_grad)
            gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)  # type: ignore[arg-type]
    except Exception:  # a model that is not differentiable
        return []
    return [name for name, g in zip(leaves, gradients, strict=True) if g is None]


class State:
    """What a model keeps from one forward pass to the next.

    Args:
        model: The model, before its first forward pass.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        self._attributes = self._others()

    def changed_buffers(self) -> dict[str, Tensor]:
        """Return the buffers that have changed, as they were at first, and restore them."""
        found = {}
        for name, before in self._buffers.items():
            path, _, own = name.rpartition(".")
            module = self._model.get_submodule(path)
            now = getattr(module, own)
            if now is None or now.shape != before.shape or not _equal(now, before):
                found[name] = before.clone()
                setattr(module, own, before.clone())
        return found

    def changed_attributes(self) -> list[str]:
        """Return the names of other attributes that have changed."""
        now = self._others()
        return [name for name, value in now.items() if self._attributes.get(name) is not value]

    def _others(self) -> dict[str, object]:
        """Return the tensors and numbers that are plain attributes of modules."""
        return {
            f"{path}.{name}" if path else name: value
            for path, module in self._model.named_modules()
            for name, value in vars(module).items()
            if not name.startswith("_") and isinstance(value, Tensor | int | float | list | tuple)
        }


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and bool(((a == b) | (a.isnan() & b.isnan())).all())


def is_close(again: Tensor, outputs: Tensor) -> bool:
    """Return whether outputs are the same, up to the rounding of other batches.

    Args:
        again: Outputs.
        outputs: The outputs that are expected.
    """
    if not outputs.is_floating_point():
        return torch.equal(again, outputs)
    tolerance = 1e-3 * float(outputs.nan_to_num(0.0, 0.0, 0.0).abs().max())
    return torch.allclose(again, outputs, rtol=1e-3, atol=tolerance, equal_nan=True)
