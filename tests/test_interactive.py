"""What is written into the page; what it does is in test_page.py."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape import interactive
from landscape.errors import LandscapeError
from landscape.geometry import local_minima
from landscape.grid import Grid
from landscape.interactive.payload import content, thumbnail
from landscape.surface import Mark, Surface


def array(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def content_of(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    found = re.search('<script type="application/json" id="content">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_is_told_every_number(surface: Surface) -> None:
    told = content(surface, "a", "v")
    np.testing.assert_array_equal(array(told["alphas"], "<f8"), surface.grid.alphas)
    np.testing.assert_array_equal(array(told["losses"], "<f8"), surface.losses.ravel())
    errors = surface.standard_errors.ravel().astype("f4")
    np.testing.assert_array_equal(array(told["standard_errors"], "<f4"), errors)
    assert dict(told["facts"])["images"] == "23"


def test_points_that_are_not_evaluated_are_marked_and_filled(surface: Surface) -> None:
    evaluated = surface.evaluated.copy()
    evaluated[0, 0] = False
    told = content(replace(surface, evaluated=evaluated), "a", "v")
    assert array(told["evaluated"], "u1").tolist() == [0, 1, 1, 1, 1, 1]
    filled = array(told["losses"], "<f8")
    around = surface.losses.ravel()[[1, 2]]
    assert around.min() <= filled[0] <= around.max()
    nothing = content(replace(surface, evaluated=np.zeros((3, 2), dtype=bool)), "a", "v")
    assert np.isnan(array(nothing["losses"], "<f8")).all()
    json.dumps(nothing, allow_nan=False)


def test_of_several_seeds_the_median_is_shown(surface: Surface) -> None:
    others = tuple(replace(surface, losses=factor * surface.losses) for factor in (2.0, 9.0))
    told = content(replace(surface, repeats=others), "a", "v")
    np.testing.assert_allclose(array(told["losses"], "<f8"), 2 * surface.losses.ravel())
    assert "median of 3 seeds, which differ by a factor of 9" in told["notes"]
    less = replace(others[1], evaluated=np.arange(6).reshape(3, 2) < 4)
    told = content(replace(surface, repeats=(others[0], less)), "a", "v")
    assert "median of 3 seeds, 2 at some points, which differ by a factor of 9" in told["notes"]


def test_what_is_not_a_number_is_no_number_in_json(surface: Surface) -> None:
    mark = Mark("m", 0.5, 0.5, float("nan"), float("inf"))
    told = content(replace(surface, marks=(mark,)), "a", "v")
    json.dumps(told, allow_nan=False)
    assert (told["marks"][0]["distance"], told["marks"][0]["loss"]) == (None, None)


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


@pytest.mark.parametrize("shape", [(2, 121), (3, 251), (251, 3), (51, 1), (2, 2), (41, 41)])
def test_thumbnails_of_all_shapes_have_cells(shape: tuple[int, int]) -> None:
    surface = Surface.empty(Grid.regular(shape), {}, {})
    whole = np.ones(shape, dtype=bool)
    small = thumbnail(replace(surface, losses=np.ones(shape), evaluated=whole))
    assert small is not None
    assert (small["width"], small["height"]) == tuple(min(n, 40) for n in shape)
    assert len(array(small["values"], "u1")) == small["width"] * small["height"]


def test_the_page_is_one_whole_file(surface: Surface, tmp_path: Path) -> None:
    path = interactive.view([surface, surface], tmp_path / "a.html", maximum=5.0)
    assert path == tmp_path / "a.html"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.html"]
    found = content_of(path)
    assert [status["id"] for status in found["index"]] == ["mlp (1)", "mlp (2)"]
    assert set(found["surfaces"]) == {"mlp (1)", "mlp (2)"}
    assert found["defaults"]["clip"] == 5.0
    assert "connect-src 'none'" in path.read_text()


def test_names_cannot_become_code(surface: Surface, tmp_path: Path) -> None:
    evil = replace(surface, provenance={"name": "</script><script>alert(1)</script>$x"})
    text = evil.view(tmp_path / "a.html").read_text()
    assert "<script>alert" not in text
    plain = surface.view(tmp_path / "b.html").read_text()
    assert text.count("</script>") == plain.count("</script>")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"losses": np.full((3, 2), np.nan)}, "no point has a finite loss"),
        ({"grid": Grid.regular((6, 1))}, "is a line"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    surface: Surface, change: Any, text: str, tmp_path: Path
) -> None:
    if "grid" in change:
        names = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
        change |= {name: getattr(surface, name).reshape(6, 1) for name in names}
    with pytest.raises(LandscapeError, match=text):
        replace(surface, **change).view(tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="one surface or more"):
        interactive.view([])
    with pytest.raises(ValueError, match="2 different names"):
        interactive.view([surface, surface], names=["a", "a"])


def test_it_opens_only_where_there_is_a_display(
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
    surface.view(tmp_path / "a.html")
    assert len(opened) == 1
    surface.view(tmp_path / "a.html", open_browser=True)
    assert len(opened) == 2
