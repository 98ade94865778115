"""Which measures of surfaces differ: against scipy, on known surfaces, and on trained nets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from scipy.stats import ttest_ind

import landscape
from landscape import checkpoints, datasets, figures
from landscape.comparison import Comparison, compare, differences
from landscape.comparison.significance import holm
from landscape.errors import LandscapeError
from landscape.geometry import Measure
from landscape.grid import Grid
from landscape.models import Architecture
from landscape.surface import Surface
from landscape.training import Recipe
from tests.scans import scan
from tests.test_geometry import Array, bowl, noise, surface_of

SIGMA = 0.02


def planes(
    function: Callable[[Array, Array], Array],
    name: str,
    seeds: range,
    grid: Grid | None = None,
    **facts: Any,
) -> Surface:
    """A surface of several seeds with sampling noise, of bowls that differ a little in height."""
    made = []
    for seed in seeds:
        height = np.random.default_rng(seed).uniform(0.9, 1.1)
        surface = surface_of(
            grid or Grid.regular(21),
            lambda a, b: height * function(a, b) + noise(seed, SIGMA)(a, b),  # noqa: B023
            standard_error=SIGMA,
        )
        surface.examples[:] = 100
        settings = {"seed": seed, "weights_sha256": name, **facts}
        made.append(replace(surface, settings=settings, provenance={"name": name}))
    return replace(made[0], repeats=tuple(made[1:]))


def smooth(a: Array, b: Array) -> Array:
    return bowl(a, b)


def rippled(a: Array, b: Array) -> Array:
    return bowl(a, b) + 1.5 * (1 + np.cos(9 * a) * np.cos(9 * b))


def differing(comparison: Comparison) -> set[str]:
    return {each.measure.name for each in comparison.differences() if each.differs}


def roughness(comparison: Comparison) -> set[str]:
    return {measure.name for measure in comparison.measures if measure.is_roughness}


def test_the_same_bowl_with_other_noise_does_not_differ() -> None:
    for first in range(0, 20, 5):
        a = planes(smooth, "a", range(first, first + 3))
        b = planes(smooth, "b", range(first + 100, first + 103))
        comparison = compare(a, b)
        assert not differing(comparison)
        assert str(comparison).endswith("a and b: no measure differs by more than its spread.")


def test_ripples_differ_in_every_measure_of_roughness() -> None:
    comparison = compare(planes(rippled, "rippled", range(3)), planes(smooth, "smooth", range(3)))
    assert roughness(comparison) <= differing(comparison)
    text = str(comparison)
    assert "rippled is rougher than smooth by all 5 measures of roughness: negative" in text
    assert text.count("rougher") == 1
    other_order = compare(planes(smooth, "smooth", range(3)), planes(rippled, "rippled", range(3)))
    assert differing(other_order) == differing(comparison)
    assert "rippled is rougher than smooth by all 5" in str(other_order)


@pytest.mark.slow
def test_the_published_pair_differs_in_every_measure_of_roughness() -> None:
    folder = Path(__file__).parents[1] / "results" / "li2018"
    nets = [landscape.load(folder / f"{net}-seeds.h5") for net in ("plain56", "resnet56")]
    comparison = compare(*nets)
    assert roughness(comparison) <= differing(comparison)
    assert "rougher than" in str(comparison)
    assert str(comparison).index("plain56") < str(comparison).index("rougher than")


def test_ripples_of_a_line_differ_as_well() -> None:
    line = Grid.regular((101, 1))
    comparison = compare(
        planes(rippled, "rippled", range(3), line), planes(smooth, "smooth", range(3), line)
    )
    assert roughness(comparison) <= differing(comparison)
    assert len(comparison.measures) == 13


def test_a_multiple_of_the_loss_is_no_roughness() -> None:
    high = compare(
        planes(smooth, "a", range(3)), planes(lambda a, b: 10 * smooth(a, b), "b", range(3))
    )
    assert not differing(high) & roughness(high)
    assert {"mean loss at radius 0.5", "largest curvature at center"} <= differing(high)
    assert "rougher" not in str(high)
    assert "(5 of roughness)." in str(high)


def test_one_plane_has_no_known_spread() -> None:
    comparison = compare(planes(rippled, "a", range(1)), planes(smooth, "b", range(3)))
    assert all(each.p_value is None for each in comparison.differences())
    assert not differing(comparison)
    assert "the spread is unknown, so nothing is called different" in str(comparison)
    assert "smallest effect  different" not in str(comparison)


def test_one_surface_is_a_table_alone() -> None:
    comparison = compare(planes(smooth, "a", range(3)))
    assert comparison.pairs == []
    assert len(str(comparison).splitlines()) == 2 + 14 + 1 + 2  # and a note


def test_three_surfaces_are_compared_in_pairs() -> None:
    surfaces = [planes(f, n, range(3)) for f, n in ((smooth, "a"), (rippled, "b"), (smooth, "c"))]
    conclusions = str(compare(*surfaces)).splitlines()[-5::2]
    assert [line.split()[0] for line in conclusions] == ["b", "a", "b"]
    assert conclusions[1] == "a and c: no measure differs by more than its spread."


def test_trainings_are_the_samples_of_a_group_of_several() -> None:
    # Trainings differ more than planes of one: heights 1, 4 and 16 against 2, 8 and 32.
    def trainings(factors: tuple[int, ...], name: str) -> list[Surface]:
        return [
            planes(lambda a, b: f * smooth(a, b), f"{name}-{f}", range(3))  # noqa: B023
            for f in factors
        ]

    a, b = trainings((1, 4, 16), "a"), trainings((2, 8, 32), "b")
    level = 4.0  # by default of all that is compared
    comparison = compare(a, b, names=["a", "b"], level=level)
    assert [group.samples for group in comparison.groups] == ["3 trainings", "3 trainings"]
    first = compare(a[0], level=level).groups[0].values
    assert first.shape == (3, 14)
    np.testing.assert_allclose(comparison.groups[0].values[0], first.mean(axis=0))
    assert not differing(comparison)
    assert "± is the standard deviation over trainings." in str(comparison)
    # Taken alone, one training of each differs in height.
    assert "mean loss at radius 1" in differing(compare(a[0], b[1]))


def test_planes_of_one_training_in_several_files_are_planes() -> None:
    parts = [planes(smooth, "a", range(k, k + 2)) for k in (0, 10)]
    assert compare(parts).groups[0].samples == "4 planes"


def test_area_below_the_loss_of_guessing() -> None:
    def names(surface: Surface) -> list[str]:
        return [m.name for m in compare(surface).measures if "below" in m.name]

    surface = planes(smooth, "a", range(2), loss="cross_entropy")
    known = replace(surface, provenance={"name": "a", "classes": 10})
    assert names(known) == ["area with loss below 2.3"]  # ln 10
    assert names(surface) == [f"area with loss below {np.median(surface.stacked()):.3g}"]
    assert [m.name for m in compare(known, level=1.5).measures][6] == "area with loss below 1.5"


def test_settings_that_differ_are_noted() -> None:
    a = planes(smooth, "a", range(3), images=512, loss="mse")
    b = planes(smooth, "b", range(3), images=256, loss="cross_entropy")
    assert "The scans differ in examples, loss (" in str(compare(a, b))
    assert "The scans differ" not in str(compare(a, a))


def test_losses_that_are_not_finite_are_noted() -> None:
    a, b = planes(smooth, "a", range(3)), planes(smooth, "b", range(3))
    a.losses[0, :] = np.inf
    a.losses[5, 5] = np.nan
    text = str(compare(a, b))
    assert f"a: {(21 + 1) / (3 * 21 * 21):.2g} of the points are not finite" in text
    assert "nothing is called different" not in text  # of the other measures


def test_wrong_calls() -> None:
    a = planes(smooth, "a", range(2))
    with pytest.raises(ValueError, match="expected one surface or more"):
        compare()
    with pytest.raises(ValueError, match="expected one surface or more"):
        compare(a, [])
    with pytest.raises(ValueError, match="expected 2 names, got 1"):
        compare(a, a, names=["a"])
    other = planes(smooth, "b", range(2), Grid.regular(21, (-2, 2)))
    with pytest.raises(
        LandscapeError, match=r"a with 21x21 points, alpha -1:1.* and b with .*-2:2"
    ):
        compare(a, other)
    a.repeats[0].evaluated[3] = False
    with pytest.raises(LandscapeError, match="a: 420 of 441 points are evaluated"):
        compare(a)


def test_groups_of_one_name_are_numbered() -> None:
    a = planes(smooth, "a", range(2))
    assert list(compare(a, a).values("local minima")) == ["a (1)", "a (2)"]


LOG, LINEAR = (
    Measure(scale, lambda _: 0.0, scale, effect)  # type: ignore[arg-type]
    for scale, effect in (("log", 2.0), ("linear", 0.5))
)


def verdict(measure: Measure, first: list[float], second: list[float]) -> Any:
    return differences([measure], np.array(first)[:, None], np.array(second)[:, None])[0]


def test_p_values_are_those_of_welch() -> None:
    a, b = [1.0, 1.5, 1.2], [3.0, 4.0, 3.2, 3.9]
    expected = ttest_ind(a, b, equal_var=False).pvalue
    np.testing.assert_allclose(verdict(LINEAR, a, b).p_value, expected)
    expected = ttest_ind(np.log(a), np.log(b), equal_var=False).pvalue
    np.testing.assert_allclose(verdict(LOG, a, b).p_value, expected)
    # No logarithm of a negative value: the values themselves.
    a[0] = -1.0
    expected = ttest_ind(a, b, equal_var=False).pvalue
    np.testing.assert_allclose(verdict(LOG, a, b).p_value, expected)


def test_a_difference_is_significant_separate_and_large() -> None:
    assert verdict(LINEAR, [1.0, 1.1, 1.2], [2.0, 2.1, 2.2]).differs
    small = verdict(LINEAR, [1.0, 1.01, 1.02], [1.3, 1.31, 1.32])
    assert (small.p_value < 1e-4, small.are_separate, small.is_large) == (True, True, False)
    wide = verdict(LINEAR, [1.0, 2.0, 3.0], [3.5, 5.0, 7.0])
    assert (wide.p_value < 0.05, wide.are_separate, wide.is_large) == (False, True, True)
    many = verdict(LINEAR, [0.0, 2.0] * 10, [1.0, 3.0] * 10)
    assert (many.p_value < 0.05, many.are_separate, many.is_large) == (True, False, True)
    assert not small.differs
    assert not wide.differs
    assert not many.differs


def test_the_smallest_effect_is_a_factor_or_a_difference() -> None:
    assert verdict(LOG, [1.0, 1.1], [2.2, 2.3]).is_large
    assert not verdict(LOG, [1.0, 1.1], [2.0, 2.05]).is_large
    assert verdict(LOG, [0.0, 0.0], [1.0, 1.0]).is_large
    assert not verdict(LOG, [0.0, 0.0], [0.0, 0.0]).is_large
    assert verdict(LINEAR, [0.0, 0.0], [0.5, 0.6]).is_large


def test_samples_without_spread() -> None:
    # As of numbers of minima; scipy's test is undefined.
    assert verdict(LINEAR, [1.0, 1.0], [1.0, 1.0]).p_value == 1
    assert verdict(LINEAR, [1.0, 1.0], [3.0, 3.0]).differs
    assert verdict(LINEAR, [1.0, np.inf], [3.0, 3.0]).p_value is None
    assert verdict(LINEAR, [1.0], [3.0, 3.0]).p_value is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_its_steps_do(p_values: list[float]) -> None:
    """The original procedure: from the smallest on, reject until one exceeds α / (tests left)."""
    adjusted = holm(p_values)
    alpha, order = 0.05, np.argsort(p_values, kind="stable")
    for rejected, place in enumerate(order):
        is_rejected = p_values[place] < alpha / (len(p_values) - rejected)
        if not is_rejected:
            assert all((adjusted[k] or 0) >= alpha * (1 - 1e-9) for k in order[rejected:])
            break
        assert adjusted[place] is not None
        assert (adjusted[place] or 0) < alpha * (1 + 1e-9)


@pytest.mark.slow
def test_the_figure_has_a_dot_for_each_sample() -> None:
    comparison = compare(planes(rippled, "$rippled", range(4)), planes(smooth, "smooth", range(3)))
    figure = figures.comparison(comparison)
    by_title = {axes.get_title().replace("\n", " "): axes for axes in figure.axes}
    assert set(by_title) == {measure.name for measure in comparison.measures}
    for name, axes in by_title.items():
        dots = [line.get_ydata() for line in axes.lines]
        for drawn, values in zip(dots, comparison.values(name).values(), strict=True):
            np.testing.assert_allclose(np.asarray(drawn, dtype=float), values)
        is_bold = axes.title.get_fontweight() == "bold"
        assert is_bold == (name in differing(comparison))
        low, high = axes.get_ylim()
        assert all(low <= value <= high for value in np.concatenate(dots))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r"\$rippled", "smooth"]
    plt.close(figure)


@pytest.mark.slow
def test_the_figure_of_three_lines_with_infinite_losses() -> None:
    lines = [planes(smooth, name, range(2), Grid.regular((21, 1))) for name in "abc"]
    lines[0].losses[0] = np.inf
    figure = figures.comparison(compare(*lines))
    assert len(figure.axes) == 13
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.slow
def test_losses_without_any_geometry() -> None:
    constant = planes(lambda a, b: 1 + 0 * a, "constant", range(1))
    constant.losses[:] = 0.0
    diverged = planes(smooth, "diverged", range(2))
    for each in diverged.seeds:
        each.losses[:] = np.nan
    comparison = compare(constant, diverged)
    assert np.isnan(comparison.values("ratio of curvatures at center")["constant"]).all()
    assert "diverged: 1 of the points are not finite" in str(comparison)
    figure = figures.comparison(comparison)
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.slow
def test_two_trainings_of_one_net_do_not_differ(tmp_path: Path) -> None:
    data = datasets.load("digits")
    assert data.preprocessing is not None
    examples = data.preprocessing(data.x[:64]), data.y[:64]
    surfaces = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        landscape.train(
            Architecture("resnet8", in_channels=1), data, None, Recipe(epochs=2, seed=seed), folder
        )
        for file in ("last.pt", "initial.pt")[: 2 - seed]:
            model = checkpoints.load(folder / file).model()
            surfaces.append(scan(model, data=examples, points=7, repeats=4, name=f"{file}-{seed}"))
    first, untrained, second = surfaces
    assert not differing(compare(first, second))
    assert differing(compare(first, untrained))
