import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from scipy.interpolate import PchipInterpolator

from landscape import figures
from landscape.curvature_map import Curvature
from landscape.errors import LandscapeError
from landscape.figures import captions
from landscape.figures.between import between, finer
from landscape.figures.picture import Picture
from landscape.figures.polygons import Polygons, polygons, symbols
from landscape.figures.style import line_color
from landscape.grid import Grid
from landscape.overlays import Mark, Trajectory
from landscape.scale import Scale
from landscape.surface import Surface
from tests.reporters import Recorder

pytestmark = pytest.mark.slow  # draws many figures

FLAT = ("surface", "contour", "heatmap")


@pytest.fixture
def slope() -> Surface:
    """Rises along alpha only, from 1 to 4; 4×3 points."""
    surface = Surface.empty(Grid.regular((4, 3), (-1, 2), (0, 1)), {}, {"name": "slope"})
    surface.losses[:] = np.array([1.0, 2, 3, 4])[:, None]
    surface.evaluated[:] = True
    return surface


@pytest.fixture(autouse=True)
def _close() -> Any:
    yield
    plt.close("all")


def drawn(figure: Figure) -> Any:
    figure.canvas.draw()
    return figure.axes[0]


def test_the_heat_map_has_alpha_to_the_right(slope: Surface) -> None:
    mesh = drawn(slope.plot(kind="heatmap")).collections[0]
    np.testing.assert_allclose(mesh.get_array(), slope.losses.T)
    corners = mesh.get_coordinates()
    assert corners[0, 0].tolist() == [-1.5, -0.25]
    assert corners[-1, -1].tolist() == [2.5, 1.25]


def test_contours_stand_where_the_loss_is(slope: Surface) -> None:
    axes = drawn(slope.plot(kind="contour", levels=[2.5]))
    lines = next(c for c in axes.collections if len(c.get_paths()) == 1)
    np.testing.assert_allclose(lines.get_paths()[0].vertices[:, 0], 0.5)
    assert "2.5" in [text.get_text() for text in axes.texts]


def relief_of(surface: Surface, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Polygons:
    """Draw a surface and return its polygons."""
    made = []

    def record(*arguments: Any) -> Polygons:
        made.append(polygons(*arguments))
        return made[-1]

    monkeypatch.setattr("landscape.figures.relief.polygons", record)
    axes = drawn(surface.plot(**options))
    assert len(axes.collections[0].get_facecolor()) == len(made[-1].corners)  # not thinned
    return made[-1]


def test_the_relief_has_every_sample_and_is_not_thinned(
    slope: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = Surface.empty(Grid.regular((81, 71)), {}, {})
    fine.losses[:] = np.random.default_rng(0).random((81, 71)) + 1
    fine.evaluated[:] = True
    for surface in (slope, fine):
        polygons = relief_of(surface, monkeypatch)
        corners = {tuple(corner) for corner in np.round(polygons.corners.reshape(-1, 3), 9)}
        for i, alpha in enumerate(surface.grid.alphas):
            for j, beta in enumerate(surface.grid.betas):
                assert tuple(np.round([alpha, beta, surface.losses[i, j]], 9)) in corners


def test_the_relief_has_contour_lines_at_their_heights(
    slope: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    polygons = relief_of(slope, monkeypatch, levels=[2.5, 3.5, 77])
    lines = polygons.corners[polygons.fill[:, 3] == 0]
    np.testing.assert_array_equal(np.unique(lines[..., 2]), [2.5, 3.5])
    for level in (2.5, 3.5):  # it rises along alpha alone: from one end of beta to the other
        line = lines[lines[:, 0, 2] == level]
        assert np.ptp(line[..., 0]) < 1e-9
        assert line[..., 0].mean() == pytest.approx(level - 2)
        np.testing.assert_allclose(np.abs(line[:, 0] - line[:, 1]).sum(), 1)


def test_a_relief_is_lit_from_one_side_and_level_places_have_the_colors_of_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roof = Surface.empty(Grid.regular((3, 2), (-1, 1)), {}, {})
    roof.losses[:], roof.evaluated[:] = np.array([1.0, 2, 1])[:, None], True
    polygons = relief_of(roof, monkeypatch, levels=[77])
    middle = polygons.corners[:, :, 0].mean(axis=1)
    left, right = (polygons.fill[side, :3].sum(axis=1) for side in (middle < 0, middle > 0))
    assert left.mean() > 1.2 * right.mean()
    heights = polygons.corners[..., 2].mean(axis=1)
    flat = replace(roof, losses=np.full_like(roof.losses, 1.5))
    polygons = relief_of(flat, monkeypatch, scale=Scale(1.0, 2.0, False))
    expected = plt.get_cmap("plasma")(0.5)
    np.testing.assert_allclose(polygons.fill, np.tile(expected, (len(polygons.fill), 1)))
    assert heights.max() <= 2


@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 7))
def test_no_hills_or_holes_between_samples(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(np.sort(rng.normal(size=rows)), np.sort(rng.normal(size=columns)))
    heights = 10 ** rng.normal(0, 2, grid.shape)
    alphas, betas = finer(grid.alphas, 40), finer(grid.betas, 30)
    fine = between(grid, heights, alphas, betas)
    i, j = np.searchsorted(alphas, grid.alphas), np.searchsorted(betas, grid.betas)
    rounding = 1e-12 * heights.max()
    np.testing.assert_allclose(fine[np.ix_(i, j)], heights, rtol=0, atol=rounding)
    for a in range(rows - 1):
        for b in range(columns - 1):
            inside = fine[i[a] : i[a + 1] + 1, j[b] : j[b + 1] + 1]
            corners = heights[a : a + 2, b : b + 2]
            assert inside.min() >= corners.min() - rounding
            assert inside.max() <= corners.max() + rounding


def test_between_samples_neither_axis_is_preferred_and_holes_stay_holes() -> None:
    grid = Grid.regular((5, 4))
    heights = np.random.default_rng(0).random((5, 4))
    alphas, betas = finer(grid.alphas, 20), finer(grid.betas, 24)
    turned = between(Grid(grid.betas, grid.alphas), heights.T, betas, alphas)
    np.testing.assert_allclose(between(grid, heights, alphas, betas), turned.T)
    heights[0, 0] = np.nan
    missing = np.isnan(between(grid, heights, alphas, betas))
    inside = (alphas < grid.alphas[1])[:, None] & (betas < grid.betas[1])
    np.testing.assert_array_equal(missing, inside)
    assert np.isnan(between(grid, np.full((5, 4), np.nan), alphas, betas)).all()


def test_surfaces_side_by_side_share_colors(slope: Surface, surface: Surface) -> None:
    figure = figures.plot(slope, surface, kind="heatmap")
    a, b = (axes.collections[0].norm for axes in figure.axes[:2])
    assert (a.vmin, a.vmax) == (b.vmin, b.vmax)
    assert a.vmin <= min(slope.losses.min(), surface.losses.min())
    assert a.vmax >= max(slope.losses.max(), surface.losses.max())
    assert [axes.get_title().split("\n")[0] for axes in figure.axes[:2]] == ["slope", "mlp"]


def test_log_scale_draws_logarithms_with_ticks_in_losses(slope: Surface) -> None:
    slope.losses[:] = np.array([0.001, 0.1, 10, 1000])[:, None]
    figure = slope.plot(kind="heatmap")
    np.testing.assert_allclose(drawn(figure).collections[0].get_array()[0], [-3, -1, 1, 3])
    bar = figure.axes[1].yaxis
    for place, label in zip(bar.get_ticklocs(), bar.get_ticklabels(), strict=True):
        assert float(label.get_text()) == pytest.approx(10**place)
    assert "log scale" in figure.axes[1].get_ylabel()


def test_what_is_not_finite_is_left_out_and_reported(slope: Surface) -> None:
    slope.losses[0, 0], slope.losses[1, 1] = np.inf, np.nan
    for kind in FLAT:
        axes = drawn(slope.plot(kind=kind))
        assert "2 points not finite" in axes.get_title()
    assert axes.collections[0].get_array().mask.sum() == 2


def test_an_unfinished_scan_is_drawn_and_reported(slope: Surface) -> None:
    slope.evaluated[1:, :] = False
    slope.losses[1:, :] = np.nan
    axes = drawn(slope.plot(kind="heatmap"))
    assert "25% of the points" in axes.get_title()
    assert not np.ma.getmaskarray(axes.collections[0].get_array()).any()


def test_the_loss_has_its_unit_where_all_have_one(slope: Surface) -> None:
    entropy = replace(slope, settings={"loss": "cross_entropy"})
    assert figures.plot(entropy, entropy, kind="heatmap").axes[2].get_ylabel() == (
        "mean cross-entropy (nats)"
    )
    assert figures.plot(entropy, slope, kind="heatmap").axes[2].get_ylabel() == "mean loss"


def test_a_cut_is_reported(slope: Surface) -> None:
    figure = slope.plot(kind="heatmap", maximum=2.5)
    assert "clipped at 2.5" in figure.axes[1].get_ylabel()


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (1, 1)])
def test_a_line_is_no_surface(shape: tuple[int, int]) -> None:
    line = Surface.empty(Grid.regular(shape), {}, {})
    line.losses.flat[:], line.evaluated[:] = np.arange(line.losses.size) + 1.0, True
    for kind in ("surface", "contour"):
        with pytest.raises(LandscapeError, match="two points or more along both axes"):
            line.plot(kind=kind)
    mesh = drawn(line.plot(kind="heatmap")).collections[0]
    np.testing.assert_array_equal(mesh.get_array(), line.losses.T)
    assert np.ptp(mesh.get_coordinates()[..., 0]) > 0
    assert np.ptp(mesh.get_coordinates()[..., 1]) > 0


def test_levels_outside_the_losses_are_left_out(slope: Surface) -> None:
    axes = drawn(slope.plot(kind="contour", levels=[0.1, 0.5, 2.5, 99, 1000]))
    assert [text.get_text() for text in axes.texts] == ["2.5"]
    drawn(slope.plot(kind="contour", levels=[77, 99]))


def test_a_range_without_the_center_is_not_stretched_to_it(slope: Surface) -> None:
    away = Surface.empty(Grid.regular(3, (2, 3)), {}, {})
    away.losses[:], away.evaluated[:] = np.arange(9.0).reshape(3, 3), True
    assert drawn(away.plot(kind="contour")).get_xlim() == (2, 3)


def test_names_and_losses_of_all_kinds_are_drawn(slope: Surface) -> None:
    odd = Surface.empty(Grid.regular(3), {}, {"name": r"a$\x$b costs $5"})
    odd.losses[:], odd.evaluated[:] = np.arange(9.0).reshape(3, 3) + 1, True
    odd.losses[1, 1] = np.nan
    for kind in FLAT:
        assert "costs" in drawn(odd.plot(kind=kind)).get_title()
    for loss in (1e20, 1e-300, 0.0):
        odd.losses[:] = loss
        drawn(odd.plot(kind="heatmap"))


@pytest.mark.parametrize("kind", FLAT)
def test_files_are_what_their_names_say(slope: Surface, tmp_path: Path, kind: str) -> None:
    for suffix, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        path = tmp_path / "new" / f"a.{suffix}"
        figures.save(slope.plot(kind=kind), path, dpi=50)
        assert path.read_bytes().startswith(magic)
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.pdf", "a.png", "a.svg"]
    with pytest.raises(ValueError, match=r"ends in \.png, \.pdf, \.svg"):
        figures.save(slope.plot(), tmp_path / "a.jpg")


def test_vector_files_stay_small(tmp_path: Path) -> None:
    fine = Surface.empty(Grid.regular(101), {}, {})
    fine.losses[:], fine.evaluated[:] = np.random.default_rng(0).random((101, 101)), True
    figures.save(fine.plot(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 2_500_000  # noise does not compress


def test_wrong_kinds_are_refused(slope: Surface) -> None:
    with pytest.raises(ValueError, match="kind must be auto, surface, contour, heatmap"):
        slope.plot(kind="surfaces")
    with pytest.raises(ValueError, match="one surface or more"):
        figures.plot()


def test_learning_curves_draw_every_epoch() -> None:
    history = {
        "train_loss": [2.0, 1.0],
        "train_accuracy": [0.5, 0.75],
        "test_loss": [3.0, 2.5],
        "test_accuracy": [0.25, 0.5],
    }
    figure = figures.learning_curves({"a": history, "b": {"train_loss": [1.0]}})
    drawn = [[np.asarray(line.get_ydata()).tolist() for line in a.lines] for a in figure.axes]
    assert drawn == [[[2, 1], [3, 2.5], [1]], [[50, 75], [25, 50]]]
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [1, 2]


def samples_of(curve: Any) -> Any:
    """The values of a curve at the points that were evaluated."""
    return curve.get_ydata()[:: curve.get_markevery()]


def line_of(values: Any, name: str, repeats: tuple[Surface, ...] = ()) -> Surface:
    surface = Surface.empty(Grid.regular((len(values), 1)), {}, {"name": name})
    surface.losses[:, 0], surface.evaluated[:] = values, True
    surface.accuracies[:, 0] = np.linspace(0, 1, len(values))
    return replace(surface, repeats=repeats)


def test_lines_are_curves_of_loss_and_accuracy_with_the_spread_of_seeds() -> None:
    others = tuple(line_of(np.array([1.0, 2, 3]) * k, "a") for k in (2, 4))
    a = line_of([1.0, 2, 3], "a", others)
    b = replace(line_of([5.0, np.nan, 7], "b$"), marks=(Mark("here", 0.5, 0.0),))
    figure = figures.plot(a, b)  # lines are drawn as lines
    figure.canvas.draw()
    axes: list[Any] = figure.axes
    losses, accuracies = axes
    curves = {line.get_label(): line for line in losses.get_lines()}
    seeds = "a (median of 3 seeds; thin: each seed, band: their range)"
    np.testing.assert_allclose(samples_of(curves[seeds]), [2.0, 4, 6])
    np.testing.assert_array_equal(samples_of(curves[r"b\$"]), [5.0, np.nan, 7])
    band = losses.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 1
    assert band[:, 1].max() == 12
    assert accuracies.get_lines()[0].get_ydata()[-1] == 100
    assert any(text.get_text() == "here" for text in losses.texts)


def test_marks_of_lines_are_where_they_are_and_at_their_own_loss() -> None:
    def marked(name: str, *marks: Mark) -> Surface:
        return replace(line_of([1.0, 2, 3], name), marks=marks)

    ab = marked("ab", Mark("a", 0.0, 0.0, 0.0, 1.5), Mark("b", 1.0, 0.0, 0.0, 4.0))
    axes = drawn(figures.plot(ab))
    assert {text.get_text() for text in axes.texts} == {"a", "b"}
    own = [line.get_xydata() for line in axes.get_lines() if line.get_linestyle() == "None"]
    np.testing.assert_array_equal(np.concatenate(own), [(0, 1.5), (1, 4)])
    bc = marked("bc", Mark("b", 0.0, 0.0), Mark("c", 1.0, 0.0), Mark("d", 0.5, 0.2))
    texts = {text.get_text() for text in drawn(figures.plot(ab, bc)).texts}
    assert texts == {"ab: a, bc: b", "ab: b, bc: c", "bc: d (off the line)"}


def test_a_seed_that_diverged_counts_in_the_median_of_a_line() -> None:
    others = (line_of([2.0, np.inf, np.inf, 2], "a"), line_of([3.0, 3, np.nan, 3], "a"))
    a = line_of([1.0, 1, 1, 1], "a", others)
    losses = drawn(figures.plot(a))
    (curve,) = [line for line in losses.get_lines() if line.get_label().startswith("a")]
    seeds = "median of 3 seeds; thin: each seed, band: their range"
    assert curve.get_label() == f"a ({seeds}, not all finite at 2 of 4 points)"
    np.testing.assert_array_equal(samples_of(curve), [2, 3, np.nan, 2])


def test_a_line_that_is_not_finished_is_drawn_through_its_points_and_reported() -> None:
    line = line_of(np.arange(1.0, 42), "a")
    order = line.grid.order()[20:]
    line.evaluated.flat[order], line.losses.flat[order] = False, np.nan
    axes = drawn(figures.plot(line))
    (curve,) = axes.get_lines()
    assert curve.get_label() == "a (49% of the points)"
    assert len(samples_of(curve)) == 20
    assert np.isfinite(curve.get_ydata()).all()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_lines_are_the_monotone_cubics_of_surfaces(scale: Any) -> None:
    losses = np.array([9.0, 4, 0.3, 2, 50])
    line = line_of(losses, "a")
    (curve,) = drawn(figures.plot(line, quantity="loss", scale=scale)).get_lines()
    x, y = curve.get_xdata(), curve.get_ydata()
    assert len(x) > 300
    shown, back = (np.log10, lambda y: 10**y) if scale == "log" else (np.copy, np.copy)
    oracle = PchipInterpolator(line.grid.alphas, shown(losses))
    np.testing.assert_allclose(y, back(oracle(x)), rtol=1e-12)


def test_losses_that_are_not_positive_are_at_the_lowest_of_a_log_axis() -> None:
    line = line_of([2.0, 0.0, -1.0, 300], "a")
    (curve,) = drawn(figures.plot(line, quantity="loss", scale="log")).get_lines()
    np.testing.assert_allclose(samples_of(curve), [2, 2, 2, 300])


@pytest.mark.parametrize(("num", "is_marked"), [(24, True), (25, False), (101, False)])
def test_few_points_of_a_line_are_marked(num: int, is_marked: bool) -> None:
    line = line_of(np.linspace(1, 2, num) ** 2, "a")
    (curve,) = drawn(figures.plot(line, quantity="loss")).get_lines()
    assert (curve.get_marker() not in ("None", "")) == is_marked
    if is_marked:
        np.testing.assert_array_equal(samples_of(curve), line.losses[:, 0])


@pytest.mark.parametrize("size", [None, (2.4, 2.0), (5.0, 2.0)])
def test_numbers_below_narrow_lines_do_not_touch(size: tuple[float, float] | None) -> None:
    line = line_of([1.0, 2, 3], "a")
    line = replace(line, grid=Grid.regular((3, 1), alpha=(-0.1, 0.1)))
    figure = figures.plot(line, size=size)
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [t for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
        boxes = [tick.label1.get_window_extent() for tick in ticks]
        assert len(boxes) >= 2
        assert all(b.x0 > a.x1 for a, b in itertools.pairwise(boxes))


def test_seeds_that_are_not_finished_are_reported(slope: Surface) -> None:
    later = slope.copy()
    later.evaluated[:] = False
    later.losses[:] = np.nan
    axes = drawn(replace(slope, repeats=(later,)).plot(kind="heatmap"))
    recorder = " ".join(axes.get_title().split())  # lines fill the room
    assert recorder == "slope 50% of the points, median of 2 seeds, 1 at some points"


def test_a_surface_of_several_seeds_is_their_median_and_says_so(slope: Surface) -> None:
    others = tuple(replace(slope.copy(), losses=slope.losses * k) for k in (3, 4))
    figure: Any = replace(slope, repeats=others).plot(kind="heatmap")
    assert "median of 3 seeds, which differ by a factor of 4" in drawn(figure).get_title()
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array(), 3 * slope.losses.T)


@pytest.fixture
def walked(slope: Surface) -> Surface:
    steps = np.arange(3.0)
    path = Trajectory("run", steps, steps / 2, steps / 3, 2 - steps, 4 - steps, 3 - steps)
    exact = Trajectory("curve", steps, steps / 2, steps / 3, steps * 1e-9, 4 - steps, 4 - steps)
    return replace(slope, trajectories=(path, exact), marks=(Mark("A$", 0.5, 0.5, 0.0, 2.0),))


def test_a_path_is_drawn_with_its_distance_and_both_losses(walked: Surface) -> None:
    figure = walked.plot(kind="path")
    every: list[Any] = figure.axes
    flat, losses, off = (axes for axes in every if axes.get_label() != "<colorbar>")
    over = next(line for line in flat.get_lines() if line.get_label() == "run")
    np.testing.assert_allclose(over.get_xdata(), [0, 0.5, 1])
    assert r"A\$" in {text.get_text() for text in flat.texts}
    (distances,) = off.get_lines()  # the curve is off the plane by rounding alone
    np.testing.assert_allclose(distances.get_ydata(), [2, 1, 0])
    labels = [line.get_label() for line in losses.get_lines()]
    assert labels == ["run, its own", "at the projection", "curve"]


def test_a_curve_on_the_plane_has_no_distance_to_draw(walked: Surface) -> None:
    figure = replace(walked, trajectories=walked.trajectories[1:]).plot(kind="path")
    assert len([axes for axes in figure.axes if axes.get_label() != "<colorbar>"]) == 2


@pytest.mark.parametrize("kind", FLAT)
def test_paths_and_marks_are_on_every_picture(walked: Surface, kind: Any) -> None:
    axes = drawn(walked.plot(kind=kind))
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 3]
    assert len(lines) >= 2
    if kind == "surface":  # at their own losses, not on the surface
        heights = lines[0].get_data_3d()[2]
        np.testing.assert_allclose(heights, [4, 3, 2])
    assert any("A" in text.get_text() for text in axes.texts)


def test_curvature_is_drawn_with_what_has_not_converged(slope: Surface) -> None:
    curvature = Curvature.empty(slope.grid)
    curvature.lowest[:], curvature.highest[:] = -1.0, 4.0
    curvature.evaluated[:], curvature.converged[:] = True, True
    curvature.converged[3, 2] = False
    curvature.lowest[0, 0], curvature.evaluated[0, 0] = np.nan, False
    axes = drawn(replace(slope, curvature=curvature).plot(kind="curvature"))
    values = axes.collections[0].get_array()
    assert values[0, 0] == 0.25  # of its neighbors
    assert values[2, 3] == 0.25
    assert "1 points not converged, 92% of the points" in axes.get_title()
    assert axes.get_lines()[0].get_xydata().tolist() == [[2.0, 1.0]]


@pytest.fixture
def partial() -> Surface:
    """A bowl of 9×7 points, a third of which is evaluated, one of them not finite."""
    grid = Grid.regular((9, 7), (-1, 1), (-1, 1))
    a, b = np.meshgrid(grid.alphas, grid.betas, indexing="ij")
    evaluated = np.random.default_rng(0).random(grid.shape) < 0.3
    evaluated[np.ix_([0, -1], [0, -1])] = evaluated[4, 3] = True
    losses = np.where(evaluated, 10 ** (2 * (a**2 + b**2) - 2), np.nan)
    return replace(Surface.empty(grid, {}, {}), losses=losses, evaluated=evaluated)


def scattered(axes: Any) -> list[Any]:
    """Return the markers that axes have."""
    return [each for each in axes.collections if isinstance(each, PathCollection)]


@pytest.mark.parametrize("kind", ["contour", "heatmap"])
def test_dots_are_at_the_evaluated_points(partial: Surface, kind: str) -> None:
    partial.losses[0, 0] = np.inf
    places = np.argwhere(partial.evaluated)
    wanted = np.column_stack([partial.grid.alphas[places[:, 0]], partial.grid.betas[places[:, 1]]])
    axes = drawn(partial.plot(kind=kind, evaluated=True))
    (dots,) = scattered(axes)
    np.testing.assert_allclose(dots.get_offsets(), wanted)
    assert "dots: evaluated points" in axes.get_title()
    # Black on gray and on bright colors, white on dark ones.
    inks = {
        tuple(place): tuple(ink[:3])
        for place, ink in zip(places.tolist(), dots.get_facecolor(), strict=True)
    }
    assert inks[0, 0] == inks[8, 6] == (0, 0, 0)
    assert inks[4, 3] == (1, 1, 1)
    plain = drawn(partial.plot(kind=kind))
    assert scattered(plain) == []
    assert "dots" not in plain.get_title()
    assert (plain.get_xlim(), plain.get_ylim()) == (axes.get_xlim(), axes.get_ylim())


def test_dots_of_the_curvature_are_where_it_converged(slope: Surface) -> None:
    curvature = Curvature.empty(slope.grid)
    for i, j, converged in ((1, 1, True), (2, 0, True), (3, 2, False)):
        curvature.lowest[i, j], curvature.highest[i, j] = -1.0, 4.0
        curvature.evaluated[i, j], curvature.converged[i, j] = True, converged
    figure = replace(slope, curvature=curvature).plot(kind="curvature", evaluated=True)
    (dots,) = scattered(drawn(figure))
    np.testing.assert_allclose(dots.get_offsets(), [[0.0, 0.5], [1.0, 0.0]], atol=1e-12)


CURVED = [(1, 1), (2, 0), (3, 2), (0, 0)]


def curved(surface: Surface) -> Surface:
    """Return a surface with eigenvalues at four points, of which the third did not converge."""
    curvature = Curvature.empty(surface.grid)
    for number, place in enumerate(CURVED):
        curvature.lowest[place], curvature.highest[place] = -1.0 - number, 4.0 + number
        curvature.evaluated[place], curvature.converged[place] = True, number != 2
    return replace(surface, curvature=curvature)


@pytest.mark.parametrize(
    ("quantity", "values", "label"),
    [
        ("lowest", [-1, -2, -3, -4], r"\lambda_{\min}$ of"),
        ("highest", [4, 5, 6, 7], r"\lambda_{\max}$ of"),
        ("ratio", [1 / 4, 2 / 5, 3 / 6, 4 / 7], "/"),
    ],
)
def test_eigenvalues_are_layers_of_figures(
    slope: Surface, quantity: str, values: Any, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    surface = curved(slope)
    figure = surface.plot(kind="heatmap", quantity=quantity, evaluated=True)
    axes = drawn(figure)
    cells = axes.collections[0].get_array().T
    np.testing.assert_allclose([cells[place] for place in CURVED], values)
    assert label in figure.axes[1].get_ylabel()
    limits = (0, 1) if quantity == "ratio" else (min(values), max(values))
    assert axes.collections[0].get_clim() == limits
    assert "× 1 points not converged, 33% of the points" in axes.get_title()
    assert axes.get_lines()[0].get_xydata().tolist() == [[2.0, 1.0]]
    (dots,) = scattered(axes)
    np.testing.assert_allclose(
        dots.get_offsets(), [[-1.0, 0.0], [0.0, 0.5], [1.0, 0.0]], atol=1e-12
    )
    assert drawn(surface.plot(kind="contour", quantity=quantity)).get_lines()

    made = []

    def record(*arguments: Any) -> Polygons:
        made.append(symbols(*arguments))
        return made[-1]

    monkeypatch.setattr("landscape.figures.relief.symbols", record)
    drawn(surface.plot(kind="surface", quantity=quantity))
    (cross,) = made
    np.testing.assert_allclose(cross.corners[:, 0], [[2, 1, values[2]]] * len(cross.corners))
    with pytest.raises(ValueError, match="expected a quantity"):
        slope.plot(quantity=quantity)


def test_eigenvalues_along_a_line_are_drawn_where_they_are_evaluated() -> None:
    line = Surface.empty(Grid.regular((5, 1)), {}, {"name": "line"})
    line.losses[:], line.evaluated[:] = 1.0, True
    curvature = Curvature.empty(line.grid)
    curvature.lowest[1:4, 0], curvature.highest[1:4, 0] = [-3, -2, -1], [4, 5, 6]
    curvature.evaluated[1:4], curvature.converged[1:3] = True, True
    figure = replace(line, curvature=curvature).plot(quantity="highest")
    curve, cross = drawn(figure).get_lines()
    known = curve.get_xydata()[:: curve.get_markevery()]
    np.testing.assert_allclose(known, [[-0.5, 4.0], [0.0, 5.0], [0.5, 6.0]])
    assert cross.get_xydata().tolist() == [[0.5, 6]]


def test_dots_of_a_relief_lie_on_its_polygons(
    partial: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def record(*arguments: Any) -> Polygons:
        made.append(symbols(*arguments))
        return made[-1]

    monkeypatch.setattr("landscape.figures.relief.symbols", record)
    axes = drawn(partial.plot(kind="surface", evaluated=True))
    corners = made[0].corners
    scale = Scale.covering([partial])
    places = np.argwhere(partial.evaluated)
    # The first and the last corner of a piece is the point: four pieces, fewer at the border.
    np.testing.assert_array_equal(corners[:, 0], corners[:, 3])
    for i, j in places:
        middle = [partial.grid.alphas[i], partial.grid.betas[j]]
        height = scale.heights(partial.losses[i, j])
        pieces = np.abs(corners[:, 0] - [*middle, height]).max(axis=1) < 1e-9
        assert pieces.sum() == (2 if i in (0, 8) else 4) / (2 if j in (0, 6) else 1)
    at_border = (np.isin(places, [0, 8]) & [True, False]) | (
        np.isin(places, [0, 6]) & [False, True]
    )
    assert len(corners) == sum(4 / 2**num for num in at_border.sum(axis=1))
    # Every other corner lies on a side of the polygons: on the line between two of their corners.
    alphas, betas = finer(partial.grid.alphas, 120), finer(partial.grid.betas, 120)
    heights = between(partial.grid, scale.heights(partial.interpolated()), alphas, betas)
    for x, y, z in corners[:, 1:3].reshape(-1, 3):
        along = np.array([np.interp(x, alphas, column) for column in heights.T])
        assert z == pytest.approx(np.interp(y, betas, along), abs=1e-9)
    drawn_colors = axes.collections[0].get_facecolor()
    ends = {tuple(color) for color in drawn_colors if tuple(color[:3]) in ((0, 0, 0), (1, 1, 1))}
    assert {(0, 0, 0, 1), (1, 1, 1, 1)} <= ends


def test_dots_behind_a_hill_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid.regular((41, 41), (-1, 1), (-1, 1))
    ground = Surface.empty(grid, {}, {})
    ground.losses[:] = 1.0
    ground.losses[:, 14:16] = 3.0  # a wall
    # All have the same heights, wherever they are evaluated.
    monkeypatch.setattr(Surface, "interpolated", lambda surface: surface.losses)

    def changed_pixels(columns: slice) -> int:
        """How much of a picture changes by dots at some columns of the grid."""
        evaluated = np.zeros(grid.shape, dtype=bool)
        evaluated[5:36, columns] = True
        pictures = []
        for has_dots in (False, True):
            figure = replace(ground, evaluated=evaluated).plot(
                kind="surface",
                evaluated=has_dots,
                title="",
                scale=Scale(1, 3, log=False),
                levels=[],
                elevation=10.0,
                azimuth=-90.0,
            )
            canvas: Any = figure.canvas
            canvas.draw()
            pictures.append(np.asarray(canvas.buffer_rgba()).astype(int))
        difference = np.abs(pictures[1] - pictures[0]).max(axis=2)
        return int((difference > 50).sum())

    assert changed_pixels(slice(17, 22)) == 0
    assert changed_pixels(slice(5, 10)) > 100


def test_accuracies_are_drawn_in_percent_on_the_whole_scale(walked: Surface) -> None:
    walked.accuracies[:] = np.linspace(0, 1, 4)[:, None]
    figure: Any = walked.plot(kind="heatmap", quantity="accuracy")
    mesh = drawn(figure).collections[0]
    np.testing.assert_allclose(mesh.get_array()[0], [0, 100 / 3, 200 / 3, 100])
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0, 100)
    assert "accuracy (%)" in [axes.get_ylabel() for axes in figure.axes]
    axes = drawn(walked.plot(quantity="accuracy"))
    run = next(line for line in axes.get_lines() if line.get_label() == "run")
    np.testing.assert_allclose(run.get_data_3d()[2], [100 / 3, 50, 200 / 3])  # of the plane
    assert "loss" not in {text.get_text() for text in axes.texts}
    line = line_of([1.0, 2, 3], "a")
    for quantity, unit in (("loss", "mean loss"), ("accuracy", "accuracy (%)")):
        every: list[Any] = line.plot(quantity=quantity).axes
        assert [axes.get_ylabel() for axes in every] == [unit]
    for kind in ("path", "curvature"):
        with pytest.raises(ValueError, match="its own quantity"):
            walked.plot(kind=kind, quantity="accuracy")
    with pytest.raises(ValueError, match="loss, accuracy, got 'error'"):
        walked.plot(quantity="error")
    walked.accuracies[:] = np.nan
    with pytest.raises(LandscapeError, match="has no accuracies"):
        walked.plot(quantity="accuracy")


@pytest.mark.parametrize("kind", ["surface", "contour", "path", "curvature"])
def test_names_and_titles_are_the_users(walked: Surface, kind: Any) -> None:
    curvature = Curvature.empty(walked.grid)
    curvature.lowest[:], curvature.highest[:] = -1.0, 4.0
    curvature.evaluated[:], curvature.converged[:] = True, True
    pair = [replace(walked, curvature=curvature)] * 2

    def titles(**options: Any) -> tuple[str, list[str]]:
        figure: Any = figures.plot(*pair, kind=kind, **options)
        above = [axes.get_title() for axes in figure.axes if axes.get_label() != "<colorbar>"]
        return figure.get_suptitle(), [text for text in above if text]

    recorder = [text.split("\n")[0] for text in titles(names=["a$", "b"])[1]]
    assert recorder == [r"a\$", "b"]
    assert titles(title="T$") == (r"T\$", ["slope", "slope"])
    assert titles(title="") == ("", [])
    assert titles(title="", names=["a", "b"]) == ("", ["a", "b"])
    for wrong in (["a"], "ab"):
        with pytest.raises(ValueError, match="expected 2 names, for slope, slope"):
            titles(names=wrong)


def test_a_title_goes_into_the_only_axes(slope: Surface) -> None:
    axes = plt.figure().add_subplot()
    slope.plot(kind="contour", ax=axes, title="mine")
    assert axes.get_title() == "mine"
    with pytest.raises(ValueError, match="give none with ax"):
        figures.plot(slope, slope, kind="contour", ax=plt.figure().subplots(1, 2), title="ours")


def test_the_camera_is_the_users(slope: Surface) -> None:
    usual: Any = slope.plot().axes[0]
    mine: Any = slope.plot(elevation=10, azimuth=0).axes[0]
    near: Any = slope.plot(zoom=2).axes[0]
    assert (usual.elev, usual.azim) == (32, -60)
    assert (mine.elev, mine.azim) == (10, 0)
    assert near._box_aspect == pytest.approx(2 * usual._box_aspect)
    for wrong in ({"zoom": 0.0}, {"zoom": np.inf}, {"azimuth": np.nan}):
        with pytest.raises(ValueError, match="finite angles and a zoom above 0"):
            slope.plot(**wrong)


def test_axes_of_planes_have_names(walked: Surface) -> None:
    def labels(**settings: Any) -> tuple[str, str]:
        axes = drawn(replace(walked, settings=settings).plot(kind="heatmap"))
        alpha, beta = (text.replace("\n", " ") for text in (axes.get_xlabel(), axes.get_ylabel()))
        return alpha, beta

    principal = {"plane": "principal components of 5 nets"}
    both = {"explained_variation_alpha": 0.9421, "explained_variation_beta": 0.041}
    assert labels(**principal, **both) == (
        "distance along PC 1 (94.2 %)",
        "distance along PC 2 (4.1 %)",
    )
    assert labels(**principal) == ("distance along PC 1", "distance along PC 2")
    assert labels() == ("α, along δ", "β, along η")
    marks = tuple(Mark(name, 0.1, 0.2) for name in ("a$", "b", "c"))
    walked = replace(walked, marks=marks)
    assert labels(plane="through 1, 2, 3") == (r"a\$ (0) → b (1)", "toward c, in the unit of α")
    assert labels(plane="of a curve") == labels(plane="through 1, 2, 3")
    line = replace(line_of([1.0, 2], "ab"), marks=marks[:2], settings={"plane": "through 1, 2"})
    assert drawn(line.plot()).get_xlabel() == r"a\$ (0) → b (1)"


@pytest.mark.parametrize(
    ("settings", "alpha", "beta"),
    [
        ({"seed": 0, "normalize": "filter"}, "α, along δ", "β, along η"),
        (
            {"seed": 0, "normalize": "layer"},
            "α, along δ (layer-normalized)",
            "β, along η (layer-normalized)",
        ),
        (
            {"seed": 0, "normalize": "none"},
            "α, along δ (not normalized)",
            "β, along η (not normalized)",
        ),
        (
            {"plane": "top eigenvectors"},
            "α, distance along the 1st eigenvector",
            "β, distance along the 2nd eigenvector",
        ),
        (
            {"plane": "eigenvectors of the largest and the smallest eigenvalue"},
            "α, distance along the 1st eigenvector",
            "β, distance along the lowest eigenvector",
        ),
        (
            {"directions": "given, 0123"},
            "α, along δ (given direction)",
            "β, along η (given direction)",
        ),
        (
            {"plane": "from 1 towards 2", "normalize": "filter"},
            "α, toward the other checkpoint, 1 = norm of a filter-normalized random direction",
            "β",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["surface", "contour", "heatmap"])
def test_axes_have_units_if_these_are_not_norms_of_filters(
    slope: Surface, kind: str, settings: Any, alpha: str, beta: str
) -> None:
    axes = replace(slope, settings=settings).plot(kind=kind).axes[0]
    texts = [" ".join(text.split()) for text in (axes.get_xlabel(), axes.get_ylabel())]
    assert texts == [alpha, beta]


def test_planes_that_differ_are_named_above_their_panels(slope: Surface) -> None:
    random = replace(slope, settings={"seed": 0, "normalize": "filter"})
    other_seed = replace(slope, settings={"seed": 1, "normalize": "filter"})
    eigenvectors = replace(slope, settings={"plane": "top eigenvectors"})

    def titles(*surfaces: Surface, **options: Any) -> list[str]:
        every = figures.plot(*surfaces, **options).axes[: len(surfaces)]
        return [" ".join(axes.get_title().split()) for axes in every]

    for kind in ("surface", "contour", "heatmap"):
        first, second = titles(random, eigenvectors, kind=kind)
        assert first.endswith("the planes differ, here: random directions, filter-normalized")
        assert second.endswith(
            "the planes differ, here: top eigenvectors, coordinates are Euclidean distances"
        )
        assert not any("differ" in title for title in titles(random, other_seed, kind=kind))


def test_lines_of_different_directions_are_named_in_the_legend() -> None:
    lines = [
        replace(line_of([1.0, 2], "a"), settings={"seed": 0, "normalize": "filter"}),
        replace(line_of([1.0, 2], "b"), settings={"plane": "top eigenvectors"}),
    ]
    figure = figures.plot(*lines)
    assert figure.axes[0].get_xlabel() == "α, of each line as in the legend"
    first, second = (text.get_text().split("\n") for text in figure.legends[0].get_texts())
    assert first[:2] == ["a", "α, along δ"]
    assert second[:2] == ["b", "α, distance along the 1st eigenvector"]


@pytest.mark.parametrize("kind", FLAT)
@pytest.mark.parametrize("beta", [(-1, 1), (0, 0.4)])
def test_equal_axes_have_equal_steps(kind: Any, beta: Any) -> None:
    surface = Surface.empty(Grid.regular((5, 5), (-1, 1), beta), {}, {})
    surface.losses[:], surface.evaluated[:] = np.arange(25.0).reshape(5, 5), True
    for size in ((3.25, 2), (6, 5)):
        axes = drawn(figures.plot(surface, kind=kind, size=size))
        steps = [np.diff(axis.get_ticklocs()) for axis in (axes.xaxis, axes.yaxis)]
        for step in steps:
            np.testing.assert_allclose(step, step[0])
        if beta == (-1, 1):
            assert steps[0][0] == pytest.approx(steps[1][0])


def corners_of(text: Any) -> NDArray[Any]:
    """Return the corners of a text's own rectangle, which may be turned."""
    turned = text.get_rotation()
    text.set_rotation(0)
    box = text.get_window_extent()
    text.set_rotation(turned)
    middle = np.array(text.get_window_extent().get_points()).mean(axis=0)
    half = np.array([box.width, box.height]) / 2
    cosine, sine = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return np.asarray(middle + signs * half @ np.array([[cosine, sine], [-sine, cosine]]))


def overlap(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Whether two rectangles overlap by more than a pixel: no side of either parts them."""
    for sides in (first, second):
        for k in range(2):
            across = (sides[k + 1] - sides[k]) / np.linalg.norm(sides[k + 1] - sides[k])
            a, b = first @ across, second @ across
            if a.max() < b.min() + 1 or b.max() < a.min() + 1:
                return False
    return True


@pytest.mark.parametrize("num", [1, 2])
@pytest.mark.parametrize("kind", [*FLAT, "line", "path", "curvature"])
def test_no_texts_overlap_in_a_column_of_a_paper(kind: Any, num: int) -> None:
    grid = Grid.regular((11, 1) if kind == "line" else 11, (-1, 1))
    surface = Surface.empty(grid, {"loss": "cross_entropy", "plane": "x"}, {"name": "resnet56"})
    bowl = np.hypot(grid.alphas[:, None], grid.betas) ** 2
    surface.losses[:], surface.evaluated[:] = 5e-4 + 60 * bowl, True
    surface.accuracies[:] = np.exp(-bowl)
    whole = np.ones(grid.shape, dtype=bool)
    curvature = Curvature(bowl * 0 + 1, bowl * 0 + 2, whole, whole.copy())
    curvature.converged[3:] = kind != "curvature"
    steps = np.arange(5.0)
    path = Trajectory("sgd", steps, steps / 9, steps / 7, steps, steps + 1, steps + 2)
    surface = replace(surface, curvature=curvature, trajectories=(path,) if kind == "path" else ())
    figure: Any = figures.plot(
        *[surface] * num, kind=kind, size=(3.25, 2 * num ** (kind == "path"))
    )
    figure.set_dpi(300)
    figure.canvas.draw()
    legends = [part for axes in figure.axes for part in axes.findobj(Legend)]
    left_out = {text for legend in legends for text in legend.get_texts()} | not_drawn(figure)
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    left_out -= {tick.label2 for axes in bars for tick in axes.yaxis.get_major_ticks()}
    texts = [
        (text.get_text(), corners_of(text))
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text not in left_out
    ]
    assert len(texts) > 8
    page = figure.bbox
    for number, (name, box) in enumerate(texts):
        assert (box.min(axis=0) > (-2, -2)).all(), name
        assert (box.max(axis=0) < (page.width + 2, page.height + 2)).all(), name
        others = [other for other, corners in texts[:number] if overlap(box, corners)]
        assert not others, (name, others)


def not_drawn(figure: Any) -> set[Any]:
    """Return labels of ticks outside of the limits: an axis has them, but does not draw them."""
    result = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis, *([axes.zaxis] if axes.name == "3d" else [])):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not low - slack <= tick.get_loc() <= high + slack:
                    result.add(tick.label1)
                result.add(tick.label2)
    return result


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "grayscale", "fivethirtyeight"])
def test_styles_keep_marks_visible(walked: Surface, style: str) -> None:
    with plt.style.context(style):
        for kind in FLAT:
            for odd in (walked, replace(walked, marks=(), trajectories=())):
                with_marks, without = (
                    pixels(replace(each).plot(kind=kind, title="", cmap="Greys"))
                    for each in (odd, replace(odd, marks=(), trajectories=()))
                )
                if odd is walked:
                    assert (np.abs(with_marks - without).max(axis=2) > 100).sum() > 100
        seventh = line_color(6)
        ground = plt.rcParams["axes.facecolor"]
        assert abs(sum(to_rgb(seventh)) - sum(to_rgb(ground))) > 1


def pixels(figure: Any) -> NDArray[Any]:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_a_style_with_a_color_map_keeps_it(slope: Surface) -> None:
    def color_map() -> str:
        return str(drawn(slope.plot(kind="heatmap")).collections[0].get_cmap().name)

    assert color_map() == "plasma"
    with plt.style.context("grayscale"):
        assert color_map() == "gray"


def test_lines_of_contours_are_smooth_and_are_seen_on_any_color() -> None:
    bowl = Surface.empty(Grid.regular(9), {}, {})
    a, b = np.meshgrid(bowl.grid.alphas, bowl.grid.betas, indexing="ij")
    bowl.losses[:], bowl.evaluated[:] = a**2 + b**2, True
    axes = drawn(bowl.plot(kind="contour", levels=[0.2, 0.7]))
    lines = next(c for c in axes.collections if len(c.get_paths()) == 2)
    for path in lines.get_paths():
        steps = np.diff(path.vertices, axis=0)
        angles = np.unwrap(np.arctan2(*steps[np.hypot(*steps.T) > 1e-3].T))
        assert np.abs(np.diff(angles)).max() < 0.3  # radians; of the samples alone up to 0.8
    dark, bright = lines.get_edgecolor()[:, :3]
    assert dark.tolist() == [1, 1, 1]
    assert bright.tolist() == [0, 0, 0]


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_meshes_have_600_dots_per_inch_in_vector_files(
    slope: Surface, tmp_path: Path, suffix: str
) -> None:
    figures.save(slope.plot(kind="contour", size=(2, 2)), tmp_path / f"a.{suffix}")
    figures.save(slope.plot(kind="contour", size=(2, 2)), tmp_path / f"b.{suffix}", dpi=100)
    sizes = [(tmp_path / f"{name}.{suffix}").stat().st_size for name in "ab"]
    assert sizes[0] > sizes[1]


def test_a_figure_of_too_many_pixels_is_refused(slope: Surface, tmp_path: Path) -> None:
    with pytest.raises(LandscapeError, match="at most 65,535 can be drawn: give a smaller"):
        figures.save(slope.plot(kind="heatmap", size=(30, 3)), tmp_path / "a.png", dpi=2400)
    assert not plt.get_fignums()
    assert not list(tmp_path.iterdir())


def test_missing_quantities_are_not_drawn(slope: Surface) -> None:
    for kind, text in (
        ("path", "has no trajectory"),
        ("curvature", "no eigenvalues"),
        ("line", "not a line"),
    ):
        with pytest.raises(LandscapeError, match=text):
            slope.plot(kind=kind)


def test_contour_labels_do_not_run_into_each_other_or_out_of_the_picture() -> None:
    crowded = Surface.empty(Grid.regular(41), {}, {})
    a, b = np.meshgrid(crowded.grid.alphas, crowded.grid.betas, indexing="ij")
    crowded.losses[:], crowded.evaluated[:] = np.exp(12 * np.hypot(a, b)), True
    levels = [float(f"{level:.3g}") for level in np.exp(np.linspace(0.5, 12, 30))]
    axes = drawn(figures.plot(*[crowded] * 3, kind="contour", levels=levels, size=(7, 2.4)))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) >= 3
    frame = axes.get_window_extent()
    for number, box in enumerate(boxes):
        assert frame.contains(*box.min)
        assert frame.contains(*box.max)
        assert box.count_overlaps(boxes[:number]) == 0


def test_figures_go_into_given_axes(slope: Surface, walked: Surface) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert slope.plot(kind="contour", ax=left) is figure
    assert left.get_title().startswith("slope")
    assert not right.get_title()
    _, both = plt.subplots(1, 2)
    assert figures.plot(slope, slope, kind="heatmap", ax=both) is both[0].figure
    part: Any = plt.figure().subfigures(1, 2)
    slope.plot(kind="contour", ax=part[0].subplots())
    figures.plot(line_of([1.0, 2], "a"), line_of([2.0, 1], "b"), ax=right)
    assert len(right.get_lines()) == 2
    upright = plt.figure().add_subplot(projection="3d")
    slope.plot(ax=upright)
    assert upright.collections
    for options, text in (
        ({"ax": right}, "projection 3d"),
        ({"ax": upright, "kind": "contour"}, "projection rectilinear"),
        ({"ax": [left, right], "kind": "contour"}, "expected 1 axes"),
        ({"ax": left, "kind": "contour", "size": (3, 3)}, "without size"),
        ({"ax": [], "kind": "contour"}, "expected 1 axes"),
    ):
        with pytest.raises(ValueError, match=text):
            slope.plot(**options)
    with pytest.raises(ValueError, match="ax is for the kinds"):
        walked.plot(kind="path", ax=left)


def test_the_size_is_in_inches_and_the_style_is_kept(slope: Surface, tmp_path: Path) -> None:
    for kind in FLAT:
        figures.save(slope.plot(kind=kind, size=(3.25, 2.5)), tmp_path / "a.png", dpi=100)
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.size == (325, 250)
    with plt.rc_context({"font.size": 17, "image.cmap": "magma", "figure.facecolor": "red"}):
        figure: Any = slope.plot(kind="heatmap")
        assert figure.axes[0].xaxis.label.get_fontsize() == 17
        assert figure.axes[0].collections[0].get_cmap().name == "magma"
        assert figure.get_facecolor()[:3] == (1, 0, 0)


def test_text_shrinks_with_the_figure_unless_the_style_says_so(slope: Surface) -> None:
    def font_size(**options: Any) -> float:
        figure: Any = slope.plot(kind="heatmap", **options)
        return float(figure.axes[0].xaxis.label.get_fontsize())

    assert font_size() == font_size(size=(20, 20)) == 10
    assert 5 <= font_size(size=(2.6, 2.3)) < font_size(size=(4, 4)) < 10
    with plt.rc_context({"font.size": 9}):
        assert font_size(size=(2.6, 2.3)) == 9


def test_a_style_that_crops_its_figures_can_make_animations(slope: Surface, tmp_path: Path) -> None:
    with plt.rc_context({"savefig.bbox": "tight"}):
        figures.animate([slope], tmp_path / "a.gif", seconds=0.2, dpi=30)
    assert len(frames(tmp_path / "a.gif")) == 2


def test_many_surfaces_take_several_rows(slope: Surface) -> None:
    every: list[Any] = figures.plot(*[slope] * 6, kind="heatmap").axes
    shapes = {axes.get_subplotspec().get_gridspec().get_geometry() for axes in every[:6]}
    assert shapes == {(2, 3)}


def test_fonts_in_pdf_are_truetype(slope: Surface, tmp_path: Path) -> None:
    figures.save(slope.plot(kind="heatmap"), tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type42" in content or b"/FontFile2" in content or b"/CIDFontType2" in content
    assert b"/Type3" not in content


def frames(path: Path) -> list[NDArray[Any]]:
    with Image.open(path) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


def test_an_animation_turns_once_around(slope: Surface, tmp_path: Path) -> None:
    recorder, mine = Recorder(), plt.figure()
    path = tmp_path / "a.gif"
    figures.animate([slope], path, seconds=0.4, dpi=40, progress=recorder)
    pictures = frames(path)
    assert len(pictures) == 4
    assert all((pictures[0] != other).any() for other in pictures[1:])
    with Image.open(path) as animation:
        assert animation.info["duration"] == 100
    assert recorder.done == [1, 2, 3, 4]
    assert plt.get_fignums() == [mine.number]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("kind", FLAT)
def test_an_animation_shows_one_after_the_other_on_one_scale(
    slope: Surface, tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales, titles = [], []
    original, original_write = Picture.add_bar, captions.write

    def record(self: Picture, figure: Any, every: Any, **options: Any) -> None:
        scales.append(self.scale)
        original(self, figure, every, **options)

    def record_title(every: Any, texts: Any) -> None:
        original_write(every, texts)
        titles.append(every[0].get_title().split("\n")[0])

    monkeypatch.setattr(Picture, "add_bar", record)
    monkeypatch.setattr("landscape.figures.panels.write", record_title)
    epochs = [
        replace(slope, losses=slope.losses / k, provenance={"name": f"epoch {k}"})
        for k in (1, 2, 4)
    ]
    path = tmp_path / "a.gif"
    figures.animate(epochs, path, motion="sequence", kind=kind, dpi=40, size=(3, 3))
    assert len(set(scales)) == 1
    assert titles == ["epoch 1", "epoch 2", "epoch 4"]
    assert scales[0].low == 0.25
    pictures = frames(path)
    assert pictures[0].shape == (120, 120, 3)
    assert len(pictures) >= 3


def test_an_animation_as_mp4_has_its_frames(slope: Surface, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "new" / "a.mp4"
    figures.animate([slope], path, seconds=0.4, dpi=41)
    assert path.read_bytes()[4:8] == b"ftyp"
    count, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert count == 10
    assert seconds == pytest.approx(0.4, abs=0.05)


def test_wrong_animations_are_refused_and_leave_nothing(
    slope: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: Any = (
        ("a.avi", {}, r"ends in \.gif or \.mp4"),
        ("a.gif", {"motion": "jump"}, "motion of rotate, sequence"),
        ("a.gif", {"ax": plt.figure().add_subplot()}, "takes no ax"),
        ("a.gif", {"kind": "contour"}, "only surfaces in 3-D can turn"),
        ("a.gif", {"kind": "path", "motion": "sequence"}, "a sequence is of the kinds"),
    )
    for name, options, text in wrong:
        with pytest.raises(ValueError, match=text):
            figures.animate([slope], tmp_path / name, **options)
    with pytest.raises(ValueError, match="one surface or more"):
        figures.animate([], tmp_path / "a.gif", motion="sequence")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(LandscapeError, match="MP4 is made with ffmpeg"):
        figures.animate([slope], tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
