"""A disk that is full while a scan or a training writes: what was acknowledged stays."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import landscape
from landscape import checkpoints, datasets, scan_loop
from landscape.hdf5.writer import Writer
from landscape.models import Architecture
from landscape.training.recipe import Recipe
from landscape.training.trainer import train
from tests.scans import scan


class FullAfter:
    """A function that fails once it has been called so often, having done half of its work."""

    def __init__(self, function: Any, calls: int) -> None:
        self._function, self._left = function, calls

    def __get__(self, owner: Any, _: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                data = bytes(arguments[-1])
                self._function(owner, *arguments[:-1], data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))
            return self._function(owner, *arguments)

        return call


@pytest.mark.parametrize("calls", [0, 3, 7, 23, 50, 51, 52, 53, 54])
def test_a_scan_keeps_its_points(
    mlp: nn.Module, vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    path = tmp_path / "a.h5"
    whole = scan(mlp, data=vectors, points=4)
    monkeypatch.setattr(scan_loop, "_SECONDS_PER_COMMIT", 0.0)
    acknowledged = [np.zeros((4, 4), dtype=bool)]
    commit = Writer.commit

    def noted(writer: Writer) -> None:
        commit(writer)
        acknowledged.append(landscape.load(path).evaluated)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "commit", noted)
        patch.setattr(Writer, "_write", FullAfter(Writer._write, calls))
        with pytest.raises(OSError, match="No space left"):
            scan(mlp, data=vectors, points=4, path=path)
    found = landscape.load(path)
    np.testing.assert_array_equal(found.evaluated, acknowledged[-1])
    np.testing.assert_allclose(
        found.losses[found.evaluated], whole.losses[found.evaluated], rtol=1e-5
    )
    resumed = scan(mlp, data=vectors, points=4, path=path)
    np.testing.assert_allclose(resumed.losses, whole.losses, rtol=1e-5)


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 4])
def test_a_training_keeps_its_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    def go() -> checkpoints.Checkpoint:
        data = datasets.load("digits").first(64)
        recipe = Recipe(epochs=2, images_per_batch=32)
        return train(
            Architecture("resnet8", in_channels=1), data, None, recipe, tmp_path, save_every=1
        )

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", FullAfter(Path.write_bytes, calls))
        with pytest.raises(OSError, match="No space left"):
            go()
    names = ["initial.pt", "epoch-001.pt", "last.pt", "epoch-002.pt"]
    assert {each.name for each in tmp_path.iterdir()} == set(names[:calls])
    assert {checkpoints.load(each).epoch for each in tmp_path.iterdir()} <= {0, 1, 2}
    assert go().epoch == 2
