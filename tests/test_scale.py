from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.overlays import Mark, Trajectory
from landscape.scale import Scale
from landscape.surface import Surface


def of(*losses: float) -> Surface:
    surface = Surface.empty(Grid.regular((len(losses), 1)), {}, {})
    surface.losses[:, 0] = losses
    surface.evaluated[:] = True
    return surface


def test_all_surfaces_share_one_scale() -> None:
    scale = Scale.covering([of(1, 2), of(3, 5)])
    assert (scale.low, scale.high, scale.log) == (1, 5, False)


def test_wide_ranges_are_logarithmic_and_others_on_request() -> None:
    assert Scale.covering([of(0.01, 2)]).log
    assert not Scale.covering([of(0.01, 2)], "linear").log
    assert Scale.covering([of(1, 2)], "log").log
    assert not Scale.covering([of(-1, 1000)]).log


def test_what_is_not_finite_or_not_evaluated_does_not_count() -> None:
    surface = of(1, np.inf, np.nan, 2, 1e9)
    surface.evaluated[4] = False
    scale = Scale.covering([surface])
    assert (scale.low, scale.high) == (1, 2)
    heights = scale.heights(surface.losses[:, 0])
    np.testing.assert_array_equal(heights, [1, np.nan, np.nan, 2, 2])


def test_a_zero_loss_stands_at_the_lowest_height_of_a_log_scale() -> None:
    scale = Scale.covering([of(0, 0.01, 10)])
    np.testing.assert_allclose(scale.heights(np.array([0, 0.01, 10])), [-2, -2, 1])


def test_a_maximum_clips_and_is_reported() -> None:
    scale = Scale.covering([of(1, 50)], maximum=5)
    assert scale.clipped
    assert scale.heights(np.array([50.0])).tolist() == [5]
    assert not Scale.covering([of(1, 50)], maximum=60).clipped
    with pytest.raises(LandscapeError, match="above the lowest loss 1"):
        Scale.covering([of(1, 50)], maximum=0.5)


def test_nothing_to_draw_is_said() -> None:
    for surface in (of(np.nan, np.inf), Surface.empty(Grid.regular(2), {}, {})):
        with pytest.raises(LandscapeError, match="no point has a finite loss"):
            Scale.covering([surface])
    with pytest.raises(LandscapeError, match="needs positive losses"):
        Scale.covering([of(-1, 0)], "log")


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_a_flat_surface_has_a_scale(kind: str) -> None:
    scale = Scale.covering([of(2, 2)], kind)  # type: ignore[arg-type]
    assert scale.low < 2 < scale.high
    assert len(scale.levels()) > 2


@given(st.floats(-8, 8), st.floats(0.3, 20), st.booleans())
def test_levels_are_round_rising_and_inside(exponent: float, decades: float, log: bool) -> None:
    low = 10.0**exponent
    scale = Scale(low, low * 10**decades, log)
    levels = scale.levels()
    assert 2 <= len(levels) <= 25
    assert (np.diff(levels) > 0).all()
    assert levels[0] >= low * (1 - 1e-9)
    assert levels[-1] <= scale.high * (1 + 1e-9)
    for level in levels:
        assert float(Scale.label(level)) == pytest.approx(level, rel=6e-3)


@given(st.floats(-5, 5), st.floats(1e-3, 1))
def test_close_levels_have_different_labels(exponent: float, width: float) -> None:
    low = 10.0**exponent
    labels = [Scale.label(level) for level in Scale(low, low * (1 + width), False).levels()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0, "0"),
        (0.05, "0.05"),
        (30, "30"),
        (1e4, "1e4"),
        (5.59e-4, "5.59e-4"),
        (0.30000000000000004, "0.3"),
        (1234.56789, "1230"),
        (0.104489123, "0.104"),
        (0.23615, "0.23615"),
        (2.30265e-5, "2.30265e-5"),
        (-2.5, "-2.5"),
    ],
)
def test_labels(loss: float, text: str) -> None:
    assert Scale.label(loss) == text


def test_a_linear_scale_is_clipped_where_few_high_points_would_flatten_the_rest() -> None:
    low, peaked = of(*np.linspace(1, 9, 100)), of(*np.linspace(1, 9, 95), *np.full(5, 1000.0))
    scale = Scale.covering([low, peaked], "linear")
    assert scale.clipped
    assert scale.high == np.linspace(1, 9, 95)[89]
    assert not Scale.covering([low, peaked], "linear", np.inf).clipped
    assert not Scale.covering([low, peaked], "log").clipped
    assert not Scale.covering([low, of(*np.linspace(-1, 30, 100))], "linear").clipped


def test_a_surface_that_is_high_all_over_is_not_erased() -> None:
    trained = of(*np.linspace(0, 3, 100))
    for untrained in (of(*np.linspace(2e5, 3e5, 100)), of(*np.full(96, 10.0), *np.full(4, 1000.0))):
        scale = Scale.covering([trained, untrained], "linear")
        heights = scale.heights(untrained.losses[:, 0])
        assert np.ptp(heights) >= 0.25 * (scale.high - scale.low)


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 4)), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_automatic_clipping_flattens_no_surface(
    kinds: list[tuple[float, float]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    surfaces = [of(*(10**place * np.exp(rng.normal(0, width, 50)))) for place, width in kinds]
    scale = Scale.covering(surfaces, "linear")
    whole = Scale.covering(surfaces, "linear", np.inf)
    if scale.clipped:
        assert whole.high - whole.low > 4 * (scale.high - scale.low)
    for surface in surfaces:
        losses = surface.losses[:, 0]
        assert (losses > scale.high).mean() <= 0.1
        shown = np.ptp(scale.heights(losses)) / (scale.high - scale.low)
        assert shown >= min(0.25, np.ptp(losses) / (whole.high - whole.low)) - 1e-9


def test_nets_off_the_surface_are_on_its_scale_too() -> None:
    steps = np.arange(2.0)
    path = Trajectory("p", steps, steps, steps, steps, np.array([0.5, np.nan]), steps + 7)
    off_plane = replace(of(1, 2, 3), marks=(Mark("m", 0, 0, 1, 0.25),), trajectories=(path,))
    assert (Scale.covering([off_plane]).low, Scale.covering([off_plane]).high) == (0.25, 8)
    assert not Scale.covering([off_plane]).clipped
