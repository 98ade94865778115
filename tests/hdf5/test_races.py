"""Processes that write one file at the same moment: one wins, and all of its points stay."""

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import landscape
from landscape.errors import LandscapeError
from landscape.surface import Surface
from tests.scans import scan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="forks"),
]
ROUNDS, PROCESSES = 12, 4


def at_once(act: Any, path: Path, num: int = PROCESSES) -> dict[int, str]:
    """What ``act(number, path)`` returns in several processes that begin at one moment."""
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(num), context.Queue()

    def run(number: int) -> None:
        torch.set_num_threads(1)
        start.wait()
        try:
            act(number, path)
            answers.put((number, ""))
        except LandscapeError as error:
            answers.put((number, str(error)))

    processes = [context.Process(target=run, args=(number,)) for number in range(num)]
    for each in processes:
        each.start()
    found = dict(answers.get(timeout=120) for _ in processes)
    for each in processes:
        each.join()
    return found


def check(found: dict[int, str], path: Path, winner: int) -> None:
    """Check that one process has written the file, and that the others were refused."""
    assert [number for number, text in found.items() if not text] == [winner], found
    known = ("just created", "is being written", "exists", "contains a different scan")
    for text in found.values():
        assert not text or (str(path) in text and any(each in text for each in known))
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_surfaces_saved_at_one_moment(surface: Surface, tmp_path: Path) -> None:
    def save(number: int, path: Path) -> None:
        replace(surface, losses=np.full_like(surface.losses, number)).save(path)

    for round_ in range(2 * ROUNDS):
        path = tmp_path / str(round_) / "a.h5"
        found = at_once(save, path)
        check(found, path, int(landscape.load(path).losses[0, 0]))


def test_scans_of_different_seeds_born_at_one_moment(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    def act(number: int, path: Path) -> None:
        scan(mlp, data=vectors, points=3, path=path, seed=number)

    whole = [scan(mlp, data=vectors, points=3, seed=seed) for seed in range(PROCESSES)]
    for round_ in range(ROUNDS):
        path = tmp_path / str(round_) / "a.h5"
        found = at_once(act, path)
        there = landscape.load(path)
        winner = int(there.settings["seed"])
        check(found, path, winner)
        assert there.is_complete
        np.testing.assert_allclose(there.losses, whole[winner].losses, rtol=1e-5)
