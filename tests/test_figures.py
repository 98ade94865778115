import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from landscape import figures
from landscape.errors import LandscapeError
from landscape.figures.surfaces import Picture
from landscape.grid import Grid
from landscape.surface import Curvature, Mark, Surface, Trajectory
from tests.reporters import Told

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


def test_the_3d_mesh_has_every_sample_and_is_not_thinned(
    slope: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    meshes = []
    original = Axes3D.plot_surface

    def record(self: Any, x: Any, y: Any, z: Any, **options: Any) -> Any:
        meshes.append((x, y, z))
        return original(self, x, y, z, **options)

    monkeypatch.setattr(Axes3D, "plot_surface", record)
    fine = Surface.empty(Grid.regular((81, 71)), {}, {})
    fine.losses[:] = np.random.default_rng(0).random((81, 71)) + 1
    fine.evaluated[:] = True
    assert len(drawn(fine.plot()).collections[0].get_facecolor()) >= 80 * 70
    for surface in (slope, fine):
        surface.plot()
        corners = {tuple(np.round(c, 9)) for c in zip(*(a.flat for a in meshes[-1]), strict=True)}
        for i, alpha in enumerate(surface.grid.alphas):
            for j, beta in enumerate(surface.grid.betas):
                assert tuple(np.round([alpha, beta, surface.losses[i, j]], 9)) in corners


def test_surfaces_side_by_side_share_colors(slope: Surface, surface: Surface) -> None:
    figure = figures.plot([slope, surface], kind="heatmap")
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


def test_what_is_not_finite_is_left_out_and_told(slope: Surface) -> None:
    slope.losses[0, 0], slope.losses[1, 1] = np.inf, np.nan
    for kind in FLAT:
        axes = drawn(slope.plot(kind=kind))
        assert "2 points not finite" in axes.get_title()
    assert axes.collections[0].get_array().mask.sum() == 2


def test_an_unfinished_scan_is_drawn_and_told(slope: Surface) -> None:
    slope.evaluated[1:, :] = False
    slope.losses[1:, :] = np.nan
    axes = drawn(slope.plot(kind="heatmap"))
    assert "25% of the points" in axes.get_title()
    assert not np.ma.getmaskarray(axes.collections[0].get_array()).any()


def test_the_loss_has_its_unit_where_all_have_one(slope: Surface) -> None:
    entropy = replace(slope, settings={"loss": "cross_entropy"})
    assert figures.plot([entropy, entropy], kind="heatmap").axes[2].get_ylabel() == (
        "mean cross-entropy (nats)"
    )
    assert figures.plot([entropy, slope], kind="heatmap").axes[2].get_ylabel() == "mean loss"


def test_a_cut_is_told(slope: Surface) -> None:
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
    assert (tmp_path / "a.svg").stat().st_size < 1_500_000


def test_wrong_kinds_are_refused(slope: Surface) -> None:
    with pytest.raises(ValueError, match="kind one of auto, surface, contour, heatmap"):
        slope.plot(kind="surfaces")
    with pytest.raises(ValueError, match="one surface or more"):
        figures.plot([])


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


def line_of(values: Any, name: str, repeats: tuple[Surface, ...] = ()) -> Surface:
    surface = Surface.empty(Grid.regular((len(values), 1)), {}, {"name": name})
    surface.losses[:, 0], surface.evaluated[:] = values, True
    surface.accuracies[:, 0] = np.linspace(0, 1, len(values))
    return replace(surface, repeats=repeats)


def test_lines_are_curves_of_loss_and_accuracy_with_the_spread_of_seeds() -> None:
    others = tuple(line_of(np.array([1.0, 2, 3]) * k, "a") for k in (2, 4))
    a = line_of([1.0, 2, 3], "a", others)
    b = replace(line_of([5.0, np.nan, 7], "b$"), marks=(Mark("here", 0.5, 0.0),))
    figure = figures.plot([a, b])  # lines are drawn as lines without being told
    figure.canvas.draw()
    axes: list[Any] = figure.axes
    losses, accuracies = axes
    curves = {line.get_label(): line for line in losses.get_lines()}
    np.testing.assert_allclose(curves["a (median and range of 3 seeds)"].get_ydata(), [2.0, 4, 6])
    np.testing.assert_array_equal(curves[r"b\$"].get_ydata(), [5.0, np.nan, 7])
    band = losses.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 1
    assert band[:, 1].max() == 12
    assert [line.get_ydata()[-1] for line in accuracies.get_lines() if len(line.get_ydata()) == 3][
        -1
    ] == 100
    assert any(text.get_text() == "here" for text in losses.texts)


def test_marks_of_lines_are_where_they_are_and_at_their_own_loss() -> None:
    def marked(name: str, *marks: Mark) -> Surface:
        return replace(line_of([1.0, 2, 3], name), marks=marks)

    ab = marked("ab", Mark("a", 0.0, 0.0, 0.0, 1.5), Mark("b", 1.0, 0.0, 0.0, 4.0))
    axes = drawn(figures.plot([ab]))
    assert {text.get_text() for text in axes.texts} == {"a", "b"}
    own = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == "o"]
    np.testing.assert_array_equal(np.concatenate(own), [(0, 1.5), (1, 4)])
    bc = marked("bc", Mark("b", 0.0, 0.0), Mark("c", 1.0, 0.0), Mark("d", 0.5, 0.2))
    texts = {text.get_text() for text in drawn(figures.plot([ab, bc])).texts}
    assert texts == {"ab: a, bc: b", "ab: b, bc: c", "bc: d (off the line)"}


def test_a_seed_that_diverged_counts_in_the_median_of_a_line() -> None:
    others = (line_of([2.0, np.inf, np.inf, 2], "a"), line_of([3.0, 3, np.nan, 3], "a"))
    a = line_of([1.0, 1, 1, 1], "a", others)
    losses = drawn(figures.plot([a]))
    (curve,) = [line for line in losses.get_lines() if line.get_label().startswith("a")]
    assert curve.get_label() == ("a (median and range of 3 seeds, not all finite at 2 of 4 points)")
    np.testing.assert_array_equal(curve.get_ydata(), [2, 3, np.nan, 2])


def test_a_line_that_is_not_finished_is_drawn_through_its_points_and_told() -> None:
    line = line_of(np.arange(1.0, 42), "a")
    order = line.grid.order()[20:]
    line.evaluated.flat[order], line.losses.flat[order] = False, np.nan
    axes = drawn(figures.plot([line]))
    (curve,) = axes.get_lines()
    assert curve.get_label() == "a (49% of the points)"
    assert len(curve.get_xdata()) == 20
    assert np.isfinite(curve.get_ydata()).all()


def test_seeds_that_are_not_finished_are_told(slope: Surface) -> None:
    later = slope.copy()
    later.evaluated[:] = False
    later.losses[:] = np.nan
    axes = drawn(replace(slope, repeats=(later,)).plot(kind="heatmap"))
    assert axes.get_title() == "slope\n50% of the points, median of 2 seeds, 1 at some points"


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
    return replace(slope, paths=(path, exact), marks=(Mark("A$", 0.5, 0.5, 0.0, 2.0),))


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
    assert labels == ["run, its own", "on the plane below", "curve"]


def test_a_curve_on_the_plane_has_no_distance_to_draw(walked: Surface) -> None:
    figure = replace(walked, paths=walked.paths[1:]).plot(kind="path")
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
    curvature.lowest[:], curvature.highest[:], curvature.state[:] = -1.0, 4.0, 1
    curvature.state[3, 2] = 2
    curvature.lowest[0, 0], curvature.state[0, 0] = np.nan, 0
    axes = drawn(replace(slope, curvature=curvature).plot(kind="curvature"))
    values = axes.collections[0].get_array()
    assert values[0, 0] == 0.25  # of its neighbors
    assert values[2, 3] == 0.25
    assert "1 points not converged, 92% of the points" in axes.get_title()
    assert axes.get_lines()[0].get_xydata().tolist() == [[2.0, 1.0]]


def test_what_is_not_there_is_not_drawn(slope: Surface) -> None:
    for kind, text in (
        ("path", "holds no path"),
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
    axes = drawn(figures.plot([crowded] * 3, kind="contour", levels=levels, size=(7, 2.4)))
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
    assert figures.plot([slope, slope], kind="heatmap", ax=both) is both[0].figure
    part: Any = plt.figure().subfigures(1, 2)
    slope.plot(kind="contour", ax=part[0].subplots())
    figures.plot([line_of([1.0, 2], "a"), line_of([2.0, 1], "b")], ax=right)
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


def test_letters_shrink_with_the_figure_unless_the_style_says_so(slope: Surface) -> None:
    def letters(**options: Any) -> float:
        figure: Any = slope.plot(kind="heatmap", **options)
        return float(figure.axes[0].xaxis.label.get_fontsize())

    assert letters() == letters(size=(20, 20)) == 10
    assert 5 <= letters(size=(2.6, 2.3)) < letters(size=(4, 4)) < 10
    with plt.rc_context({"font.size": 9}):
        assert letters(size=(2.6, 2.3)) == 9


def test_a_style_that_crops_its_figures_can_make_films(slope: Surface, tmp_path: Path) -> None:
    with plt.rc_context({"savefig.bbox": "tight"}):
        figures.animate([slope], tmp_path / "a.gif", seconds=0.2, dpi=30)
    assert len(frames(tmp_path / "a.gif")) == 2


def test_many_surfaces_take_several_rows(slope: Surface) -> None:
    every: list[Any] = figures.plot([slope] * 6, kind="heatmap").axes
    shapes = {axes.get_subplotspec().get_gridspec().get_geometry() for axes in every[:6]}
    assert shapes == {(2, 3)}


def test_letters_in_pdf_are_truetype(slope: Surface, tmp_path: Path) -> None:
    figures.save(slope.plot(kind="heatmap"), tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type42" in content or b"/FontFile2" in content or b"/CIDFontType2" in content
    assert b"/Type3" not in content


def frames(path: Path) -> list[NDArray[Any]]:
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]


def test_a_film_turns_once_around(slope: Surface, tmp_path: Path) -> None:
    told, mine = Told(), plt.figure()
    path = tmp_path / "a.gif"
    figures.animate([slope], path, seconds=0.4, dpi=40, progress=told)
    pictures = frames(path)
    assert len(pictures) == 4
    assert all((pictures[0] != other).any() for other in pictures[1:])
    with Image.open(path) as film:
        assert film.info["duration"] == 100
    assert told.done == [1, 2, 3, 4]
    assert plt.get_fignums() == [mine.number]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("kind", FLAT)
def test_a_film_shows_one_after_the_other_on_one_scale(
    slope: Surface, tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = []
    original = Picture.add_bar

    def record(self: Picture, figure: Any, every: Any, **options: Any) -> None:
        bars.append((self.scale, figure.get_axes()[0].get_title()))
        original(self, figure, every, **options)

    monkeypatch.setattr(Picture, "add_bar", record)
    epochs = [
        replace(slope, losses=slope.losses / k, provenance={"name": f"epoch {k}"})
        for k in (1, 2, 4)
    ]
    path = tmp_path / "a.gif"
    figures.animate(epochs, path, motion="sequence", kind=kind, dpi=40, size=(3, 3))
    assert len({scale for scale, _ in bars}) == 1
    assert [title.split("\n")[0] for _, title in bars] == ["epoch 1", "epoch 2", "epoch 4"]
    assert bars[0][0].low == 0.25
    pictures = frames(path)
    assert pictures[0].shape == (120, 120, 3)
    assert len(pictures) >= 3


def test_a_film_as_mp4_has_its_frames(slope: Surface, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "new" / "a.mp4"
    figures.animate([slope], path, seconds=0.4, dpi=41)
    assert path.read_bytes()[4:8] == b"ftyp"
    count, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert count == 10
    assert seconds == pytest.approx(0.4, abs=0.05)


def test_wrong_films_are_refused_and_leave_nothing(
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
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(LandscapeError, match="MP4 is made with ffmpeg"):
        figures.animate([slope], tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
