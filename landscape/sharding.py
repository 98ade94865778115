"""A network that is larger than a device: its weights are shards on several ranks (FSDP2).

Every rank holds its rows of the center and of a point, and draws its rows of the directions
(recipe 2): a point is formed without communication, since FSDP2 shards the first dimension, whose
indices are the filters. The module's whole parameters are gathered block by block while it runs,
with its own hooks; each rank computes its part of a batch.

Rank 0 scans as usual: for it the network is a module with one parameter, the coordinates of the
point, and the plane is that parameter's. The other ranks serve it.
"""

import copy
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from landscape import trees
from landscape.directions import RECIPES, normalization_parameters, random_rows
from landscape.errors import LandscapeError
from landscape.facts import Facts
from landscape.memory import return_freed_memory
from landscape.parameters import filter_norms
from landscape.plane import Plane
from landscape.random_numbers import UNIT
from landscape.trees import Tree

# Numbers of a point that are formed at a time.
_AT_A_TIME = 2**18

# Threads of gloo hold tensors of the last message for a moment; a process that ends meanwhile is
# aborted (https://github.com/pytorch/pytorch/issues/190489).
_SECONDS_TO_END = 0.5


class ShardedNetwork(nn.Module):
    """A network whose weights are shards, as a function of its place on a plane.

    Attributes:
        position: The coordinates (α, β) of the point, shape (2,).
    """

    def __init__(self, shards: "_Shards") -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(2))
        self._shards = shards

    def forward(self, *positional: Any, **named: Any) -> Tree:
        """Return the network's outputs at its place, which all ranks compute together."""
        alpha, beta = self.position.tolist()
        device = self.position.device
        outputs = self._shards.together((alpha, beta, positional, named))
        return trees.changed(lambda tensor: tensor.to(device), outputs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShardedNetwork":
        other = ShardedNetwork(self._shards)
        other.position = copy.deepcopy(self.position, memo)
        return other

    @property
    def plane(self) -> Plane:
        """The random, filter-normalized plane of the network's parameters."""
        zero, one = torch.zeros(2), torch.eye(2)
        origin: Facts = {
            "seed": self._shards.seed,
            "normalize": "filter",
            "directions": RECIPES[2],
        }
        center, delta, eta = ({"position": each} for each in (zero, one[0], one[1]))
        return Plane(center, delta, eta, origin=origin)

    @property
    def settings(self) -> Facts:
        """The settings of a scan that the shards add, a hash of all of them."""
        return {"shards_sha256": self._shards.fingerprint}


@contextmanager
def sharded(
    model: nn.Module,
    state: Mapping[str, Tensor] | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[ShardedNetwork | None]:
    """Shard a network over the ranks of a process group, and let the others serve rank 0.

    Start the script with ``torchrun --nproc-per-node N``, and call
    ``torch.distributed.init_process_group`` before.

    Args:
        model: The network, in full on every rank, or without weights (on the ``meta`` device).
        state: The weights and buffers of a network without weights: of each tensor the rank reads
            its rows alone, so that a file that is mapped into memory is never read in full.
        seed: Seed of the plane.
        device: The device of this rank.

    Yields:
        On rank 0 the network, to scan on its own plane; None on the others, when they have served.

    Raises:
        LandscapeError: The process has no group, or weights are missing.

    Example:
        >>> # torchrun --nproc-per-node 2 this.py
        >>> with sharded(model, device=device) as network:          # doctest: +SKIP
        ...     if network is not None:
        ...         objective = landscape.Objective(network, "cross_entropy", data, share=True)
        ...         objective = objective.described(settings=network.settings)
        ...         landscape.scan(objective, network.plane, file="large.h5")
    """
    if not dist.is_initialized():
        raise LandscapeError(
            "no process group: start with torchrun, and call torch.distributed.init_process_group"
        )
    shards = _Shards(model, state, seed, torch.device(device))
    if dist.get_rank() > 0:
        shards.serve()
        time.sleep(_SECONDS_TO_END)
        yield None
        return
    try:
        yield ShardedNetwork(shards)
    finally:
        shards.stop()
        time.sleep(_SECONDS_TO_END)


class _Shards:
    """The rows of a network's parameters that a rank holds, at any point of a plane."""

    def __init__(
        self,
        model: nn.Module,
        state: Mapping[str, Tensor] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        from torch.distributed.fsdp import fully_shard  # takes half as long as torch to import

        return_freed_memory()
        self.seed, self._at = seed, (0.0, 0.0)
        self._model, self._device = model.eval(), device
        self._unmoved = normalization_parameters(model)
        mesh = init_device_mesh(device.type, (dist.get_world_size(),))
        for block in _blocks(model):
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
        fully_shard(model, mesh=mesh, reshard_after_forward=True)
        self._center = {} if state is None else self._fill(state)
        for name, parameter in model.named_parameters():
            if name not in self._center:
                self._center[name] = _local(parameter).clone()

    def _fill(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take the rank's rows of all weights, and all buffers.

        Returns:
            The rows, in the state's own memory.

        Raises:
            LandscapeError: One is missing, or has another shape.
        """
        center = {}
        self._model.to_empty(device=self._device)
        for name, tensor in [*self._model.named_parameters(), *self._model.named_buffers()]:
            if name not in state or state[name].shape != tensor.shape:
                raise LandscapeError(f"the state has no {name} of shape {tuple(tensor.shape)}")
            if isinstance(tensor, nn.Parameter):
                local = _local(tensor)
                first = _first_row(tensor)
                center[name] = state[name][first : first + len(local)]
                local.copy_(center[name])
            else:
                tensor.copy_(state[name])
        return center

    @property
    def fingerprint(self) -> str:
        """A hash of the weights of all ranks and the buffers."""
        return str(self.together(None))

    def together(self, task: Any) -> Any:
        """Let all ranks work on a task, and return the result; for rank 0.

        Args:
            task: Coordinates and arguments of a forward pass; None for the hash of the weights.

        Returns:
            The outputs of a forward pass; or the hash.
        """
        dist.broadcast_object_list([("task", task)], src=0)
        return self._work(task)

    def serve(self) -> None:
        """Work on what rank 0 asks for, until it stops."""
        while True:
            message: list[Any] = [None]
            dist.broadcast_object_list(message, src=0)
            kind, task = message[0]
            if kind == "stop":
                return
            self._work(task)

    def stop(self) -> None:
        """Let the other ranks continue."""
        dist.broadcast_object_list([("stop", None)], src=0)

    @torch.no_grad()
    def _work(self, task: Any) -> Any:
        """Return the result of a task on rank 0, None on the others."""
        own = self._hash() if task is None else self._forward(*task)
        parts: list[Any] | None = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
        dist.gather_object(own, parts, dst=0)
        if parts is None:
            return None
        if task is None:
            return hashlib.sha256("".join(parts).encode()).hexdigest()
        outputs, is_split = parts[0]
        return trees.concatenated([part for part, _ in parts]) if is_split else outputs

    def _hash(self) -> str:
        found = hashlib.sha256()
        for name, tensor in [*self._center.items(), *self._model.named_buffers()]:
            found.update(name.encode())
            found.update(tensor.contiguous().flatten().cpu().view(torch.uint8).numpy().tobytes())
        return found.hexdigest()

    def _forward(self, alpha: float, beta: float, positional: Any, named: Any) -> tuple[Tree, bool]:
        """Return the outputs for this rank's part of a batch, on the CPU, and whether it is one."""
        self._move(alpha, beta)
        arguments = (positional, dict(named))
        num, ranks = trees.length(arguments), dist.get_world_size()
        is_split = num is not None and num >= ranks
        if is_split and num is not None:
            rank = dist.get_rank()
            some = slice(num * rank // ranks, num * (rank + 1) // ranks)
            arguments = trees.taken(arguments, some)
        positional, named = trees.changed(lambda tensor: tensor.to(self._device), arguments)
        outputs = self._model(*positional, **named)
        return trees.changed(lambda tensor: tensor.cpu(), outputs), is_split

    def _move(self, alpha: float, beta: float) -> None:
        """Form this rank's rows of a point, tensor by tensor."""
        if (alpha, beta) == self._at:
            return
        self._at = (alpha, beta)
        for name, parameter in self._model.named_parameters():
            if parameter.dim() < 2 or name in self._unmoved:
                continue
            local, center, first = _local(parameter), self._center[name], _first_row(parameter)
            step = max(1, _AT_A_TIME // max(1, local[0:1].numel()))
            for begin in range(0, len(local), step):
                end = min(begin + step, len(local))
                result = center[begin:end].double()
                norms = filter_norms(center[begin:end])
                for axis, coordinate in enumerate((alpha, beta)):
                    shape, ends = parameter.shape, (first + begin, first + end)
                    drawn = random_rows(name, shape, self.seed, axis, *ends).double() * UNIT
                    lengths = filter_norms(drawn)
                    scale = coordinate * torch.where(lengths > 0, norms / lengths, 0.0)
                    scale = scale.reshape(-1, *[1] * (drawn.dim() - 1))
                    result += (drawn * scale).to(result.device)
                local[begin:end] = result.to(local.dtype)


def _blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules that are gathered one after the other: the outermost ones in lists."""
    for module in model.children():
        if not isinstance(model, nn.ModuleList | nn.Sequential):
            yield from _blocks(module)
        elif any(True for _ in module.parameters()):
            yield module


def _local(parameter: Any) -> Tensor:
    """Return a rank's rows of a parameter that FSDP2 has sharded."""
    local: Tensor = parameter.to_local().detach()
    return local


def _first_row(parameter: Any) -> int:
    """Return the first row of a rank's shard: FSDP2 cuts as ``torch.chunk`` does."""
    rows = int(parameter.shape[0])
    each = -(-rows // dist.get_world_size())
    return min(dist.get_rank() * each, rows)
