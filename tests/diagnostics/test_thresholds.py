"""Where checks begin to speak: surfaces whose shape, noise and facts are known."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landscape.diagnostics import Finding, brief, check, warnings
from landscape.facts import Facts
from landscape.figures.captions import caption
from landscape.grid import Grid
from landscape.overlays import Mark
from landscape.page.payload import content
from landscape.surface import Surface

Array = NDArray[np.float64]

RANDOM: Facts = {"seed": 0, "normalize": "filter"}


def surface(losses: Array, grid: Grid | None = None, **provenance: Any) -> Surface:
    """A complete surface around a network, with a standard error of 0.001."""
    grid = grid or Grid.regular(losses.shape)
    found = Surface.empty(grid, RANDOM, provenance)
    found.losses[:], found.standard_errors[:] = losses, 0.001
    found.evaluated[:], found.examples[:] = True, 400
    return found


def bowl(points: int | tuple[int, int] = 11, lowest: float = 1e-4) -> Array:
    grid = Grid.regular(points)
    result: Array = lowest + np.hypot(grid.alphas[:, None], grid.betas[None]) ** 2
    return result


def names(of: Surface) -> list[str]:
    return [finding.check for finding in check(of)]


def noise(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("points", [5, 7, 11, 51, (5, 1), (11, 1), (401, 1)])
@pytest.mark.parametrize("lowest", [1e-6, 1e-2, 1.0])
def test_bowls_are_good_at_any_resolution_and_scale(points: Any, lowest: float) -> None:
    assert names(surface(bowl(points, lowest))) == []
    assert names(surface(np.exp(3 * bowl(points, lowest)))) == []
    assert names(surface(-1 + bowl(points, lowest))) == []  # a loss may be negative


def test_a_logarithmic_grid_is_good() -> None:
    grid = Grid.logarithmic(21)
    radii = np.hypot(grid.alphas[:, None], grid.betas[None])
    assert names(surface(1e-3 + radii**2, grid)) == []


@pytest.mark.parametrize("shape", [(15, 15), (51, 51), (101, 1)])
def test_noise_is_not_predictable_from_its_neighbors(shape: tuple[int, int]) -> None:
    rough = bowl(shape, 1.0)
    assert names(surface(rough + 0.02 * noise(shape))) == []
    assert "too-coarse" in names(surface(rough + 0.5 * np.abs(noise(shape))))
    waves = 2 + np.cos(20 * np.add.outer(*[Grid.regular(shape).alphas] * 2)[:, : shape[1]])
    assert ("too-coarse" in names(surface(waves))) == (shape[0] == 15)  # 2 points a wave


def test_the_standard_error_is_compared_with_relief_and_contours() -> None:
    wide = surface(bowl(11, 1.0))
    for error, expected in ((0.1, []), (0.3, ["too-few-images"]), (2.5, ["too-narrow"])):
        noisy = replace(wide, standard_errors=np.full((11, 11), error))
        assert names(noisy) == expected
    line = surface(bowl((11, 1), 1.0))
    assert names(replace(line, standard_errors=np.full((11, 1), 0.3))) == []  # has no contours
    unknown = replace(wide, standard_errors=np.full((11, 11), np.nan))
    assert names(unknown) == []


def test_a_constant_and_a_dead_direction_are_found() -> None:
    assert names(surface(np.full((5, 5), 2.3))) == ["constant"]
    assert names(surface(2.3 + 1e-8 * noise((5, 5)))) == ["constant"]
    dead = surface(np.broadcast_to(bowl((11, 1)), (11, 11)))
    assert [finding.text for finding in check(dead)] == ["the loss does not change along β"]
    turned = surface(np.broadcast_to(bowl((11, 1)).T, (11, 11)))
    assert "the loss does not change along α" in str(check(turned)[0])


def test_infinite_points_are_counted() -> None:
    for finite, expected in ((8, []), (7, ["not-finite"])):
        losses = bowl((15, 1), 1.0)
        losses[np.argsort(abs(Grid.regular((15, 1)).alphas))[finite:]] = math.inf
        assert names(surface(losses)) == expected
    losses = bowl(5)
    losses[2, 2] = math.nan
    assert [f.text for f in check(surface(losses))] == ["the loss at the center is nan"]


def test_a_basin_of_one_cell_is_found() -> None:
    spike = np.abs(2 + 0.1 * noise((11, 11)))
    spike[5, 5] = 0.01
    assert "too-wide" in names(surface(spike))
    known: dict[str, Any] = {"classes": 10, "guess_accuracy": 0.1}
    deep = surface(bowl(lowest=0.1), **known)
    deep.accuracies[:] = 0.1
    deep.accuracies[5, 5] = 0.9
    assert names(deep) == ["too-wide"]
    deep.accuracies[5, 6] = 0.3  # wider along one side
    assert names(deep) == []
    few = surface(bowl(7, 0.1), **known)
    few.accuracies[:] = 0.1
    few.accuracies[3, 3] = 0.9
    assert names(few) == []


@pytest.mark.parametrize(("cosine", "is_found"), [(0.0, False), (-0.7, False), (-0.9, True)])
def test_parallel_directions_are_found(cosine: float, is_found: bool) -> None:
    assert names(surface(bowl(), cosine=cosine)) == (["parallel"] if is_found else [])
    assert names(surface(bowl((11, 1)), cosine=cosine)) == []  # a line has no angle


@pytest.mark.parametrize(("part", "is_found"), [(0.11, False), (0.3, True)])
def test_many_filters_of_norm_zero_are_found(part: float, is_found: bool) -> None:
    assert names(surface(bowl(), zero_filters=part)) == (["zero-filters"] if is_found else [])


def test_distances_are_distorted_by_the_ratio_that_is_reported() -> None:
    """The circle of points at distance 1, drawn in coordinates, has axes of that ratio."""
    finding = next(f for f in check(surface(bowl(), cosine=0.9)) if f.check == "parallel")
    gram = np.array([[1, 0.9], [0.9, 1]])
    lengths = 1 / np.sqrt(np.linalg.eigvalsh(gram))
    assert f"by a factor of {max(lengths) / min(lengths):.2g}" in finding.text
    parallel = check(surface(bowl(), cosine=1.0))
    assert "by a factor of inf" in parallel[0].text


def test_records_are_contradicted_beyond_chance_only() -> None:
    known: dict[str, Any] = {"classes": 10, "guess_accuracy": 0.1, "recorded_accuracy": 0.9}
    for accuracy, expected in ((0.75, ["recorded"]), (0.82, []), (1.0, [])):
        found = surface(bowl(lowest=0.1), **known)
        found.accuracies[:] = accuracy  # of 400 images: four standard errors are 6 to 9 %
        assert names(found) == expected
    loss: dict[str, Any] = {"classes": 10, "recorded_loss": 0.1}
    for lowest, expected in ((0.16, ["recorded"]), (0.14, [])):
        found = replace(surface(bowl(lowest=lowest), **loss), settings={**RANDOM, "loss": "x"})
        assert names(found) == []
        assert names(replace(found, settings={**RANDOM, "loss": "cross_entropy"})) == expected


def test_statistics_of_batchnorm_are_compared_by_accuracy_or_height() -> None:
    def of(accuracy: tuple[float, float] | None, loss: tuple[float, float]) -> list[str]:
        facts: dict[str, Any] = {"statistics_images": 256}
        for k, which in enumerate(("stored", "data")):
            facts[f"{which}_statistics_loss"] = loss[k]
            if accuracy is not None:
                facts[f"{which}_statistics_accuracy"] = accuracy[k]
        return names(surface(bowl(lowest=0.1), **facts))

    found = ["batchnorm-of-other-data"]
    assert of((0.8, 0.95), (1.0, 0.1)) == found
    assert of((0.9, 0.95), (1.0, 0.1)) == []
    assert of((0.95, 0.8), (0.1, 1.0)) == []  # better with the stored ones
    assert of(None, (1.0, 0.1)) == found
    assert of(None, (0.2, 0.1)) == []


def test_another_architecture_is_a_cause_of_statistics_that_do_not_fit() -> None:
    facts: dict[str, Any] = {"stored_statistics_loss": 1.0, "data_statistics_loss": 0.1}
    facts["statistics_images"] = 256
    (finding,) = check(surface(bowl(lowest=0.1), **facts))
    assert "that the model is the architecture that was trained" in finding.remedy


def test_marks_on_the_plane_are_compared_with_their_own_loss() -> None:
    def of(mark: Mark, **settings: Any) -> list[str]:
        found = replace(surface(bowl(lowest=0.1)), marks=(Mark("a", 0, 0, 0, 0.1, 0.1), mark))
        return names(replace(found, settings={**found.settings, **settings}))

    found = ["batchnorm-of-other-net"]
    assert of(Mark("b", 1, 0, 0.0, 0.1, 1.0)) == found
    assert of(Mark("b", 1, 0, 0.0, 0.1, math.inf)) == found
    assert of(Mark("b", 1, 0, 0.0, 0.1, 0.2)) == []
    assert of(Mark("b", 1, 0, 0.0, 0.1)) == []  # a file of before
    assert of(Mark("b", 1, 0, 1.0, 0.1, 1.0)) == []  # another point
    assert of(Mark("b", 1, 0, 0.0, 0.1, 1.0), batchnorm="interpolated") == []


def test_deviations_name_the_precision() -> None:
    def of(**facts: Any) -> Finding | None:
        return next(iter(check(surface(bowl(), **facts))), None)

    assert of(deviation=0.009, deviation_checked=0.009, computed_in="float16") is None
    probed, checked = of(deviation=0.05, computed_in="bfloat16"), of(deviation_checked=0.05)
    assert probed is not None
    assert checked is not None
    assert (probed.severity, checked.severity) == ("doubtful", "wrong")
    assert "losses in bfloat16 deviate from the reference by up to 5%" in probed.text
    assert "--precision float32" in probed.remedy


def test_unfinished_and_adaptive_scans_are_not_judged_by_their_shape() -> None:
    part = surface(bowl(15, 1.0) + np.abs(noise((15, 15))))
    part.evaluated[::2] = False
    part.examples[::2] = 0
    assert names(part) == ["incomplete"]
    assert warnings(part) == []  # the progress stands in every caption


def test_points_that_a_refined_scan_leaves_out_were_predicted() -> None:
    """Evaluated are the rough part, and every third point of the rest."""
    losses = bowl(21, 1.0)
    losses[:, :7] += 2 * np.abs(noise((21, 7)))
    part = surface(losses, points_error=0.01)
    part = replace(part, settings={**RANDOM, "points_tolerance": 0.01})
    assert part.is_refined
    left_out = np.ones((21, 21), dtype=bool)
    left_out[:, :7] = left_out[::3, ::3] = False
    part.evaluated[left_out], part.examples[left_out], part.losses[left_out] = False, 0, np.nan
    assert part.is_complete
    assert "too-coarse" not in names(part)
    assert "incomplete" not in names(part)


def test_captions_hold_two_findings_and_count_the_others() -> None:
    bad = surface(
        np.full((10, 10), 5.0), cosine=1.0, zero_filters=0.5, deviation=0.5, computed_in="float16"
    )
    found = warnings(bad)
    assert [f.severity for f in found] == ["wrong"] * 3 + ["doubtful"] * 2
    last = "and 3 more: landscape check FILE"
    assert brief(bad) == [found[0].text, found[1].text, last]
    assert caption(bad).split("\n")[-1] == last
    assert content(bad, "a", "1")["warnings"] == brief(bad)
    assert [fact[0] for fact in content(bad, "a", "1")["facts"]].count("warning") == 5
    assert brief(surface(bowl(10))) == ["the center (0, 0) lies between points of the grid"]
