"""What the page draws and exports, in a real browser."""

import io
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import PchipInterpolator

from landscape.curvature_map import Curvature
from landscape.figures.between import between, finer
from landscape.grid import Grid
from landscape.overlays import Mark
from landscape.page import view
from landscape.scale import Scale
from landscape.surface import Surface
from tests.browser import SLOW, Tab, plot

pytestmark = pytest.mark.browser

GRID = Grid.regular((13, 11), (-1, 1), (-1, 1))
LINE = Grid.regular((41, 1), (-1, 1))
SMALL = {"width": 500, "height": 500}
RELIEF = plot("net", "relief")


def surface(grid: Grid, losses: NDArray[np.float64], name: str, **more: Any) -> Surface:
    whole = np.ones(grid.shape, dtype=bool)
    facts: dict[str, Any] = {"name": name}
    errors = np.full(grid.shape, np.nan)
    return Surface(grid, losses, 1 / (1 + losses), errors, whole, whole * 100, {}, facts, **more)


def net() -> Surface:
    """Losses over four decades, with eigenvalues at all points but one."""
    a, b = np.meshgrid(GRID.alphas, GRID.betas, indexing="ij")
    state = np.ones(GRID.shape, dtype=np.uint8)
    state[2, 3], state[4, 5] = 0, 2
    curvature = Curvature(-2.5 + a, 3 + b, state > 0, state == 1)
    return surface(GRID, 10 ** (-2 + 2 * (a**2 + b**2)), "net", curvature=curvature)


def lines() -> list[Surface]:
    """A line of three seeds of which one has a gap and one diverges, and another line."""
    losses = 0.1 + LINE.alphas[:, None] ** 2
    seeds = [surface(LINE, factor * losses, "seeds") for factor in (1.0, 4.0, 2.0)]
    seeds[1].losses[5] = np.inf
    gap = np.arange(41)[:, None] != 7
    repeats = (seeds[1], replace(seeds[2], evaluated=gap))
    mark = Mark("other net", 0.5, 0.0, 0.0, 0.7)
    return [replace(seeds[0], repeats=repeats, marks=(mark,)), surface(LINE, 300 * losses, "high")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "a.html"
    names = ["net", "seeds", "high"]
    view(net(), *lines(), html=path, names=names, files={"net": "my runs/net.h5"})
    return path.as_uri()


@pytest.fixture
def tab(browser: Any, page: str, request: pytest.FixtureRequest) -> Iterator[Tab]:
    found = Tab(browser, f"{page}#{request.param}")
    yield found
    assert found.complaints == []
    found.close()


def at(address: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("tab", [address], indirect=True, ids=[""])


def share(tab: Tab, button: str) -> None:
    if not tab.page.is_visible("#share"):
        tab.page.click("button[name=more]")
    tab.page.click("#share summary")
    tab.page.click(f"button[name={button}]")


def saved(tab: Tab, button: str) -> tuple[str, bytes]:
    with tab.page.expect_download(timeout=SLOW) as download:
        share(tab, button)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def eye(tab: Tab) -> tuple[float, float, float]:
    found = tab.get(f"{RELIEF}._fullLayout.scene._scene.getCamera().eye")
    return found["x"], found["y"], found["z"]


def center(tab: Tab) -> tuple[float, float, float]:
    found = tab.get(f"{RELIEF}._fullLayout.scene._scene.getCamera().center")
    return found["x"], found["y"], found["z"]


def command_of(tab: Tab) -> list[str]:
    share(tab, "command")
    text = tab.get("document.querySelector('#command textarea').value")
    tab.page.keyboard.press("Escape")
    return str(text).splitlines()


@at("show=net")
def test_contour_lines_lie_on_a_relief_at_round_losses(tab: Tab) -> None:
    traces = tab.get(
        f"{RELIEF}.data.filter(trace => trace.type === 'surface')"
        ".map(({contours, hidesurface}) => ({...contours.z, hidden: hidesurface ?? false}))"
    )
    assert [trace["hidden"] for trace in traces] == [False] + [True] * (len(traces) - 1)
    assert all(trace["show"] for trace in traces)
    heights = np.concatenate(
        [np.arange(trace["start"], trace["end"], trace["size"]) for trace in traces]
    )
    scale = Scale.covering([net()])
    wanted = [level for level in scale.levels() if scale.low < level < scale.high]
    assert len(wanted) > 6
    np.testing.assert_allclose(np.sort(10**heights), wanted, rtol=1e-9)

    # The surface that they lie on is that of figures.
    alphas, betas = finer(GRID.alphas, 150), finer(GRID.betas, 150)
    relief = tab.trace("net", "relief")
    smooth = between(GRID, scale.heights(net().losses), alphas, betas)
    np.testing.assert_allclose(relief["x"], alphas, atol=1e-12)
    np.testing.assert_allclose(relief["y"], betas, atol=1e-12)
    np.testing.assert_allclose(relief["z"], smooth.T, atol=1e-12)

    # A camera is given as matplotlib has it: its eye is found again from the angles.
    from landscape.figures import plot as draw

    tab.page.focus('[data-id="net"] .relief')
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "+"):
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(300)
    (command,) = command_of(tab)
    words = shlex.split(command)
    assert words[:3] == ["landscape", "plot", "my runs/net.h5"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    azimuth, elevation = (np.deg2rad(float(options[f"--{x}"])) for x in ("azimuth", "elevation"))
    seen = np.subtract(eye(tab), center(tab))
    direction = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    np.testing.assert_allclose(
        seen / np.linalg.norm(seen), [*direction, np.sin(elevation)], atol=2e-3
    )
    assert 1 < float(options["--zoom"]) < 1.2
    assert (options["--kind"], options["--scale"], options["--max"]) == ("surface", "log", "none")
    assert draw(net(), kind="surface", scale="log", maximum=np.inf)


@at("show=net&view=contour&marks=0")
def test_contour_labels_are_round_losses(tab: Tab) -> None:
    labels = (
        f"[...{plot('net', 'flat')}.querySelectorAll('.contourlabels text')]"
        ".map(text => text.textContent)"
    )
    texts = set(tab.get(labels))
    assert texts <= {"0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "100"}
    assert {"0.03", "0.3"} <= texts
    tab.page.set_viewport_size({"width": 800, "height": 900})  # plotly redraws it
    tab.page.wait_for_timeout(1000)
    assert {"0.03", "0.3"} <= set(tab.get(labels)) <= texts | {"100"}

    name, content = saved(tab, "svg")
    assert name == "net-contour.svg"
    root = ElementTree.fromstring(content)
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"net", "0.3", "α, along δ"} <= words
    name, picture = saved(tab, "png")
    assert np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).std() > 20
    assert "--kind contour --scale log --max none" in command_of(tab)[0]
    tab.act(lambda: tab.page.keyboard.press("a"))
    assert command_of(tab)[0].endswith("--kind contour --quantity accuracy")


@at("show=net&view=heatmap&quantity=ratio")
def test_eigenvalues_of_the_hessian_are_quantities(tab: Tab) -> None:
    found = net().curvature
    assert found is not None
    ratio = np.abs(found.lowest / found.highest).T
    drawn = np.array(tab.trace("net")["z"])
    known = (found.evaluated).T
    np.testing.assert_allclose(drawn[known], np.minimum(ratio, 1)[known])
    assert np.isfinite(drawn).all()
    assert (tab.trace("net")["zmin"], tab.trace("net")["zmax"]) == (0, 1)
    crosses = tab.trace("net", number=1)
    assert (crosses["x"], crosses["y"]) == ([GRID.alphas[4]], [pytest.approx(GRID.betas[5])])
    assert command_of(tab)[0].endswith("--kind heatmap --quantity ratio")
    for value, wanted in (("lowest", found.lowest), ("highest", found.highest)):
        tab.act(lambda value=value: tab.page.select_option("select[name=quantity]", value))
        trace = tab.trace("net")
        np.testing.assert_allclose(np.array(trace["z"])[known], wanted.T[known])
        assert trace["zmin"] == pytest.approx(wanted[found.evaluated].min())
    tab.until("location.hash.includes('quantity=highest')")
    # Where it is loss again, the control of what is missing is gone.
    tab.act(lambda: tab.page.select_option("select[name=quantity]", "loss"))
    if not tab.page.is_visible("#gallery"):
        tab.act(lambda: tab.page.click("button[name=gallery]"))
    tab.act(
        lambda: tab.page.check('[data-choice="high"]'),
        lambda: tab.page.uncheck('[data-choice="net"]'),
    )
    tab.until("document.querySelectorAll('.panel').length === 0")
    offered = "[...document.querySelector('select[name=quantity]').options].map(o => o.value)"
    assert tab.get(offered) == ["loss", "accuracy"]


@at("view=heatmap")
def test_lines_stand_in_one_chart_next_to_surfaces(tab: Tab) -> None:
    assert tab.get("[...document.querySelectorAll('.panel')].map(p => p.dataset.id)") == ["net"]
    chart = "document.querySelector('#lines .plot')"
    first, second = lines()

    def drawn(meta: str) -> Any:
        return tab.get(f"{chart}.data.filter(({{meta}}) => meta === '{meta}').map(t => [t.x, t.y])")

    values = np.stack([each.losses[:, 0] for each in first.seeds])
    values[2, 7] = np.nan
    middle = [np.median(column[~np.isnan(column)]) for column in values.T]
    (x, y), (_, high) = drawn("line")
    np.testing.assert_allclose(x, LINE.alphas)
    np.testing.assert_allclose(y, middle)
    np.testing.assert_allclose(high, second.losses[:, 0])
    # Drawn as the monotone cubic of the logarithms, as in figures.
    (x, y), _ = drawn("curve")
    oracle = PchipInterpolator(LINE.alphas, np.log10(middle))
    assert len(x) > 300
    np.testing.assert_allclose(y, 10 ** oracle(x), rtol=1e-9)
    bottom, top = tab.get(f"{chart}.data.slice(0, 2).map(t => t.y)")
    pieces = (len(x) - 1) // 40
    bottom, top = bottom[::pieces], top[::pieces]
    assert bottom[5] is top[5] is None  # one seed diverges there
    finite = [k for k in range(41) if k != 5]
    np.testing.assert_allclose([bottom[k] for k in finite], np.nanmin(values, 0)[finite])
    np.testing.assert_allclose([top[k] for k in finite], np.nanmax(values, 0)[finite])
    assert drawn("mark")[0] == [[0.5], [0.7]]
    assert "other net" in tab.get(f"{chart}.layout.annotations[0].text")
    # One scale for all lines, by the rules of the figures.
    scale = Scale.covering([*first.seeds, second])
    assert scale.log
    assert tab.get(f"{chart}.layout.yaxis.type") == "log"
    low, end = tab.get(f"{chart}.layout.yaxis.range")
    assert low <= np.log10(scale.low) <= low + 0.2
    assert end - 0.2 <= np.log10(scale.high) <= end
    note = tab.page.text_content("#lines .note")
    assert "median of 3 seeds" in note

    assert (
        command_of(tab)[1] == "landscape plot seeds.h5 high.h5 --kind line --scale log --max none"
    )
    tab.act(lambda: tab.page.keyboard.press("a"))
    np.testing.assert_allclose(drawn("line")[1][1], 100 * second.accuracies[:, 0], rtol=1e-6)
    assert tab.get(f"{chart}.layout.yaxis.title.text") == "accuracy (%)"
    name, _ = saved(tab, "png")
    assert name == "net-seeds-high-heatmap.png"


def test_it_turns_once_opened_and_stops_at_a_touch(browser: Any, page: str) -> None:
    moving: dict[str, Any] = {"viewport": SMALL, "reduced_motion": "no-preference"}
    tab = Tab(browser, f"{page}#show=net", **moving)
    began = eye(tab)
    tab.until(f"Math.abs({RELIEF}._fullLayout.scene._scene.getCamera().eye.x - {began[0]}) > 1e-3")
    assert tab.get("location.hash.includes('camera')") is False
    tab.page.mouse.click(5, 5)
    tab.until("landscape.state().cameras.length === 1")
    tab.page.wait_for_timeout(500)
    stopped = eye(tab)
    kept = tab.get("landscape.state().cameras[0].eye")
    assert stopped == pytest.approx((kept["x"], kept["y"], kept["z"]), abs=1e-6)
    distances = [np.linalg.norm(np.subtract(each, center(tab))) for each in (stopped, began)]
    assert distances[0] == pytest.approx(distances[1])
    tab.page.wait_for_timeout(1000)
    assert eye(tab) == stopped
    tab.until("location.hash.includes('camera')")
    # Nothing turns from a camera that somebody chose.
    again = Tab(browser, f"{page}{tab.get('location.hash')}", **moving)
    again.page.wait_for_timeout(1500)
    assert eye(again) == pytest.approx(stopped, abs=2e-3)
    for each in (tab, again):
        assert each.complaints == []
        each.close()


def test_a_turn_is_saved_as_an_animation_and_a_link_copied(browser: Any, page: str) -> None:
    tab = Tab(
        browser,
        f"{page}#show=net",
        viewport=SMALL,
        permissions=["clipboard-read", "clipboard-write"],
    )
    tab.act(lambda: tab.page.click("button[name=more]"))  # panels give the controls their place
    began = eye(tab)
    tab.page.wait_for_timeout(1000)
    assert eye(tab) == began  # nothing turns for those who want no motion
    tab.get("Object.assign(landscape.animation, {seconds: 1, frames: 4})")
    name, content = saved(tab, "animation")
    assert name == "net-surface.webm"
    assert content[:4] == b"\x1a\x45\xdf\xa3"  # EBML
    player = tab.context.new_page()  # the page's policy forbids itself to play an animation
    width, height, seconds = player.evaluate(
        """async (bytes) => {
          const video = document.createElement("video");
          video.src = URL.createObjectURL(new Blob([new Uint8Array(bytes)]));
          video.muted = true;
          await new Promise((done, failed) => {
            [video.onloadeddata, video.onerror] = [done, () => failed(new Error("no animation"))];
          });
          video.currentTime = 1e6;  // its head has no duration: the browser finds the end
          await new Promise(done => video.onseeked = done);
          return [video.videoWidth, video.videoHeight, video.currentTime];
        }""",
        list(content),
    )
    player.close()
    assert min(width, height) > 200
    assert 0.5 < seconds < 10  # drawing takes much longer here, and is not part of it
    assert eye(tab) == pytest.approx(began, abs=1e-6)  # it is where it was
    tab.act(lambda: tab.page.keyboard.press("3"))
    share(tab, "address")
    tab.until("document.querySelector('#shared').textContent === 'link copied'")
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == f"{page}#view=heatmap&show=net"
    share(tab, "animation")
    tab.until("document.querySelector('#shared').textContent.includes('only 3-D')")
    assert tab.complaints == []
    assert [address.split("#")[0] for address in tab.outside()] == [page]
    tab.close()
