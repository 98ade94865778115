"""The page in a real browser."""

import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from landscape import load, page
from landscape.figures.between import between, finer
from landscape.grid import Grid
from landscape.overlays import Mark, Trajectory
from landscape.scale import Scale
from landscape.surface import Surface
from tests.browser import SLOW, Tab, plot
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

GRID = Grid.regular((25, 21), (-1, 1), (-0.5, 1.5))
PAPER = ROOT / "results" / "li2018"


def surface(losses: NDArray[np.float64], name: str, **more: Any) -> Surface:
    rng = np.random.default_rng(0)
    return Surface(
        GRID,
        losses,
        1 / (1 + losses),
        0.01 * rng.random(losses.shape) * losses,
        np.ones(losses.shape, dtype=bool),
        np.full(losses.shape, 100),
        {"seed": 3, "images": 100},
        {"name": name, "command": "landscape scan x.pt <b>"},
        **more,
    )


def bowl() -> Surface:
    a, b = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
    return surface(0.05 + a**2 + 2 * (b - 0.5) ** 2, "bowl")


def rugged() -> Surface:
    a, b = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
    losses = np.exp(3 + 2 * np.sin(9 * a) * np.cos(7 * b) + 3 * a)
    losses[3, 4] = np.inf
    ones = np.array([0.0, 1.0, 2.0])
    path = Trajectory("sgd", ones, 0.3 * ones, 0.2 * ones, 5 - ones, 30 - ones, 20 - ones)
    mark = Mark("another net", 0.5, 0.75, 1.25, 2.5)
    return surface(losses, "rugged & <i>", trajectories=(path,), marks=(mark,))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "a.html"
    page.view(bowl(), rugged(), html=path)
    return path.as_uri()


Open = Callable[..., Tab]


@pytest.fixture
def open_tab(browser: Any, file: str) -> Iterator[Open]:
    tabs: list[Tab] = []

    def call(address: str = "", **options: Any) -> Tab:
        tabs.append(Tab(browser, f"{file}#{address}", **options))
        return tabs[-1]

    yield call
    for tab in tabs:
        tab.close()


def with_metric() -> Surface:
    a, _ = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
    return replace(bowl(), metrics={"success rate": 0.5 + 0.25 * a})


def test_a_metric_can_be_chosen(browser: Any, tmp_path: Path) -> None:
    page.view(with_metric(), rugged(), html=tmp_path / "a.html")
    tab = Tab(browser, (tmp_path / "a.html").as_uri() + "#view=heatmap")
    try:
        shown = "[...document.querySelector('select[name=quantity]').options].map(o => o.value)"
        assert tab.get(shown) == ["loss", "accuracy", "success rate"]
        tab.act(lambda: tab.page.select_option("select[name=quantity]", "success rate"))
        tab.until("location.hash.includes('quantity=success+rate')")
        rows = f"{plot('bowl', 'flat')}.data[0].z.map(row => [...row])"
        tab.until(f"{rows}.every(row => row.every(each => each > 0))")  # no logarithms of losses
        heights = np.array(tab.get(rows), dtype=float)
        np.testing.assert_allclose([heights.min(), heights.max()], [0.25, 0.75], rtol=1e-9)
        notes = "[...document.querySelectorAll('[data-id] .note')].map(each => each.textContent)"
        lacking = "each => each.startsWith('no success rate in its file')"
        tab.until(f"{notes}.some({lacking})")
        assert tab.get(f"{notes}.filter({lacking}).length") == 1
    finally:
        tab.close()


def check_smooth(trace: Any, heights: NDArray[np.float64], num: int) -> None:
    """Check that a trace has the heights of figures, at about so many points along each axis."""
    alphas, betas = finer(GRID.alphas, num), finer(GRID.betas, num)
    np.testing.assert_allclose(trace["x"], alphas, atol=1e-12)
    np.testing.assert_allclose(trace["y"], betas, atol=1e-12)
    drawn = np.array(trace["z"], dtype=float)  # None is nan
    np.testing.assert_allclose(drawn, between(GRID, heights, alphas, betas).T, rtol=1e-9)


def colored(picture: bytes) -> list[float]:
    """The part of each half of a picture that is neither gray nor white."""
    shot = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    saturation = shot.max(2) - shot.min(2)
    middle = shot.shape[1] // 2
    return [float((half > 60).mean()) for half in (saturation[:, :middle], saturation[:, middle:])]


def wait_for_colors(tab: Tab, clip: Any = None) -> None:
    for _ in range(60):
        parts = colored(tab.page.screenshot(timeout=SLOW, clip=clip))
        if min(parts) > 0.02:
            return
        tab.page.wait_for_timeout(500)
    pytest.fail(f"only {parts} of the halves are colored")


def eye(tab: Tab, picture: str) -> Any:
    """Where plotly has the camera of a picture, from the point that it looks at."""
    return tab.get(
        f"(() => {{ const {{eye, center}} = {picture}._fullLayout.scene._scene.getCamera();"
        "return [eye.x - center.x, eye.y - center.y, eye.z - center.z]; })()"
    )


def cameras(tab: Tab) -> list[Any]:
    return [eye(tab, plot(name, "relief")) for name in ("bowl", "rugged & <i>")]


def cameras_after(tab: Tab, key: str) -> list[Any]:
    tab.page.focus('[data-id="bowl"] .relief')
    tab.page.keyboard.press(key)
    tab.page.wait_for_timeout(500)
    return cameras(tab)


def test_two_reliefs_turn_together_and_nothing_leaves_the_page(open_tab: Open, file: str) -> None:
    tab = open_tab()
    above = {"x": 0, "y": 200, "width": 1200, "height": 450}
    wait_for_colors(tab, above)
    began = cameras(tab)
    assert began[0] == pytest.approx(began[1])
    box = tab.page.query_selector('[data-id="bowl"] .relief').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = tab.page.mouse

    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y + 10)
    mouse.move(x + 120, y + 20)
    tab.page.wait_for_timeout(300)
    mouse.up()
    tab.until("landscape.state().cameras.length === 1")
    tab.page.wait_for_timeout(1500)
    turned = cameras(tab)
    assert np.abs(np.subtract(turned[0], began[0])).max() > 0.1
    assert turned[0] == pytest.approx(turned[1], abs=1e-6)

    mouse.move(x + 600, y)  # over the other one
    for _ in range(60):
        mouse.wheel(0, 300)
    tab.page.wait_for_timeout(2500)
    far = cameras(tab)
    assert np.linalg.norm(far[1]) > np.linalg.norm(turned[1]) + 0.1
    assert far[0] == pytest.approx(far[1], abs=1e-6)
    assert np.linalg.norm(far[0]) <= 5.001  # not lost in the distance

    mouse.down()  # and not below the floor, however far it is dragged
    mouse.move(x + 600, y - 2000)
    mouse.up()
    tab.page.wait_for_timeout(1500)
    low = cameras(tab)[0]
    assert 0 < low[2] < 0.1 * np.linalg.norm(low)
    mouse.move(x + 600, y)

    keyed = cameras_after(tab, "ArrowRight")
    assert keyed[0] != pytest.approx(low, abs=1e-3)
    assert keyed[0] == pytest.approx(keyed[1], abs=1e-6)

    tab.act(lambda: tab.page.uncheck("input[name=link]"))
    alone = cameras_after(tab, "ArrowUp")
    assert alone[0] != pytest.approx(keyed[0], abs=1e-3)
    assert alone[1] == pytest.approx(keyed[1], abs=1e-6)
    tab.until("location.hash.split('camera=').length === 3")

    tab.act(lambda: tab.page.click("button[name=reset]"))
    assert cameras(tab)[0] == pytest.approx(began[0], abs=1e-6)

    with tab.page.expect_download(timeout=SLOW) as download:
        tab.page.keyboard.press("s")
    saved = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "bowl-rugged_i_-surface.png"
    assert min(colored(saved)) > 0.02
    assert tab.outside() == [file]
    assert tab.complaints == []


def test_hovering_a_relief_reads_all_surfaces(open_tab: Open) -> None:
    tab = open_tab()
    wait_for_colors(tab, {"x": 0, "y": 200, "width": 1200, "height": 450})
    box = tab.page.query_selector('[data-id="bowl"] .relief').bounding_box()
    for step in range(40):
        tab.page.mouse.move(
            box["x"] + box["width"] / 2 + step, box["y"] + box["height"] * 0.45 + step % 3
        )
        tab.page.wait_for_timeout(500)
        if "loss" in tab.readout("bowl"):
            break
    ours, other = tab.readout("bowl"), tab.readout("rugged & <i>")
    # plotly finds the point under the pointer, the page where that point is seen: the same place.
    ring = tab.page.query_selector('[data-id="bowl"] .here').bounding_box()
    pointer = (box["x"] + box["width"] / 2 + step, box["y"] + box["height"] * 0.45 + step % 3)
    assert np.hypot(ring["x"] - pointer[0], ring["y"] - pointer[1]) < 25
    text = tab.page.query_selector('[data-id="bowl"] .readout').bounding_box()
    assert text["x"] < ring["x"] + 40
    assert text["x"] + text["width"] > ring["x"] - 40
    assert not tab.get(f"{plot('rugged & <i>', 'here')}.hidden")
    assert "±" in ours
    assert "accuracy" in ours
    assert ours.split(":")[0] == other.split(":")[0]
    assert ours != other


def test_contours_hover_cut_line_and_profile(open_tab: Open) -> None:
    tab = open_tab("view=contour&scale=linear&clip=none")
    first, second = bowl(), rugged()
    trace = tab.trace("bowl")
    assert trace["type"] == "contour"
    check_smooth(trace, first.losses, 200)
    finite_only = np.where(np.isfinite(second.losses), second.losses, np.nan)
    check_smooth(tab.trace("rugged & <i>"), finite_only, 200)
    finite = np.concatenate([first.losses.ravel(), second.losses[np.isfinite(second.losses)]])
    assert trace["zmin"] == pytest.approx(finite.min())
    assert trace["zmax"] == pytest.approx(finite.max())
    note = tab.page.text_content('[data-id="rugged & <i>"] .note')
    assert "1 points not finite" in note

    box = tab.page.query_selector('[data-id="bowl"] .flat').bounding_box()

    def pixel(alpha: float, beta: float) -> tuple[float, float]:
        at = tab.get(
            f"(() => {{ const l = {plot('bowl', 'flat')}._fullLayout; return ["
            f"l.xaxis._offset + l.xaxis.d2p({alpha}), l.yaxis._offset + l.yaxis.d2p({beta})]; }})()"
        )
        return box["x"] + at[0], box["y"] + at[1]

    # Drawn between the points, but read at the nearest one, where the ring is.
    i, j = 18, 4
    step = np.array([GRID.alphas[1] - GRID.alphas[0], GRID.betas[1] - GRID.betas[0]])
    place = np.array([GRID.alphas[i], GRID.betas[j]])
    tab.page.mouse.move(*pixel(*(place + step * [-0.35, 0.35])))
    tab.until(f"{plot('bowl', 'readout')}.textContent.includes('loss')")
    ring = tab.page.query_selector('[data-id="bowl"] .here').bounding_box()
    middle = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2
    np.testing.assert_allclose(middle, pixel(*place), atol=1)
    for each in (first, second):
        assert tab.readout(each.name).startswith(
            f"α {GRID.alphas[i]:.4g}, β {GRID.betas[j]:.4g}: loss ".replace("-", "−")
            + f"{each.losses[i, j]:.4g} ± "
        )
        assert tab.readout(each.name).endswith(f"accuracy {100 * each.accuracies[i, j]:.1f} %")

    def profile(number: int) -> Any:
        # Every net has a band of its error, and its line.
        return tab.get(f"document.querySelector('#profile .plot').data[{2 * number + 1}].y")

    row = 15  # at first away from the center
    np.testing.assert_allclose(profile(0), first.losses[:, row])
    tab.page.mouse.move(*pixel(0.1, GRID.betas[row]))
    tab.page.mouse.down()
    tab.page.mouse.move(*pixel(0.1, 0.3))
    tab.page.mouse.move(*pixel(0.1, 0.81))
    tab.page.mouse.up()
    tab.until("location.hash.includes('at=0.8')")
    row = int(np.argmin(np.abs(GRID.betas - 0.8)))
    np.testing.assert_allclose(profile(0), first.losses[:, row])
    np.testing.assert_allclose(profile(1), second.losses[:, row])
    tab.page.keyboard.press("ArrowDown")  # the line has the focus
    tab.until("location.hash.includes('at=0.7')")
    np.testing.assert_allclose(profile(0), first.losses[:, row - 1])
    tab.act(lambda: tab.page.keyboard.press("c"))
    column = int(np.argmin(np.abs(GRID.alphas - 0.7)))
    np.testing.assert_allclose(profile(0), first.losses[column])

    tab.page.mouse.move(*pixel(0.3, 0.2))
    with tab.page.expect_download(timeout=SLOW) as download:
        tab.page.click("#share summary")
        tab.page.click("button[name=png]")
    assert min(colored(Path(download.value.path()).read_bytes())) > 0.1
    assert tab.complaints == []


def test_scales_cuts_and_quantities(open_tab: Open) -> None:
    tab = open_tab("view=heatmap")
    first, second = bowl(), rugged()
    assert tab.page.is_checked("input[value=log]")  # they span a factor of 100
    np.testing.assert_allclose(tab.trace("bowl")["z"], np.log10(first.losses.T), rtol=1e-6)
    tab.act(lambda: tab.page.keyboard.press("l"))
    # Clipped by default where the highest losses would flatten the others, as in figures.
    top = tab.trace("bowl")["zmax"]
    largest = second.losses[np.isfinite(second.losses)].max()
    wanted = Scale.covering([first, second], "linear")
    assert wanted.clipped
    assert top == pytest.approx(wanted.high)
    assert top < largest
    heights = np.array(tab.trace("rugged & <i>")["z"], dtype=float)
    assert np.nanmax(heights) == top
    assert "clipped at" in tab.page.text_content("#bar")
    tab.act(
        lambda: tab.page.evaluate(
            "(() => { const s = document.querySelector('input[name=clip]'); s.value = 1000;"
            "s.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
    )
    assert tab.trace("bowl")["zmax"] == pytest.approx(largest)
    assert "clip=none" in tab.get("landscape.state().clip === null ? 'clip=none' : ''")
    assert tab.get("[...document.querySelectorAll('.bar')].filter(b => b.offsetHeight).length") == 1
    tab.act(lambda: tab.page.uncheck("input[name=colors]"))
    assert tab.trace("bowl")["zmax"] == pytest.approx(first.losses.max())
    assert tab.get("[...document.querySelectorAll('.bar')].filter(b => b.offsetHeight).length") == 2
    tab.act(lambda: tab.page.select_option("select[name=quantity]", "accuracy"))
    # The trained net has an accuracy of its own: that of the losses' file, not of the drawing.
    center = second.accuracies[12, 5]
    note = tab.page.text_content('[data-id="rugged & <i>"] .note')
    assert f"accuracy {100 * center:.1f} % at the center" in note
    assert "loss" not in note or "accuracy" in note.split("loss")[1]
    np.testing.assert_allclose(tab.trace("bowl")["z"], first.accuracies.T, rtol=1e-6)
    assert (tab.trace("bowl")["zmin"], tab.trace("bowl")["zmax"]) == (0, 1)
    tab.act(lambda: tab.page.keyboard.press("2"))
    assert tab.trace("bowl")["type"] == "contour"

    # The address restores all of it in a new page.
    tab.until("location.hash.includes('view=contour')")
    again = open_tab(tab.get("location.hash.slice(1)"))
    assert again.get("JSON.stringify(landscape.state())") == tab.get(
        "JSON.stringify(landscape.state())"
    )
    assert again.trace("rugged & <i>") == tab.trace("rugged & <i>")
    assert again.page.input_value("select[name=quantity]") == "accuracy"
    assert not again.page.is_checked("input[name=colors]")
    for complaints in (tab.complaints, again.complaints):
        assert complaints == []


def test_contour_lines_are_labelled_with_losses(open_tab: Open) -> None:
    for scale in ("log", "linear"):
        tab = open_tab(f"view=contour&scale={scale}&show=bowl&marks=0")
        common = Scale.covering([bowl()], "log" if scale == "log" else "linear")
        losses = np.array([each for each in common.levels() if common.low < each < common.high])
        levels = tab.get(
            f"{plot('bowl', 'flat')}.data.filter(trace => trace.contours?.showlabels)"
            ".map(({contours: c}) => [c.start, c.size, Math.floor(c.end)])"
        )
        assert levels == [[0, 1, len(losses) - 1]]  # heights are their positions among the levels
        assert len(losses) >= 4
        for width in (1200, 700):  # plotly redraws it
            tab.page.set_viewport_size({"width": width, "height": 800})
            tab.page.wait_for_timeout(1500)
            texts = tab.get(
                f"[...{plot('bowl', 'flat')}.querySelectorAll('.contourlabels text')]"
                ".map(text => text.textContent)"
            )
            assert len(texts) >= 2
            for text in texts:
                assert np.abs(losses / float(text) - 1).min() < 0.01, text
        heat = tab.trace("bowl")
        middle = heat["zmin"] + 0.45 * (heat["zmax"] - heat["zmin"])
        inks = tab.get(
            f"[...{plot('bowl', 'flat')}.querySelectorAll('.contourlabels text')]"
            ".map(text => [text.textContent, getComputedStyle(text).fill])"
        )
        for text, ink in inks:  # white on the dark colors, black on the others
            height = np.log10(float(text)) if scale == "log" else float(text)
            assert ink == ("rgb(255, 255, 255)" if height < middle else "rgb(0, 0, 0)"), text
        assert len({ink for _, ink in inks}) == 2
        # What is saved has them too: seen in the picture of which it is made.
        tab.get(
            "(() => { const write = XMLSerializer.prototype.serializeToString;"
            "XMLSerializer.prototype.serializeToString = function (node) {"
            "const text = write.call(this, node); if (text.includes('contourlabels')) "
            "globalThis.saved = [...node.querySelectorAll('.contourlabels text')]"
            ".map(text => text.textContent); return text; }; })()"
        )
        with tab.page.expect_download(timeout=SLOW) as download:
            tab.page.keyboard.press("s")
        # The chart along the cut line stands at the right.
        contours, chart = colored(Path(download.value.path()).read_bytes())
        assert contours > 0.3
        assert chart == 0  # of one surface, its line is black
        saved = tab.get("saved")
        assert saved
        for text in saved:
            assert np.abs(losses / float(text) - 1).min() < 0.01, text
        assert tab.complaints == []


def test_one_can_type_where_to_clip_and_begin_again(open_tab: Open) -> None:
    tab = open_tab("view=heatmap&scale=linear&axis=alpha&quantity=loss&heights=own")
    field = "input[name=clip-at]"
    tab.act(lambda: tab.page.fill(field, "2.5"), lambda: tab.page.press(field, "Enter"))
    assert tab.trace("bowl")["zmax"] == 2.5
    assert tab.get("document.querySelector('input[name=clip]').value") not in ("0", "1000")
    tab.act(lambda: tab.page.fill(field, ""), lambda: tab.page.press(field, "Enter"))
    assert tab.get("landscape.state().clip") is None
    tab.act(lambda: tab.page.keyboard.press("Escape"), lambda: tab.page.click("button[name=reset]"))
    state = tab.get("landscape.state()")
    assert (state["view"], state["scale"], state["axis"], state["heights"], state["clip"]) == (
        "surface",
        "auto",
        "beta",
        "one",
        "auto",
    )


def test_odd_surfaces_do_not_stop_the_others(browser: Any, tmp_path: Path) -> None:
    nothing = replace(bowl(), evaluated=np.zeros(GRID.shape, dtype=bool))
    wide = Grid.regular((2, 121), (-3, 3))
    ones = np.ones(wide.shape)
    flat = Surface(wide, 2 * ones, ones, ones, ones > 0, np.ones(wide.shape, dtype=np.int64))
    path = tmp_path / "a.html"
    page.view(nothing, bowl(), flat, html=path, names=["nothing", "bowl", "flat"])
    tab = Tab(browser, path.as_uri())
    assert tab.trace("bowl", "relief")["type"] == "surface"
    tab.act(lambda: tab.page.keyboard.press("2"))
    assert tab.trace("flat")["type"] == "contour"
    x, y = tab.get(
        f"(() => {{ const {{xaxis, yaxis}} = {plot('flat', 'flat')}._fullLayout; return ["
        "xaxis._offset + xaxis.d2p(2.9), yaxis._offset + yaxis.d2p(2.9)]; })()"
    )
    tab.page.locator('[data-id="flat"] .flat').hover(position={"x": x, "y": y})
    tab.until(f"{plot('flat', 'readout')}.textContent.includes('loss')")
    assert "outside of this surface" in tab.readout("bowl")
    assert tab.get("document.querySelector('[data-id=\"bowl\"] .here').hidden")
    assert not tab.page.is_visible("#message")
    assert tab.complaints == []
    tab.close()


def test_paths_marks_and_provenance_are_shown_as_text(open_tab: Open) -> None:
    tab = open_tab("view=contour")
    meta = tab.get(f"{plot('rugged & <i>', 'flat')}.data.map(trace => trace.meta ?? '')")
    assert {"path 0", "mark"} <= set(meta)
    path = tab.trace("rugged & <i>", number=meta.index("path 0"))
    np.testing.assert_allclose(path["x"], [0, 0.3, 0.6])
    distances = tab.get("document.querySelector('#distances .plot').data[0].y")
    assert distances == [5, 4, 3]
    tab.act(lambda: tab.page.uncheck("input[name=paths]"))
    assert not tab.page.is_visible("#distances")
    # Local minima, by a loop over the neighbors.
    losses = bowl().losses
    lowest = [
        (i, j)
        for i, j in itertools.product(range(1, 24), range(1, 20))
        if all(
            losses[i, j] < losses[i + a, j + b]
            for a, b in itertools.product((-1, 0, 1), repeat=2)
            if (a, b) != (0, 0)
        )
    ]
    dots = tab.trace("bowl", number=1)
    assert [(x, y) for x, y in zip(dots["x"], dots["y"], strict=True)] == [
        (GRID.alphas[i], GRID.betas[j]) for i, j in lowest
    ]
    table = tab.page.text_content('[data-id="rugged & <i>"] .facts')
    assert "landscape scan x.pt <b>" in table
    assert "seed" in table
    assert tab.page.text_content('[data-id="rugged & <i>"] h2') == "rugged & <i>"
    assert tab.complaints == []


def test_a_wrong_address_is_as_good_as_none(open_tab: Open) -> None:
    tab = open_tab("view=contour&scale=x&clip=&at=nan&camera=1_2&show=bowl&show=gone&theme=%00")
    assert tab.get("landscape.state().cameras") == []
    assert tab.get("[...document.querySelectorAll('.panel')].map(p => p.dataset.id)") == ["bowl"]
    assert "gone" in tab.page.text_content("#message")
    assert tab.complaints == []


def test_without_webgl_a_message_and_contours_are_shown(open_tab: Open) -> None:
    tab = open_tab(
        script="""
        const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return String(kind).includes("webgl") ? null : get.call(this, kind, ...more);
        };
        """
    )
    assert "WebGL" in tab.page.text_content("#message")
    assert tab.page.is_disabled("input[value=surface]")
    assert tab.trace("bowl")["type"] == "contour"
    wait_for_colors(tab)
    assert tab.complaints == []


def test_on_a_phone_and_in_the_dark(open_tab: Open) -> None:
    tab = open_tab(
        "view=heatmap", viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True
    )
    assert tab.get("document.documentElement.scrollWidth <= 390")
    tops = tab.get("[...document.querySelectorAll('.panel')].map(p => p.offsetLeft)")
    assert tops[0] == tops[1]  # one below the other
    assert not tab.page.is_visible("input[name=marks]")  # most controls are folded
    tab.act(lambda: tab.page.tap("button[name=more]"))
    assert tab.page.is_visible("input[name=marks]")
    tab.act(lambda: tab.page.tap("button[name=more]"))
    assert not tab.page.is_visible("input[name=marks]")
    characters = "[...document.querySelectorAll('.panel .xtick text, .bar span')]"
    assert (
        tab.get(f"Math.min(...{characters}.map(t => parseFloat(getComputedStyle(t).fontSize)))")
        >= 11
    )
    color = "getComputedStyle(document.body).backgroundColor"
    assert tab.get(color) == "rgb(21, 24, 28)"
    assert tab.get(f"{plot('bowl', 'flat')}.layout.font.color") == "rgb(228, 231, 234)"
    tab.page.locator('[data-id="bowl"] .flat').tap(position={"x": 150, "y": 120})
    tab.until("document.querySelector('[data-id=\"bowl\"] .readout').textContent.includes('loss')")
    tab.act(lambda: tab.page.keyboard.press("t"))  # light, whatever the system has
    assert tab.get(color) == "rgb(255, 255, 255)"
    assert tab.get(f"{plot('bowl', 'flat')}.layout.font.color") == "rgb(28, 33, 38)"


def test_a_gallery_to_choose_from(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    hill = surface(1 / bowl().losses, "hill")
    page.view(bowl(), hill, rugged(), html=path, gallery=True)
    tab = Tab(browser, path.as_uri() + "#view=heatmap")
    shown = "[...document.querySelectorAll('.panel')].map(p => p.dataset.id)"
    assert tab.get(shown) == ["bowl", "hill"]  # the first two
    assert tab.get("document.querySelectorAll('.card').length") == 3
    assert tab.page.is_visible(".card")
    middle = tab.get(
        "[...document.querySelectorAll('.card canvas')].map(c => "
        "[...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data])"
    )
    assert middle[0] != middle[2]
    assert middle[0][2] > middle[0][1]  # the middle of the bowl is low: blue
    tab.act(lambda: tab.page.uncheck('[data-choice="bowl"]'))
    tab.act(lambda: tab.page.uncheck('[data-choice="hill"]'))
    assert tab.get(shown) == []
    tab.act(lambda: tab.page.check('[data-choice="bowl"]'))
    tab.until("location.hash.includes('show=bowl')")
    # A second one takes half of the place, and the first gives it.
    tab.act(lambda: tab.page.check('[data-choice="rugged & <i>"]'))
    assert tab.get(shown) == ["bowl", "rugged & <i>"]
    tab.until(
        "[...document.querySelectorAll('.panel')].every(panel => "
        "panel.querySelector('.main-svg').clientWidth <= panel.clientWidth)"
    )
    tab.act(lambda: tab.page.click("button[name=gallery]"))
    assert not tab.page.is_visible(".card")
    assert tab.complaints == []
    tab.close()


def test_a_surface_that_is_added_leaves_the_cameras_of_the_others(open_tab: Open) -> None:
    turned = "0.5_-2_0.3_0_0_0_0_0_1"
    tab = open_tab(f"view=heatmap&show=bowl&link=0&camera={turned}")
    tab.act(lambda: tab.page.click("button[name=gallery]"))
    tab.act(lambda: tab.page.check('[data-choice="rugged & <i>"]'))
    eyes = tab.get("landscape.state().cameras.map(({eye}) => [eye.x, eye.y, eye.z])")
    assert eyes[0] == [0.5, -2, 0.3]
    assert len(eyes) == 2
    assert eyes[1] != eyes[0]
    assert tab.complaints == []


def test_every_view_is_in_its_link(open_tab: Open) -> None:
    tab = open_tab("view=heatmap&show=bowl")
    rng = np.random.default_rng(0)

    def one_of(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    def camera() -> Any:
        numbers = rng.uniform(-1, 1, 9).round(3).tolist()
        return {
            name: dict(zip("xyz", numbers[k : k + 3], strict=True))
            for name, k in (("eye", 0), ("center", 3), ("up", 6))
        }

    for _ in range(50):
        link = one_of(True, False)
        state = {
            "show": one_of(["bowl"], [], ["rugged & <i>"], ["rugged & <i>", "bowl"], ["a,b"]),
            "view": one_of("surface", "contour", "heatmap"),
            "quantity": one_of("loss", "accuracy"),
            "scale": one_of("auto", "linear", "log"),
            "heights": one_of("one", "own"),
            "colors": one_of("one", "own"),
            "clip": one_of(None, "auto", 2.5, 1e-9),
            "axis": one_of("alpha", "beta"),
            "at": one_of(None, 0, -0.25),
            "link": link,
            "marks": one_of(True, False),
            "paths": one_of(True, False),
            "points": one_of(True, False),
            "point": one_of(None, {"alpha": 0, "beta": -0.25}),
            "theme": one_of("auto", "light", "dark"),
            "cameras": [camera() for _ in range(one_of(0, 1) if link else one_of(0, 2, 4))],
        }
        defaults = {"show": one_of(["bowl"], ["a", "b"]), "clip": one_of("auto", 3, None)}
        defaults["scale"] = one_of("auto", "log")
        parsed = tab.page.evaluate(
            "([state, defaults]) => landscape.parse(landscape.format(state, defaults), defaults)",
            [state, defaults],
        )
        assert parsed == state
        # No control is left out.
        assert set(parsed) == set(tab.get("landscape.state()"))


PLAIN = """
(() => {
  // A clock without slow frames, which let plotly's camera coast on.
  let now = performance.now();
  performance.now = () => now;
  const tick = () => { now += 16; requestAnimationFrame(tick); };
  tick();
  const ours = document.querySelector('[data-id="bowl"] .relief');
  const {left, top, width, height} = ours.getBoundingClientRect();
  const plain = document.createElement("div");
  plain.id = "plain";
  plain.style.cssText = `position: fixed; z-index: 9; left: ${left}px; top: ${top}px;` +
    `width: ${width}px; height: ${height}px; background: white`;
  document.body.append(plain);
  const camera = ours._fullLayout.scene._scene.getCamera();
  // Their frames would be slow.
  document.querySelectorAll(".relief").forEach((each) => Plotly.purge(each));
  return Plotly.newPlot(plain, [{type: "surface", z: [[0, 1], [1, 3]]}], {
    margin: {l: 0, r: 0, t: 0, b: 0}, scene: {dragmode: "turntable", camera},
  }).then(() => true);
})()
"""


def angles(tab: Tab, picture: str) -> NDArray[np.float64]:
    x, y, z = eye(tab, picture)
    return np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])


def turn_by(tab: Tab, picture: str, right: int, down: int) -> NDArray[np.float64]:
    """By how many degrees a drag turns a camera around and up."""
    before = angles(tab, picture)
    box = tab.get(
        f"(({{x, y, width, height}}) => [x, y, width, height])({picture}.getBoundingClientRect())"
    )
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    for k in range(1, 7):
        tab.page.mouse.move(x + k * right / 6, y + k * down / 6)
    tab.page.mouse.up()
    tab.page.wait_for_timeout(1500)
    return angles(tab, picture) - before


def test_surfaces_fill_the_window(browser: Any, tmp_path: Path) -> None:
    names = ["resnet56", "plain56", "resnet56-curvature", "plain56-curvature"]
    path = tmp_path / "a.html"
    page.view(*(load(PAPER / f"{name}.h5") for name in names), html=path, names=names)
    tab = Tab(browser, path.as_uri() + "#show=resnet56", viewport={"width": 1400, "height": 900})
    for width, height in ((1400, 900), (390, 844), (1920, 1080)):
        tab.page.set_viewport_size({"width": width, "height": height})
        for num in (1, 2, 4):
            address = "&".join(f"show={name}" for name in names[:num])
            tab.get(f"location.hash = '{address}'")
            tab.until(
                f"landscape.surfaces().length === {num} && [...document.querySelectorAll("
                "'.panel .stage')].every(stage => { const svg = stage.querySelector('.main-svg'); "
                "return svg && svg.clientWidth === stage.clientWidth && "
                "svg.clientHeight === stage.clientHeight; })"
            )
            header = tab.get("document.querySelector('header').getBoundingClientRect().bottom")
            assert header < 50  # one row
            boxes = tab.get(
                "[...document.querySelectorAll('.panel')].map(panel => "
                "(({x, y, width, height}) => [x, y, width, height])(panel.getBoundingClientRect()))"
            )
            seen = sum(w * max(0, min(y + h, height) - max(y, header)) for _, y, w, h in boxes)
            assert seen >= 0.75 * width * (height - header), (width, num)
            x, y, w, h = boxes[0]
            clip = {"x": x, "y": y, "width": w, "height": h}
            for _ in range(40):
                shot = np.asarray(
                    Image.open(io.BytesIO(tab.page.screenshot(timeout=SLOW, clip=clip))).convert(
                        "RGB"
                    )
                ).astype(int)
                share = float((np.ptp(shot, axis=2) > 10).mean())  # colored: no text, no axes
                if share >= 0.45:
                    break
                tab.page.wait_for_timeout(250)
            assert share >= 0.45, (width, num)
    assert tab.complaints == []
    tab.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1400, 900)])
def test_nothing_is_cut_off_at_the_first_camera(
    browser: Any, tmp_path: Path, width: int, height: int
) -> None:
    line = Surface.empty(Grid.regular((21, 1)), {}, {"name": "line"})
    line.losses[:], line.evaluated[:] = 1 + line.grid.alphas[:, None] ** 2, True
    path = tmp_path / "a.html"
    page.view(*(load(PAPER / f"{name}.h5") for name in ("plain56", "resnet56")), line, html=path)
    tab = Tab(browser, path.as_uri(), viewport={"width": width, "height": height})
    tab.until("document.querySelectorAll('.panel .stage canvas').length >= 2")
    boxes = tab.get(
        "[...document.querySelectorAll('.panel .stage')].map(stage => "
        "(({x, y, width, height}) => ({x, y, width, height}))(stage.getBoundingClientRect()))"
    )
    assert len(boxes) == 2
    for box in boxes:
        for _ in range(40):
            content = tab.page.screenshot(timeout=SLOW, clip=box)
            shot = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
            if (np.ptp(shot, axis=2) > 10).mean() > 0.2:  # it is drawn
                break
            tab.page.wait_for_timeout(250)
        else:
            pytest.fail("nothing is drawn")
        # Lines of the walls are pale, texts and the surface are not.
        ends = [shot[:, 2:5], shot[:, -5:-2], shot[-5:-2]]
        assert all(end.min() > 180 for end in ends)
    # The whole chart of the lines is seen, above its notes.
    bottom = tab.get("document.querySelector('#lines .plot').getBoundingClientRect().bottom")
    assert bottom <= height
    assert tab.complaints == []
    tab.close()


def test_dragging_turns_as_in_plotly(open_tab: Open) -> None:
    tab = open_tab()
    ours = [turn_by(tab, plot("bowl", "relief"), *drag) for drag in ((60, 0), (0, 60))]
    tab.act(lambda: tab.page.click("button[name=reset]"))
    tab.get(PLAIN)
    turn_by(tab, "document.querySelector('#plain')", 6, 6)  # until it listens
    plain = [turn_by(tab, "document.querySelector('#plain')", *drag) for drag in ((60, 0), (0, 60))]
    np.testing.assert_allclose(ours, plain, rtol=0.2, atol=0.5)
    assert np.abs(np.diag(plain)).min() > 5
    assert tab.complaints == []


def test_scales_have_the_numbers_of_the_figures(open_tab: Open) -> None:
    tab = open_tab("view=heatmap&show=bowl")
    rng = np.random.default_rng(1)
    clipped = 0
    for _ in range(60):
        shape = (rng.integers(1, 4), 8, 9)
        spreads = rng.uniform(0.01, 5, (shape[0], 1, 1))
        every = 10 ** rng.uniform(-6, 6) * np.exp(spreads * rng.normal(size=shape))
        kind: Any = rng.choice(["auto", "linear", "log"])
        maximum = float(np.median(every)) if rng.random() < 0.3 else None
        small = Grid.regular((8, 9))
        whole = np.ones((8, 9), dtype=bool)
        surfaces = [
            Surface(small, each, each, each, whole, whole.astype(np.int64)) for each in every
        ]
        wanted = Scale.covering(surfaces, kind, maximum)
        clipped += wanted.clipped and maximum is None
        got = tab.page.evaluate(
            "([losses, kind, maximum]) => { const scale = landscape.Scale.ofLosses("
            "losses.map((each) => new Float64Array(each)), kind, maximum); "
            "return {low: scale.low, high: scale.high,"
            "log: scale.log, clipped: scale.clipped, limits: scale.limits, "
            "levels: scale.levels(8), "
            "texts: scale.levels(8).map(level => landscape.number(level))}; }",
            [[each.ravel().tolist() for each in every], kind, maximum or "auto"],
        )
        assert (got["low"], got["high"]) == pytest.approx((wanted.low, wanted.high))
        assert (got["log"], got["clipped"]) == (wanted.log, wanted.clipped)
        assert got["limits"] == pytest.approx(wanted.limits)
        np.testing.assert_allclose(got["levels"], wanted.levels(8), rtol=1e-12, atol=1e-300)
        assert got["texts"] == [Scale.label(level) for level in wanted.levels(8)]
    assert clipped >= 3


def test_the_help_calls_examples_what_they_are(browser: Any, tmp_path: Path) -> None:
    text = replace(bowl(), settings={"data": "notes.txt", "sequence_length": 8})
    of_images = replace(rugged(), settings={"data": "digits"})
    for shown, word in (((text,), "sequences"), ((text, of_images), "examples")):
        path = tmp_path / f"{word}.html"
        page.view(*shown, html=path)
        tab = Tab(browser, path.as_uri())
        assert tab.page.text_content("#unit") == word
        tab.close()
