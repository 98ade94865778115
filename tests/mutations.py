"""Damaged copies of files of every kind, and their readers: for tests and tools/stress_files.py."""

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from landscape import checkpoints, datasets, hdf5
from landscape.checkpoints import Checkpoint
from landscape.commands.info import as_one_line, facts_of
from landscape.curvature_map import Curvature
from landscape.datasets.cifar import read_cifar10
from landscape.datasets.mnist import read_mnist
from landscape.grid import Grid
from landscape.interchange import read
from landscape.interchange.li2018 import load_directions
from landscape.models import Architecture
from landscape.overlays import Mark, Trajectory
from landscape.surface import Surface
from tests.conftest import ROOT

_NUMBERS = (0, 1, 255, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
_NET = Architecture("mlp2x4", in_channels=1, image_size=2)


@dataclass(frozen=True)
class Sample:
    """A file and what reads it.

    Attributes:
        name: File name, in a folder of its own.
        content: The bytes of a whole file.
        read: Reads the file at a path.
    """

    name: str
    content: bytes
    read: Callable[[Path], object]


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Return a damaged copy: bytes changed, a range zeroed or swapped, or the end cut off.

    Args:
        content: The whole file.
        random: Random numbers.
    """
    data, size = bytearray(content), len(content)
    place, other = (int(k) for k in random.integers(size, size=2))
    length = int(random.integers(1, 65))
    kind = random.integers(8)
    if kind < 4:
        for at in random.integers(size, size=1 if kind < 2 else length // 8 + 1):
            data[at] ^= int(random.integers(1, 256))
    elif kind == 4:
        data[place : place + length] = bytes(len(data[place : place + length]))
    elif kind == 5:
        del data[place:]
    elif kind == 6:
        first, second = data[place : place + length], data[other : other + length]
        data[place : place + len(second)], data[other : other + len(first)] = second, first
    else:
        number = _NUMBERS[random.integers(len(_NUMBERS))]
        data[place : place + 8] = number.to_bytes(8, "little")
    return bytes(data)


def surface() -> Surface:
    """Return a surface with everything that a file may hold."""
    grid = Grid.regular((4, 3))
    values = np.arange(12.0).reshape(4, 3)
    two = np.array([0.0, 1.0])
    return replace(
        Surface.empty(grid, {"seed": 0, "images": 64, "data": "digits"}, {"name": "a"}),
        losses=values,
        accuracies=values / 12,
        standard_errors=values / 100,
        examples=np.full((4, 3), 64),
        evaluated=np.ones((4, 3), dtype=bool),
        metrics={"norm": values},
        curvature=Curvature.empty(grid),
        marks=(Mark("other", 0.5, 0.25, 1.0, 2.0),),
        trajectories=(Trajectory("run", two, two, two, two, two, two),),
    )


def samples(folder: Path) -> Mapping[str, Sample]:
    """Return a whole file of every kind, with its reader.

    Args:
        folder: For temporary files.
    """
    center = dict(_NET.build().named_parameters())
    direction = {name: torch.ones_like(each) for name, each in center.items()}
    path = folder / "a"
    found: dict[str, Sample] = {}

    def add(kind: str, reader: Callable[[Path], object], name: str = "a") -> None:
        found[kind] = Sample(name, path.read_bytes(), reader)

    def directions_of(path: Path) -> object:
        return load_directions(path, {k: v.detach() for k, v in center.items()}, list(center))

    surface().save(path)
    add("surface", _shown, "a.h5")
    with hdf5.SurfaceFile(path, overwrite=True) as file:
        file.write(surface(), (direction, direction))
    add("surface with directions", directions_of, "a.h5")
    path.write_bytes((ROOT / "tests" / "data" / "surface-v2.h5").read_bytes())
    add("surface of version 2", _shown, "a.h5")
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["ycoordinates"] = np.arange(4.0), np.arange(3.0)
        file["train_loss"], file["train_acc"] = np.ones((4, 3)), np.ones((4, 3))
        file["dir_file"] = "directions.h5"
    add("surface of Li et al.", read, "a.h5")
    with h5py.File(path, "w") as file:
        for key in ("xdirection", "ydirection"):
            for number, tensor in enumerate(direction.values()):
                file[f"{key}/{number}"] = tensor.detach().numpy()
    add("directions of Li et al.", directions_of, "a.h5")
    state = _NET.build().state_dict()
    Checkpoint(state, _NET, "digits", history={"train_loss": [1.0]}).save(path)
    add("checkpoint", _built, "a.pt")
    torch.save({"model": state, "epoch": 3}, path)
    add("state_dict", _built, "a.pt")
    torch.save(state, path, _use_new_zipfile_serialization=False)
    add("state_dict before torch 1.6", _built, "a.pt")
    x, y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 3
    with path.open("wb") as raw:
        np.savez_compressed(raw, x=x, y=y)
    add("arrays x and y", _labeled, "a.npz")
    with path.open("wb") as raw:
        np.save(raw, x)
    add("array of losses", lambda path: read(path, alpha=(-1, 1), beta=(-1, 1)), "a.npy")
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4])))
    add("MNIST", lambda p: read_mnist("train", p.parent), "train-images-idx3-ubyte.gz")
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        info.size = 2000
        archive.addfile(info, io.BytesIO(bytes(2000)))
    add("CIFAR-10", lambda p: read_cifar10("test", p.parent), "cifar-10-python.tar.gz")
    return found


def _shown(path: Path) -> str:
    return as_one_line(facts_of(hdf5.load(path)))


def _built(path: Path) -> Any:
    found = checkpoints.load(path)
    return found.model() if found.net is not None else found.unwrapped


def _labeled(path: Path) -> int:
    return datasets.load(str(path)).num_classes
