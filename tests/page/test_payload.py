"""What is written into the page; what it does is in test_page.py."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape import page
from landscape.curvature_map import Curvature
from landscape.errors import LandscapeError
from landscape.geometry import local_minima
from landscape.grid import Grid
from landscape.overlays import Mark
from landscape.page.payload import content, thumbnail
from landscape.surface import Surface


def array(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def content_of(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    found = re.search('<script type="application/json" id="content">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_receives_every_number(surface: Surface) -> None:
    sent = content(surface, "a", "v")
    np.testing.assert_array_equal(array(sent["alphas"], "<f8"), surface.grid.alphas)
    np.testing.assert_array_equal(array(sent["losses"], "<f8"), surface.losses.ravel())
    errors = surface.standard_errors.ravel().astype("f4")
    np.testing.assert_array_equal(array(sent["standard_errors"], "<f4"), errors)
    assert dict(sent["facts"])["images"] == "23"


def test_points_that_are_not_evaluated_are_marked_and_filled(surface: Surface) -> None:
    evaluated = surface.evaluated.copy()
    evaluated[0, 0] = False
    sent = content(replace(surface, evaluated=evaluated), "a", "v")
    assert array(sent["evaluated"], "u1").tolist() == [0b111110]  # a bit each, the first lowest
    filled = array(sent["losses"], "<f8")
    around = surface.losses.ravel()[[1, 2]]
    assert around.min() <= filled[0] <= around.max()
    nothing = content(replace(surface, evaluated=np.zeros((3, 2), dtype=bool)), "a", "v")
    assert np.isnan(array(nothing["losses"], "<f8")).all()
    json.dumps(nothing, allow_nan=False)


def test_of_several_seeds_the_median_is_shown(surface: Surface) -> None:
    others = tuple(replace(surface, losses=factor * surface.losses) for factor in (2.0, 9.0))
    sent = content(replace(surface, repeats=others), "a", "v")
    np.testing.assert_allclose(array(sent["losses"], "<f8"), 2 * surface.losses.ravel())
    assert "median of 3 seeds, which differ by a factor of 9" in sent["notes"]
    less = replace(others[1], evaluated=np.arange(6).reshape(3, 2) < 4)
    sent = content(replace(surface, repeats=(others[0], less)), "a", "v")
    assert "median of 3 seeds, 2 at some points, which differ by a factor of 9" in sent["notes"]


def test_the_page_receives_what_the_coordinates_are(surface: Surface) -> None:
    on = replace(surface, settings={"plane": "top eigenvectors"})
    found = content(on, "a", "v")
    assert found["axes"] == (
        "α, distance along the 1st eigenvector",
        "β, distance along the 2nd eigenvector",
    )
    assert found["plane"] == "top eigenvectors, coordinates are Euclidean distances"


def test_what_is_not_a_number_is_no_number_in_json(surface: Surface) -> None:
    mark = Mark("m", 0.5, 0.5, float("nan"), float("inf"))
    sent = content(replace(surface, marks=(mark,)), "a", "v")
    json.dumps(sent, allow_nan=False)
    assert (sent["marks"][0]["distance"], sent["marks"][0]["loss"]) == (None, None)


def test_the_page_receives_metrics_interpolated_between_points(surface: Surface) -> None:
    assert content(surface, "a", "v")["metrics"] == {}
    evaluated = np.arange(6).reshape(3, 2) > 0
    values = np.where(evaluated, np.arange(6.0).reshape(3, 2), np.nan)
    part = replace(surface, evaluated=evaluated, metrics={"rate": values})
    sent = array(content(part, "a", "v")["metrics"]["rate"], "<f8")
    np.testing.assert_array_equal(sent[1:], values.ravel()[1:])
    assert 1 <= sent[0] <= 3
    line = replace(Surface.empty(Grid.regular((3, 1)), {}, {}, ["rate"]), repeats=())
    line.evaluated[:] = True
    seeds = [replace(line.copy(), metrics={"rate": np.full((3, 1), k)}) for k in (1.0, 5.0, 2.0)]
    sent_line = content(replace(seeds[0], repeats=tuple(seeds[1:])), "a", "v")
    assert array(sent_line["metrics"]["rate"], "<f8").tolist() == [2, 2, 2]
    each = [array(seed["metrics"]["rate"], "<f8")[0] for seed in sent_line["seeds"]]
    assert each == [1, 5, 2]


def test_minima_are_inside_finite_and_lower_than_all_around() -> None:
    losses = np.full((6, 5), 9.0)
    losses[2, 2] = 1  # one
    losses[4, 3] = 2  # another
    losses[0, 0] = 0  # at the edge
    losses[3, 1] = np.inf
    of = replace(Surface.empty(Grid.regular((6, 5)), {}, {}), losses=losses)
    assert local_minima(of).tolist() == []  # not evaluated
    whole = replace(of, evaluated=np.ones((6, 5), dtype=bool))
    assert local_minima(whole).tolist() == [[2, 2], [4, 3]]
    evaluated = whole.evaluated.copy()
    evaluated[1, 1] = False  # it might be lower
    assert local_minima(replace(whole, evaluated=evaluated)).tolist() == [[4, 3]]


def test_a_thumbnail_is_small_and_has_beta_upwards() -> None:
    grid = Grid.regular((100, 60))
    losses = np.add.outer(np.arange(100.0), 1000 * np.arange(60.0))
    losses[50, 30] = np.nan
    whole = np.ones(grid.shape, dtype=bool)
    small = thumbnail(replace(Surface.empty(grid, {}, {}), losses=losses, evaluated=whole))
    assert small is not None
    assert max(small["width"], small["height"]) <= 40
    cells = array(small["values"], "u1").reshape(small["height"], small["width"])
    assert cells[0, -1] == 254
    assert cells[-1, 0] == 0
    assert thumbnail(Surface.empty(grid, {}, {})) is None


@pytest.mark.parametrize("shape", [(2, 121), (3, 251), (251, 3), (2, 2), (41, 41)])
def test_thumbnails_of_all_shapes_have_cells(shape: tuple[int, int]) -> None:
    surface = Surface.empty(Grid.regular(shape), {}, {})
    whole = np.ones(shape, dtype=bool)
    small = thumbnail(replace(surface, losses=np.ones(shape), evaluated=whole))
    assert small is not None
    assert (small["width"], small["height"]) == tuple(min(n, 40) for n in shape)
    assert len(array(small["values"], "u1")) == small["width"] * small["height"]


def a_line(points: int, *factors: float) -> Surface:
    """A line whose seeds are multiples of each other."""
    grid = Grid.regular((points, 1))
    losses = 10 ** (3 * grid.alphas[:, None] ** 2)
    of = replace(Surface.empty(grid, {}, {"name": "line"}), evaluated=np.ones(grid.shape) > 0)
    first, *others = (
        replace(of, losses=factor * losses, accuracies=1 / (1 + factor * losses))
        for factor in factors
    )
    return replace(first, repeats=tuple(others))


def test_a_thumbnail_of_a_line_is_drawn_from_the_side() -> None:
    small = thumbnail(a_line(81, 1.0))
    assert small is not None
    assert (small["width"], small["height"]) == (40, 40)
    cells = array(small["values"], "u1").reshape(40, 40)
    shown = cells != 255
    # The curve is high at both ends, low in the middle; below it all is filled.
    assert shown[0].nonzero()[0].tolist() == [0, 39]
    assert shown[-1].all()
    assert (np.diff(shown.astype(int), axis=0) >= 0).all()
    losses = a_line(81, 1.0).losses[np.linspace(0, 80, 40).round().astype(int), 0]
    heights = np.log10(losses) / 3  # three decades: a log scale
    np.testing.assert_allclose(cells[-1] / 254, heights, atol=0.01)
    np.testing.assert_allclose(shown.sum(0), 1 + 39 * heights, atol=0.51)
    infinite = replace(a_line(3, 1.0), losses=np.full((3, 1), np.inf))
    empty = thumbnail(infinite)
    assert empty is not None
    assert (array(empty["values"], "u1") == 255).all()


def test_a_line_has_all_of_its_seeds() -> None:
    line = a_line(9, 1.0, 4.0, 2.0)
    gap = np.arange(9)[:, None] != 3
    line = replace(line, repeats=(replace(line.repeats[0], evaluated=gap), line.repeats[1]))
    sent = content(line, "a", "v")
    losses = np.array([array(seed["losses"], "<f8") for seed in sent["seeds"]])
    wanted = np.array([1.0, 4.0, 2.0])[:, None] * 10 ** (3 * line.grid.alphas**2)
    wanted[1, 3] = np.nan
    np.testing.assert_allclose(losses, wanted)
    accuracies = np.array([array(seed["accuracies"], "<f8") for seed in sent["seeds"]])
    np.testing.assert_allclose(accuracies, 1 / (1 + wanted))
    np.testing.assert_allclose(array(sent["losses"], "<f8"), np.nanmedian(wanted, axis=0))
    assert content(a_line(9, 1.0), "a", "v")["seeds"] == []


def test_eigenvalues_are_interpolated_with_where_they_are_known(surface: Surface) -> None:
    assert content(surface, "a", "v")["curvature"] is None
    nothing = Curvature.empty(surface.grid)
    assert content(replace(surface, curvature=nothing), "a", "v")["curvature"] is None
    lowest = np.array([[-1.0, -2.0], [np.nan, 1.0], [0.0, -6.0]])
    highest = np.array([[4.0, 4.0], [np.nan, 2.0], [5.0, 3.0]])
    state = np.array([[1, 2], [0, 1], [1, 1]], dtype=np.uint8)
    whole = replace(surface, curvature=Curvature(lowest, highest, state > 0, state == 1))
    sent = content(whole, "a", "v")["curvature"]
    json.dumps(sent, allow_nan=False)
    assert array(sent["state"], "u1").tolist() == state.ravel().tolist()
    known = state.ravel() > 0
    ratio = [0.25, 0.5, 0.5, 0.0, 2.0]
    for name, values in (("ratio", ratio), ("lowest", lowest[state > 0])):
        got = array(sent[name], "<f8")
        np.testing.assert_allclose(got[known], values)
        assert np.isfinite(got).all()
    # A scan of the curvature differs from one of the loss in its thumbnail.
    small = thumbnail(whole)
    assert small is not None
    cells = array(small["values"], "u1").reshape(2, 3)
    assert cells[0, 2] == 254  # the last α and β, where the ratio is 2
    assert cells[1, 2] == 0


def test_lines_are_drawn_next_to_surfaces(surface: Surface, tmp_path: Path) -> None:
    line = a_line(9, 1.0)
    path = tmp_path / "a.html"
    page.view(surface, line, html=path, files={"mlp": "runs/mlp.h5"})
    found = content_of(path)
    assert [status["shape"] for status in found["index"]] == [[3, 2], [9, 1]]
    assert [status["file"] for status in found["index"]] == ["runs/mlp.h5", "line.h5"]
    assert set(found["surfaces"]) == {"mlp", "line"}


def test_the_page_is_one_whole_file(surface: Surface, tmp_path: Path) -> None:
    path = page.view(surface, surface, html=tmp_path / "a.html", maximum=5.0)
    assert path == tmp_path / "a.html"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.html"]
    found = content_of(path)
    assert [status["id"] for status in found["index"]] == ["mlp (1)", "mlp (2)"]
    assert set(found["surfaces"]) == {"mlp (1)", "mlp (2)"}
    assert found["defaults"]["clip"] == 5.0
    assert "connect-src 'none'" in path.read_text()


def test_names_cannot_become_code(surface: Surface, tmp_path: Path) -> None:
    evil = replace(surface, provenance={"name": "</script><script>alert(1)</script>$x"})
    text = evil.view(html=tmp_path / "a.html").read_text()
    assert "<script>alert" not in text
    plain = surface.view(html=tmp_path / "b.html").read_text()
    assert text.count("</script>") == plain.count("</script>")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"losses": np.full((3, 2), np.nan)}, "no point has a finite loss"),
        ({"grid": Grid.regular((1, 6))}, "two points or more along alpha"),
    ],
)
def test_what_cannot_be_drawn_is_reported(
    surface: Surface, change: Any, text: str, tmp_path: Path
) -> None:
    if "grid" in change:
        names = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
        change |= {name: getattr(surface, name).reshape(1, 6) for name in names}
    with pytest.raises(LandscapeError, match=text):
        replace(surface, **change).view(html=tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="one surface or more"):
        page.view()
    with pytest.raises(ValueError, match="2 different names"):
        page.view(surface, surface, names=["a", "a"])


def test_it_opens_only_on_a_display(
    surface: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    path = surface.view()
    assert path is not None
    assert path.is_file()
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    path = surface.view()
    assert path is not None
    assert opened == [path.as_uri()]
    surface.view(html=tmp_path / "a.html")
    assert len(opened) == 1
    surface.view(html=tmp_path / "a.html", open_browser=True)
    assert len(opened) == 2
