"""A surface over as many images as it needs."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import hdf5
from landscape.captions import unfinished
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.sampling import allowed_errors, combined
from landscape.values import Values
from tests import oracles
from tests.reporters import Recorder, StopAfter
from tests.scans import scan

MANY = 3000


@pytest.fixture
def many(mlp: nn.Module) -> tuple[Tensor, Tensor]:
    """Inputs whose labels the net mostly knows, with some noise."""
    x = 2 * torch.randn(MANY, 7)
    with torch.no_grad():
        y = (mlp.eval()(x) + 0.3 * torch.randn(MANY, 3)).argmax(1)
    return x, y


def documented_order(num: int) -> np.ndarray[Any, Any]:
    """Of docs/reference/file-format.md."""
    return np.argsort(np.random.Generator(np.random.PCG64(0)).random(num), kind="stable")


def test_values_of_two_parts_are_those_of_the_whole() -> None:
    random = np.random.default_rng(0)
    for size_a, size_b in ((2, 3), (1, 5), (7, 1), (1, 1), (400, 900)):
        losses = random.exponential(size=size_a + size_b)
        parts = [
            Values(
                part.mean(),
                (part < 1).mean(),
                part.std(ddof=1) / len(part) ** 0.5 if len(part) > 1 else float("nan"),
            )
            for part in (losses[:size_a], losses[size_a:])
        ]
        whole = combined(parts[0], size_a, parts[1], size_b)
        error = losses.std(ddof=1) / len(losses) ** 0.5
        assert whole[:3] == pytest.approx((losses.mean(), (losses < 1).mean(), error), rel=1e-12)


def test_infinite_losses_stay_infinite() -> None:
    bad, good = Values(np.inf, 0.5, np.nan), Values(1.0, 0.5, 0.1)
    assert combined(bad, 5, good, 5).loss == np.inf
    assert combined(good, 5, bad, 5).loss == np.inf
    assert np.isnan(combined(Values(np.nan, 0.0, np.nan), 5, good, 5).loss)


def test_allowed_errors_follow_the_loss_down_to_a_tenth_of_the_median() -> None:
    losses = np.array([[0.001, 1.0, 2.0], [4.0, np.inf, np.nan]])
    np.testing.assert_allclose(
        allowed_errors(losses, 0.1), [[0.015, 0.1, 0.2], [0.4, np.inf, np.inf]]
    )


def test_few_images_are_taken_and_they_are_enough(mlp: nn.Module, many: Any) -> None:
    exact = scan(mlp, F.cross_entropy, many, points=(5, 4), precision="float64")
    assert (exact.examples == MANY).all()
    rough = scan(mlp, F.cross_entropy, many, points=(5, 4), precision="float64", tolerance=0.04)
    used = int(rough.examples[0, 0])
    assert (rough.examples == used).all()  # the same at every point
    assert 256 < used < MANY
    assert (rough.standard_errors <= allowed_errors(rough.losses, 0.04)).all()
    # Half of the points may be off by 2/3 of an error, next to none by 5.
    assert (np.abs(rough.losses - exact.losses) < 5 * rough.standard_errors).all()

    first = documented_order(MANY)[:used]
    objective = Objective(mlp, F.cross_entropy, many, device=torch.device("cpu"))
    plane = Plane.random(objective.center, 0)
    delta, eta = ({n: t.double() for n, t in d.items()} for d in (plane.delta, plane.eta))
    losses, accuracies = oracles.naive_surface(
        mlp,
        F.cross_entropy,
        many[0][first],
        many[1][first],
        delta,
        eta,
        rough.grid.alphas.tolist(),
        rough.grid.betas.tolist(),
    )
    np.testing.assert_allclose(rough.losses, losses, rtol=1e-6)
    np.testing.assert_allclose(rough.accuracies, accuracies, rtol=1e-12)


def test_a_tolerance_near_zero_takes_all_images(mlp: nn.Module, many: Any) -> None:
    surface = scan(mlp, F.cross_entropy, many, points=3, tolerance=1e-300)
    assert (surface.examples == MANY).all()


def test_a_tolerance_out_of_reach_takes_all_images(mlp: nn.Module, many: Any) -> None:
    exact = scan(mlp, F.cross_entropy, many, points=3, precision="float64")
    strict = scan(mlp, F.cross_entropy, many, points=3, precision="float64", tolerance=1e-6)
    assert (strict.examples == MANY).all()
    np.testing.assert_allclose(strict.losses, exact.losses, rtol=1e-12)
    np.testing.assert_allclose(strict.accuracies, exact.accuracies, rtol=1e-12)
    np.testing.assert_allclose(strict.standard_errors, exact.standard_errors, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("updates", [3, 12, 17, 30])
def test_an_interrupted_stage_resumes(
    mlp: nn.Module, many: Any, tmp_path: Path, updates: int
) -> None:
    def go(path: Path | None, progress: Any = None) -> landscape.Surface:
        return scan(
            mlp,
            F.cross_entropy,
            many,
            points=(4, 3),
            precision="float64",
            tolerance=0.02,
            seed=2,  # of three stages
            path=path,
            progress=progress,
        )

    whole = go(None)
    assert whole.examples[0, 0] > 256
    path = tmp_path / "part.h5"
    with pytest.raises(KeyboardInterrupt):
        go(path, StopAfter(updates))
    part = landscape.load(path)
    assert 0 < part.evaluated.sum() <= part.grid.size
    if updates != 12:  # just between two stages
        assert not part.is_complete
        assert unfinished(part)
    if updates == 17:
        assert unfinished(part) == ["42% of the points from all their images"]
        assert part.images_per_point == f"256 to {part.examples.max()}"
    for surface in (go(path), landscape.load(path)):
        np.testing.assert_array_equal(surface.examples, whole.examples)
        np.testing.assert_allclose(surface.losses, whole.losses, rtol=1e-12)
        np.testing.assert_allclose(surface.standard_errors, whole.standard_errors, rtol=1e-10)


def test_a_long_scan_on_a_cpu_gets_a_tolerance_and_says_so(
    mlp: nn.Module, many: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = scan(mlp, F.cross_entropy, many, points=3, tolerance="auto")
    assert (short.examples == MANY).all()
    assert "tolerance" not in short.settings
    monkeypatch.setattr("landscape.resuming._LONG", 0.0)
    recorder = Recorder()
    path = tmp_path / "long.h5"
    long = scan(
        mlp, F.cross_entropy, many, points=3, tolerance="auto", path=path, progress=recorder
    )
    assert long.settings["tolerance"] == 0.01
    assert any("all 3000 images would take about" in note for note in recorder.notes)
    monkeypatch.undo()
    again = scan(mlp, F.cross_entropy, many, points=3, tolerance="auto", path=path)
    np.testing.assert_array_equal(again.losses, long.losses)


def test_what_has_no_standard_error_has_no_tolerance(mlp: nn.Module, many: Any) -> None:
    def mean(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets)

    with pytest.raises(ValueError, match="one value per example"):
        scan(mlp, mean, many, points=3, tolerance=0.1)
    assert (scan(mlp, mean, many, points=3, tolerance="auto").examples == MANY).all()
    for wrong in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance must be"):
            scan(mlp, mean, many, points=3, tolerance=wrong)


@pytest.mark.slow
def test_the_profile_lists_where_the_time_went(mlp: nn.Module, many: Any, tmp_path: Path) -> None:
    recorder = Recorder()
    scan(
        mlp,
        F.cross_entropy,
        many,
        points=5,
        path=tmp_path / "p.h5",
        progress=recorder,
        profile=True,
    )
    text = recorder.notes[-1]
    parts = dict(line.split(maxsplit=1) for line in text.splitlines()[1:])
    assert {"forward", "loss", "weights", "transfer", "storage", "rest"} <= parts.keys()
    shares = [float(parts[p].split("%")[0]) for p in parts if "%" in parts[p] and p != "forward"]
    assert all(0 <= share <= 100 for share in shares)
    assert "% of the" in text.splitlines()[-1]


def test_a_point_whose_mask_is_not_set_is_computed_again(
    mlp: nn.Module, many: Any, tmp_path: Path
) -> None:
    """As after a kill between the values and the mask, or in the middle of better values."""
    path = tmp_path / "torn.h5"
    arguments: Any = {"points": (3, 2), "precision": "float64", "tolerance": 0.03, "path": path}
    whole = scan(mlp, F.cross_entropy, many, **arguments)
    with h5py.File(path, "r+") as file:
        layer = file["layers/loss"]
        layer["losses"][0, 0, 1], layer["evaluated"][0, 0, 1] = 99.0, 0
        layer["losses"][0, 2, 0], layer["evaluated"][0, 2, 0] = 98.0, 0
        layer["examples"][0, 2, 0] = 256
    # And one that has seen but the first images.
    first = documented_order(MANY)[:256]
    rough = scan(
        mlp,
        F.cross_entropy,
        (many[0][first], many[1][first]),
        points=(3, 2),
        precision="float64",
    )
    names = ("losses", "accuracies", "standard_errors", "examples")
    with hdf5.SurfaceFile(path) as writer:
        values = {name: getattr(rough, name)[1, 1] for name in names}
        writer.put("loss", 3, values, seconds=whole.seconds)
    again = scan(mlp, F.cross_entropy, many, **arguments)
    assert again.is_complete
    np.testing.assert_array_equal(again.examples, whole.examples)
    np.testing.assert_allclose(again.losses, whole.losses, rtol=1e-12)
    np.testing.assert_allclose(again.standard_errors, whole.standard_errors, rtol=1e-9)


def test_extreme_numbers_are_numbers(mlp: nn.Module, many: Any) -> None:
    far = combined(Values(1e200, 0.0, 1e199), 5, Values(0.0, 0.0, 0.0), 5)
    assert far.loss == 5e199
    assert (scan(mlp, F.cross_entropy, many, points=2, tolerance=1e-320).examples == MANY).all()
