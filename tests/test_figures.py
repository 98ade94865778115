from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

from landscape import figures
from landscape.errors import LandscapeError
from landscape.grid import Grid
from landscape.surface import Surface


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
    for kind in figures.KINDS:
        axes = drawn(slope.plot(kind=kind))
        assert "2 points not finite" in axes.get_title()
    assert axes.collections[0].get_array().mask.sum() == 2


def test_an_unfinished_scan_is_drawn_and_told(slope: Surface) -> None:
    slope.evaluated[1:, :] = False
    slope.losses[1:, :] = np.nan
    axes = drawn(slope.plot(kind="heatmap"))
    assert "25% of the points" in axes.get_title()
    assert not np.ma.getmaskarray(axes.collections[0].get_array()).any()


def test_a_cut_is_told(slope: Surface) -> None:
    figure = slope.plot(kind="heatmap", maximum=2.5)
    assert "cut at 2.5" in figure.axes[1].get_ylabel()


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (1, 1)])
def test_a_line_is_drawn_as_a_heat_map_only(shape: tuple[int, int]) -> None:
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
    for kind in figures.KINDS:
        assert "costs" in drawn(odd.plot(kind=kind)).get_title()
    for loss in (1e20, 1e-300, 0.0):
        odd.losses[:] = loss
        drawn(odd.plot(kind="heatmap"))


@pytest.mark.parametrize("kind", figures.KINDS)
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
    with pytest.raises(ValueError, match="kind one of surface, contour, heatmap"):
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
