"""Hessian-vector products with curvlinops, by double backward."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from curvlinops import HessianLinearOperator
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.data import Batch
from landscape.errors import LandscapeError, first_line
from landscape.evaluation import torch_settings
from landscape.memory import free_bytes, is_out_of_memory
from landscape.objective import Objective
from landscape.trees import Tree

_DETACHED = (
    "the gradient is detached from the graph (custom backward without double-backward support?)"
)


class HessianOperator(HessianLinearOperator):  # type: ignore[misc]
    """curvlinops' Hessian with products by reverse mode twice.

    Its own take the forward derivative of the gradient, which torch (2.13) has wrong for layer
    normalization: the matrix was not even symmetric.

    The gradients of a point, which are the larger part of a product's memory and a quarter of its
    time, are kept from one product to the next, for as many batches as half of the free memory
    holds.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: dict[int, tuple[Tensor, ...]] = {}
        self._most: int | None = None  # batches whose gradients are kept, once it is known
        free = free_bytes(self._params[0].device)
        self._reserve = free / 2 if math.isfinite(free) else math.inf

    def forget(self) -> None:
        """Let go what was kept of a point."""
        self._kept.clear()

    def _gradients(self, number: int, batch: Batch) -> tuple[Tensor, ...]:
        """Return the gradients of a batch's share of the loss, with the graph that made them."""
        if number in self._kept:
            return self._kept[number]
        loss = self._loss_func(self._model_func(batch.inputs), batch)
        if not loss.requires_grad:  # it does not depend on these parameters
            return tuple(map(torch.zeros_like, self._params))
        gradients = torch.autograd.grad(
            loss, self._params, create_graph=True, materialize_grads=True
        )
        if self._most is None and free_bytes(gradients[0].device) < self._reserve:
            self._most = len(self._kept)
        if self._most is None or len(self._kept) < self._most:
            self._kept[number] = gradients
        return gradients

    def _matmat_batch(self, X: dict[str, Any], y: Tensor, M: list[Tensor]) -> list[Tensor]:  # noqa: N803
        """Return the products of one batch.

        Args:
            X: The batch and its number.
            y: Not used.
            M: Columns, one tensor per parameter with a last dimension more.

        Raises:
            RuntimeError: The loss is not twice differentiable.
        """
        with torch.enable_grad():
            gradients = self._gradients(X["number"], X["batch"])
            curved = [g.requires_grad for g in gradients]
            products = []
            for column in range(M[0].shape[-1]):
                along = sum(
                    (g * m[..., column]).sum()
                    for g, m, depends in zip(gradients, M, curved, strict=True)
                    if depends
                )
                parts: Sequence[Tensor | None] = [None] * len(self._params)
                if isinstance(along, Tensor):  # not for a loss that is linear in all parameters
                    parts = torch.autograd.grad(
                        along, self._params, retain_graph=True, allow_unused=True
                    )
                    if all(part is None for part in parts):
                        raise RuntimeError(_DETACHED)
                products.append(
                    [
                        torch.zeros_like(p) if part is None else part
                        for part, p in zip(parts, self._params, strict=True)
                    ]
                )
        return [torch.stack(columns, -1).detach() for columns in zip(*products, strict=True)]


class ShareOfLoss(nn.Module):
    """The part that a batch has in the loss over all data, in the form that curvlinops takes.

    Args:
        objective: The objective.
    """

    reduction = "sum"

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self._loss, self._dtype = objective.loss, objective.dtype
        self._total = objective.total_weight

    def forward(self, outputs: Tree, batch: Batch) -> Tensor:  # noqa: D102
        losses = self._loss(outputs, batch.targets, batch.num)[0]
        return (losses.sum() / self._total).to(self._dtype)


def batches_of(objective: Objective) -> list[tuple[dict[str, Any], Tensor]]:
    """Return the batches of an objective in the form that curvlinops takes.

    Args:
        objective: The objective.
    """
    empty = torch.empty(0, device=objective.device)
    return [({"number": k, "batch": batch}, empty) for k, batch in enumerate(objective.batches)]


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Keep torch from fused attention and layers, which have no second derivative.

    Raises:
        LandscapeError: A second derivative does not exist, or memory runs out.
    """
    try:
        with sdpa_kernel(SDPBackend.MATH), torch_settings("float32"):
            yield
    except (RuntimeError, NotImplementedError, MemoryError) as error:
        if is_out_of_memory(error):
            raise LandscapeError(
                "out of memory in a product with the Hessian: take a smaller images_per_batch"
            ) from error
        raise LandscapeError(
            f"the net or the loss cannot be differentiated twice: {first_line(error)}"
        ) from error
