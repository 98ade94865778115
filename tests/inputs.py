"""Wrong inputs, which must be refused: damaged files, wrong arrays, code that fails."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from landscape.grid import Grid
from landscape.models import Architecture
from landscape.surface import Surface

BROKEN = """
from torch.nn.functional import cross_entropy
def make():
    return 1 / 0
def total(o, t):
    return cross_entropy(o, t, reduction='sum') ** 2
class leave:
    def __init__(self):
        raise SystemExit(0)
def strict(o, t):
    raise ValueError('never')
x = 3
"""
"""A user's file: a model that cannot be built, losses that are none."""

ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"x": np.zeros(3)}, "expected arrays x and y"),
    ({"x": np.zeros((3, 2)), "y": np.zeros(2)}, r"shapes \(3, 2\) and \(2,\)"),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "one example or more"),
    ({"x": np.array([{}]), "y": np.zeros(1)}, "expected arrays x and y of numbers"),
    ({"x": np.array(["a"]), "y": np.zeros(1)}, "arrays of numbers"),
]
"""Arrays that are no data set, and what is said of them."""


class Bomb:
    """Creates a file when it is unpickled.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def truncate(path: Path, keep: int) -> None:
    """Keep so many bytes of a file; all but so many if negative."""
    path.write_bytes(path.read_bytes()[:keep])


def diverged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of which the last tensor of real numbers is NaN."""
    last = next(name for name in reversed(list(state)) if state[name].is_floating_point())
    return {**state, last: state[last] * torch.nan}


def no_surface(path: Path) -> None:
    """Write a file that is named like a surface and is not even HDF5."""
    path.write_bytes(b"not HDF5 at all")


def original_surface(path: Path) -> None:
    """Write a surface in the layout of the code of Li et al."""
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["train_loss"] = np.zeros(3), np.zeros((3, 2))


def wrong_inputs(folder: Path, plain: Path, resnet: Path) -> None:
    """Fill a folder with wrong inputs, and with right ones from which they differ.

    Args:
        folder: The folder.
        plain: A checkpoint.
        resnet: That of another architecture.
    """
    _checkpoints(folder, plain, resnet)
    _data(folder)
    _surfaces(folder)
    (folder / "broken.py").write_text(BROKEN)
    (folder / "file").write_text("not a folder")


def _checkpoints(folder: Path, plain: Path, resnet: Path) -> None:
    good = plain.read_bytes()
    for name in ("good.pt", "same.pt", "same2.pt", "truncated.pt"):
        (folder / name).write_bytes(good)
    truncate(folder / "truncated.pt", len(good) // 2)
    (folder / "other.pt").write_bytes(resnet.read_bytes())
    content = torch.load(plain, weights_only=True)
    weights = content["state_dict"]
    bent = {name: t + 1 if t.is_floating_point() else t for name, t in weights.items()}
    changed: dict[str, dict[str, object]] = {
        "nan.pt": {**content, "state_dict": diverged(weights)},
        "bent.pt": {**content, "state_dict": bent},
        "evil.pt": {**content, "data": "broken.py:make"},
        "code.pt": {"state_dict": Bomb(folder / "ran")},
        "bare.pt": Architecture("resnet14").build().state_dict(),
    }
    for name, each in changed.items():
        torch.save(each, folder / name)
    for name in ("lonely", "still"):
        (folder / name).mkdir()
        (folder / name / "last.pt").write_bytes(good)
    for epoch in (7, 8, 9):  # three nets that are one
        torch.save({**content, "epoch": epoch}, folder / "still" / f"epoch-00{epoch}.pt")


def _data(folder: Path) -> None:
    np.savez(folder / "shape.npz", x=np.zeros((9, 3, 8, 8), np.float32), y=np.zeros(9, int))
    np.savez(folder / "labels.npz", x=np.zeros((9, 1, 8, 8), np.float32), y=np.arange(9) + 2)
    np.savez(folder / "vectors.npz", x=np.zeros((9, 3), np.float32), y=np.zeros(9, int))


def _surfaces(folder: Path) -> None:
    for name, shape in (("x.h5", (3, 2)), ("line.h5", (3, 1))):
        surface = Surface.empty(Grid.regular(shape), {}, {})
        surface.losses[:], surface.evaluated[:] = 1.0, True
        surface.save(folder / name)
    original_surface(folder / "original.h5")
    (folder / "folder.h5").mkdir()
    (folder / "taken").mkdir()
    no_surface(folder / "taken" / "connection.h5")
