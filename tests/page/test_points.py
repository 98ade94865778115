"""Evaluated points, layers, links to a point and warnings on the page, in a real browser."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from landscape.curvature_map import Curvature
from landscape.grid import Grid
from landscape.page import payload, view
from landscape.page.catalog import Shelf
from landscape.page.server import Server
from landscape.scale import Scale
from landscape.surface import POINTS_ERROR, Surface
from tests.browser import SLOW, Tab, plot

pytestmark = pytest.mark.browser

GRID = Grid.regular((13, 11), (-1, 1), (-0.5, 0.5))
A, B = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
LOSSES = 10 ** (-1 + 2 * (A**2 + 2 * (B - 0.2) ** 2))
CORNERS = np.isin(np.arange(13), [0, 12])[:, None] & np.isin(np.arange(11), [0, 10])
KNOWN = CORNERS | (np.random.default_rng(0).random(GRID.shape) < 0.3)
CURVED = CORNERS | (np.random.default_rng(1).random(GRID.shape) < 0.5)
PARTIAL = "document.querySelector('#points-switch').hidden === false"
VIEWS = {"1": "relief", "2": "flat", "3": "flat"}


def refined() -> Surface:
    """A complete surface of which a third of the points is evaluated."""
    return Surface(
        GRID,
        np.where(KNOWN, LOSSES, np.nan),
        np.where(KNOWN, 1 / (1 + LOSSES), np.nan),
        np.where(KNOWN, 0.1 * LOSSES, np.nan),
        KNOWN,
        np.where(KNOWN, 100, 0),
        {"points_tolerance": 0.01},
        {"name": "refined", POINTS_ERROR: 0.004},
    )


def layered() -> Surface:
    """A surface that has all losses, a metric, and eigenvalues at half of the points."""
    known = np.ones(GRID.shape, dtype=bool)
    converged = CURVED.copy()
    converged[tuple(np.argwhere(CURVED)[3])] = False
    curvature = Curvature(
        np.where(CURVED, -1.5 + A, np.nan), np.where(CURVED, 3 + B, np.nan), CURVED, converged
    )
    ones = np.ones(GRID.shape, dtype=np.int64)
    errors = np.full(GRID.shape, np.nan)
    return Surface(
        GRID,
        LOSSES,
        1 / (1 + LOSSES),
        errors,
        known,
        ones,
        provenance={"name": "layers"},
        curvature=curvature,
        metrics={"success rate": 0.5 + 0.25 * A},
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "a.html"
    view(refined(), layered(), html=path, names=["refined", "layers"])
    return path.as_uri()


Open = Callable[..., Tab]


@pytest.fixture
def open_tab(browser: Any, file: str) -> Iterator[Open]:
    tabs: list[Tab] = []

    def call(address: str, **options: Any) -> Tab:
        tabs.append(Tab(browser, f"{file}#{address}", **options))
        return tabs[-1]

    yield call
    for tab in tabs:
        assert tab.complaints == []
        assert tab.outside() == [tab.requests[0]]  # the file alone: no request leaves the page
        tab.close()


def dots(tab: Tab, name: str, view: str) -> Any:
    """What plotly draws at evaluated points; None if nothing."""
    return tab.get(
        f"(() => {{ const dots = {plot(name, view)}.data.find(({{meta}}) => meta === 'evaluated');"
        "return dots ? {x: [...dots.x], y: [...dots.y], z: [...(dots.z ?? [])]} : null; })()"
    )


def check_at(found: Any, known: Any) -> None:
    places = np.argwhere(known)
    np.testing.assert_allclose(found["x"], GRID.alphas[places[:, 0]])
    np.testing.assert_allclose(found["y"], GRID.betas[places[:, 1]])


def test_dots_stand_at_the_evaluated_points_of_every_view(open_tab: Open) -> None:
    tab = open_tab("show=refined")
    assert tab.get(PARTIAL)
    assert not tab.page.is_checked("input[name=points]")
    for key, view_ in VIEWS.items():
        tab.act(lambda key=key: tab.page.keyboard.press(key))
        assert dots(tab, "refined", view_) is None
        tab.act(lambda: tab.page.keyboard.press("e"))
        found = dots(tab, "refined", view_)
        check_at(found, KNOWN)
        if key == "1":  # just above the surface, or half of each would lie within it
            scale = Scale.covering([refined()])
            low, high = scale.limits
            above = (np.array(found["z"]) - scale.heights(LOSSES[KNOWN])) / (high - low)
            assert above.min() > 0
            assert above.max() < 0.01
        assert "dots: evaluated points" in tab.page.text_content('[data-id="refined"] .note')
        tab.act(lambda: tab.page.click("label:has(input[name=points])"))
    tab.act(lambda: tab.page.keyboard.press("e"))
    tab.until("location.hash.includes('points=1')")
    again = open_tab(tab.get("location.hash.slice(1)"))
    check_at(dots(again, "refined", "flat"), KNOWN)
    tab.page.click("#share summary")
    tab.page.click("button[name=command]")
    command = tab.get("document.querySelector('#command textarea').value")
    assert command.endswith("--kind heatmap --scale log --max none --evaluated")

    # Nothing is interpolated: no switch, no key, no dots.
    whole = open_tab("show=layers&view=heatmap&points=1")
    assert not whole.get(PARTIAL)
    assert dots(whole, "layers", "flat") is None
    whole.page.keyboard.press("e")
    assert whole.get("landscape.state().points") is True


def test_layers_are_chosen_by_one_control(open_tab: Open) -> None:
    tab = open_tab("show=layers&view=heatmap")
    select = "select[name=quantity]"
    offered = "[...document.querySelector('select[name=quantity]').options].map(o => o.textContent)"
    assert tab.get(offered) == [
        *("Loss", "Accuracy", "|λ min / λ max|", "λ min", "λ max", "success rate")
    ]
    curvature = layered().curvature
    assert curvature is not None
    layers = {
        "success rate": (layered().metrics["success rate"], "success rate"),
        "highest": (curvature.highest, "λ max of the Hessian"),
        "lowest": (curvature.lowest, "λ min of the Hessian"),
        "ratio": (curvature.ratio, "|λ min / λ max| of the Hessian"),
    }
    for name, (values, title) in layers.items():
        tab.act(lambda name=name: tab.page.select_option(select, name))
        known = np.isfinite(values)
        drawn = np.array(tab.trace("layers")["z"]).T
        np.testing.assert_allclose(drawn[known], values[known])
        assert np.isfinite(drawn).all()
        assert tab.page.text_content("#bar .title") == title
        ticks = [
            float(text)
            for text in tab.get(
                "[...document.querySelectorAll('#bar .ticks span')].map(s => s.textContent)"
            )
        ]
        low, high = (0, 1) if name == "ratio" else (values[known].min(), values[known].max())
        assert low <= min(ticks) <= max(ticks) <= high
        assert tab.page.is_checked("input[value=linear]")  # the scale that is drawn
        note = tab.page.text_content('[data-id="layers"] .note')
        if name == "success rate":
            assert not tab.get(PARTIAL)
            assert "not converged" not in note
            continue
        assert "× 1 points not converged" in note
        assert f"eigenvalues at {CURVED.sum()} of {GRID.size} points" in note
        crosses = tab.get(
            f"{plot('layers', 'flat')}.data.filter(t => t.text === '×').map(t => [t.x[0], t.y[0]])"
        )
        i, j = np.argwhere(CURVED)[3]
        np.testing.assert_allclose(crosses, [[GRID.alphas[i], GRID.betas[j]]], atol=1e-12)
    tab.act(lambda: tab.page.keyboard.press("e"))
    check_at(dots(tab, "layers", "flat"), CURVED)
    tab.act(lambda: tab.page.keyboard.press("1"))
    marks = tab.get(f"{plot('layers', 'relief')}.data.filter(t => t.text === '×').map(t => t.z[0])")
    assert marks[0] == pytest.approx(curvature.ratio[i, j], abs=0.01)


def is_marked(tab: Tab, name: str) -> bool:
    """Whether a panel has a ring."""
    return not tab.get(f"{plot(name, 'here')}.hidden")


def pixel(tab: Tab, name: str, alpha: float, beta: float) -> tuple[float, float]:
    """Where a point is on the screen."""
    box = tab.page.query_selector(f'[data-id="{name}"] .flat').bounding_box()
    x, y = tab.get(
        f"(() => {{ const {{xaxis, yaxis}} = {plot(name, 'flat')}._fullLayout; return ["
        f"xaxis._offset + xaxis.d2p({alpha}), yaxis._offset + yaxis.d2p({beta})]; }})()"
    )
    return box["x"] + x, box["y"] + y


def check_marked(tab: Tab, name: str, i: int, j: int) -> None:
    """Check that the ring is at a point of the grid, and that its values are read."""
    ring = tab.page.query_selector(f'[data-id="{name}"] .here').bounding_box()
    where = pixel(tab, name, GRID.alphas[i], GRID.betas[j])
    np.testing.assert_allclose([ring["x"], ring["y"]], where, atol=1)
    assert is_marked(tab, name)
    assert tab.page.is_visible(f'[data-id="{name}"] .readout')
    alpha, beta = (f"{axis:.4g}".replace("-", "−") for axis in (GRID.alphas[i], GRID.betas[j]))
    text = tab.readout(name)
    assert text.startswith(f"α {alpha}, β {beta}: ")
    surface = refined()
    if name == "refined" and not KNOWN[i, j]:
        loss = float(surface.interpolated()[i, j])
        assert f": interpolated, loss {loss:.4g}, accuracy " in text
        assert "±" not in text
    else:
        assert f": loss {LOSSES[i, j]:.4g}" in text
        assert ("±" in text) is (name == "refined")


def test_a_link_to_a_point_marks_it_and_reads_its_values(open_tab: Open, file: str) -> None:
    inside = (np.abs(A) < 0.9) & (np.abs(B) < 0.25)  # neither at the border nor at the cut line
    (i, j), (m, n) = np.argwhere(inside & ~KNOWN)[20], np.argwhere(inside & KNOWN)[5]
    link = f"view=contour&point={GRID.alphas[i]:.6g}_{GRID.betas[j]:.6g}"
    tab = open_tab(link, permissions=["clipboard-read", "clipboard-write"])
    for name in ("refined", "layers"):
        check_marked(tab, name, i, j)

    # The point under the pointer is read instead, until the pointer leaves.
    tab.page.mouse.move(*pixel(tab, "refined", GRID.alphas[m], GRID.betas[n]))
    tab.until(f"{plot('refined', 'readout')}.textContent.includes('±')")
    check_marked(tab, "refined", m, n)
    tab.page.keyboard.press("p")
    tab.until("document.querySelector('#shared').textContent === 'link to the point copied'")
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == f"{file}#view=contour&point={GRID.alphas[m]:.6g}_{GRID.betas[n]:.6g}"
    tab.page.mouse.move(5, 5)
    tab.until(f"!{plot('refined', 'readout')}.textContent.includes('±')")
    check_marked(tab, "refined", i, j)
    other = open_tab(copied.split("#")[1])
    check_marked(other, "refined", m, n)

    # A click keeps another point, Escape none.
    tab.page.mouse.click(*pixel(tab, "layers", GRID.alphas[m], GRID.betas[n]))
    tab.page.mouse.move(5, 5)
    tab.until(f"location.hash.includes('point={GRID.alphas[m]:.6g}_')")
    check_marked(tab, "refined", m, n)
    tab.page.click("#share summary")
    tab.page.click("button[name=point]")
    tab.until("document.querySelector('#shared').textContent === 'link to the point copied'")
    assert tab.page.evaluate("() => navigator.clipboard.readText()") == copied
    tab.page.keyboard.press("Escape")
    tab.until("!location.hash.includes('point')")
    assert not is_marked(tab, "refined")
    assert tab.page.is_disabled("button[name=point]")


def test_a_point_is_marked_on_a_relief(open_tab: Open) -> None:
    tab = open_tab("show=refined&point=0_0.2")
    assert is_marked(tab, "refined")
    assert tab.readout("refined").startswith("α 0, β 0.2: ")
    ring = tab.page.query_selector('[data-id="refined"] .here').bounding_box()
    stage = tab.page.query_selector('[data-id="refined"] .stage').bounding_box()
    for key, size in (("x", "width"), ("y", "height")):  # near the middle of the picture
        assert 0.3 < (ring[key] - stage[key]) / stage[size] < 0.8


@pytest.mark.parametrize("place", ["-1_0.5", "0_0", "1_-0.5", "0.5_0.2"])
def test_values_of_a_point_fit_on_a_phone(open_tab: Open, place: str) -> None:
    tab = open_tab(
        f"show=layers&view=heatmap&point={place}", viewport={"width": 390, "height": 844}
    )
    stage, text, ring = (
        tab.page.query_selector(f'[data-id="layers"] .{part}').bounding_box()
        for part in ("stage", "readout", "here")
    )
    for key, size in (("x", "width"), ("y", "height")):
        assert text[key] >= stage[key] - 0.5
        assert text[key] + text[size] <= stage[key] + stage[size] + 0.5
    beyond = text["y"] - ring["y"], ring["y"] - text["y"] - text["height"]
    assert max(beyond) > 5  # it does not cover the point


@pytest.mark.parametrize("value", ["1", "x_0", "0_0_0", "1e999_0", "7_0", "_", "%00"])
def test_a_link_to_no_point_is_ignored(open_tab: Open, value: str) -> None:
    tab = open_tab(f"show=refined&view=heatmap&point={value}")
    assert not is_marked(tab, "refined")
    assert tab.readout("refined") == ""
    assert not tab.page.is_visible("#message")


def test_a_served_page_has_links_to_points(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "refined.h5"
    refined().save(path)
    with Server(Shelf([path]), [path]) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        (i, j) = np.argwhere(KNOWN)[10]
        point = f"point={GRID.alphas[i]:.6g}_{GRID.betas[j]:.6g}"
        tab = Tab(browser, f"{server.address}#view=heatmap&points=1&{point}")
        try:
            check_marked(tab, "refined", i, j)
            check_at(dots(tab, "refined", "flat"), KNOWN)
            home = tab.requests[0].split("#")[0]
            assert all(url.startswith(home) for url in tab.outside())
            assert tab.complaints == []
        finally:
            tab.close()
            server.shutdown()
            thread.join()


WARNINGS = (
    "accuracy 9.8 % at the center: no better than guessing (10.2 %)",
    "another net fits the weights: accuracy 91.3 % with --shortcut A-centered --norm none --model "
    "some.package.with.a.module:build_the_network_of_the_paper",
    "the center is not the lowest point: loss 0.0123 at (0.123, -0.456)",
    "31 % of the points are not finite: the range is too wide, or the precision is too low for it",
)


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)])
def test_several_warnings_can_be_read(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    monkeypatch.setattr(payload, "brief", lambda _: list(WARNINGS))
    path = tmp_path / "a.html"
    view(*[refined()] * 4, html=path, names=["a", "b", "c", "d"])
    tab = Tab(browser, f"{path.as_uri()}#view=contour", viewport={"width": width, "height": height})
    for key in ("2", "1"):
        tab.act(lambda key=key: tab.page.keyboard.press(key))
        found = tab.get(
            """[...document.querySelectorAll('.panel')].map((panel) => {
              const stage = panel.querySelector('.stage').getBoundingClientRect();
              const within = panel.getBoundingClientRect();
              return {
                stage: [stage.top, stage.height],
                right: within.right,
                bottom: within.bottom,
                items: [...panel.querySelectorAll('.warnings li')].map((item) => {
                  const box = item.getBoundingClientRect();
                  const text = document.createRange();
                  text.selectNodeContents(item);
                  const facts = panel.querySelector('.facts').getBoundingClientRect();
                  const covered = [...text.getClientRects()].some((line) =>
                    line.right > facts.left && line.left < facts.right &&
                    line.bottom > facts.top && line.top < facts.bottom);
                  return [
                    item.textContent, box.right, box.bottom,
                    item.scrollWidth <= item.clientWidth, covered,
                  ];
                }),
              };
            })"""
        )
        assert len(found) == 4
        for panel in found:
            assert [item[0] for item in panel["items"]] == list(WARNINGS)
            top, tall = panel["stage"]
            assert tall >= 200
            assert top + tall <= panel["bottom"] + 1
            for _, right, bottom, fits, is_covered in panel["items"]:
                assert right <= panel["right"]
                assert bottom <= top + 1
                assert fits
                assert not is_covered
        assert tab.get(f"document.documentElement.scrollWidth <= {width}")
    if width == 1400:
        tab.act(lambda: tab.page.keyboard.press("2"))
        tab.page.click("#share summary")
        with tab.page.expect_download(timeout=SLOW) as download:
            tab.page.click("button[name=svg]")
        root = ElementTree.parse(download.value.path()).getroot()
        group = root.find("{http://www.w3.org/2000/svg}g")
        assert group is not None
        lines = [text.text or "" for text in group.findall("{http://www.w3.org/2000/svg}text")]
        written = " ".join(lines)
        assert all(text in written for text in WARNINGS)
        assert max(map(len, lines)) < 120  # broken, not cut off
    assert tab.complaints == []
    tab.close()
