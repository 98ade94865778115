"""A script for ``torchrun``: scan a network whose weights are shards, and write its losses."""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape.objective import Objective
from landscape.sharding import sharded


class Net(nn.Module):
    """With every type of parameter: filters, BatchNorm, LayerNorm, blocks in a list, odd sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(80, 80), nn.LayerNorm(80), nn.Tanh()) for _ in range(3)
        )
        self.head = nn.Linear(80, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x))).flatten(1)
        for block in self.blocks:
            x = x + block(x)
        y: Tensor = self.head(x)
        return y


def network() -> Net:
    """Return the network, with statistics."""
    torch.manual_seed(0)
    model = Net()
    model.train()(torch.randn(30, 1, 6, 6))
    return model.eval()


def data() -> tuple[Tensor, Tensor]:
    """Return 23 images with labels."""
    torch.manual_seed(1)
    return torch.randn(23, 1, 6, 6), torch.randint(3, (23,))


def main(folder: Path, source: str) -> None:
    """Scan, from a full model or from a state that is mapped into memory."""
    dist.init_process_group("gloo")
    model, state = network(), None
    if source == "state":
        if dist.get_rank() == 0:
            torch.save(model.state_dict(), folder / "state.pt")
        dist.barrier()
        state = torch.load(folder / "state.pt", mmap=True, weights_only=True)
        with torch.device("meta"):
            model = Net()
    with sharded(model, state, seed=3) as net:
        if net is not None:
            objective = Objective(net, F.cross_entropy, data(), device="cpu")
            objective = objective.described(settings=net.settings)
            for _ in range(2):  # the second is resumed: nothing is evaluated
                surface = landscape.scan(objective, net.plane, (5, 4), file=folder / "s.h5")
            np.save(folder / "losses.npy", surface.losses)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
