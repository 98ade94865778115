"""Damaged files of every reader: read or refused, with no other exception."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from landscape import hdf5
from landscape.errors import LandscapeError, SurfaceFileError
from landscape.surface import ARRAYS
from tests.mutations import mutated, samples, surface

_INPUTS = 30
_KINDS = (
    "surface",
    "surface with directions",
    "surface of version 2",
    "surface of Li et al.",
    "directions of Li et al.",
    "checkpoint",
    "state_dict",
    "state_dict before torch 1.6",
    "arrays x and y",
    "array of losses",
    "MNIST",
    "CIFAR-10",
)


def test_every_reader_is_tried(tmp_path: Path) -> None:
    assert tuple(samples(tmp_path)) == _KINDS


def test_a_damaged_surface_that_is_read_has_its_own_values(tmp_path: Path) -> None:
    whole, sample, path = surface(), samples(tmp_path)["surface"], tmp_path / "a.h5"
    random, num = np.random.default_rng(1), 0
    for _ in range(_INPUTS):
        path.write_bytes(mutated(sample.content, random))
        try:
            found = hdf5.load(path)
        except SurfaceFileError:
            continue
        num += 1
        assert found.grid == whole.grid
        for name in ARRAYS:
            values, expected = (each.array(name)[found.evaluated] for each in (found, whole))
            np.testing.assert_array_equal(values, expected)
    assert 0 < num < _INPUTS


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_damaged_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    """`make stress` tries many more."""
    sample = samples(tmp_path)[kind]
    path = tmp_path / sample.name
    random = np.random.default_rng(zlib.crc32(kind.encode()))
    messages = []
    for _ in range(_INPUTS):
        path.write_bytes(mutated(sample.content, random))
        try:
            sample.read(path)
        except LandscapeError as error:
            messages.append(str(error).strip())
    assert messages
    assert all(len(message.splitlines()) == 1 for message in messages)
