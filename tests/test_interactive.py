import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landscape import interactive
from landscape.surface import Surface

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def test_the_figure_holds_the_surface_with_alpha_along_x(surface: Surface) -> None:
    trace = interactive.figure([surface], scale="linear").data[0]
    np.testing.assert_array_equal(trace.x, surface.grid.alphas)
    np.testing.assert_array_equal(trace.y, surface.grid.betas)
    np.testing.assert_allclose(trace.z[1, 2], surface.losses[2, 1])
    loss, accuracy = trace.customdata[1, 2]
    assert loss.startswith(f"{surface.losses[2, 1]:.4g} ± ")
    assert accuracy == f"{surface.accuracies[2, 1]:.1%}"


def test_surfaces_share_heights_and_colors(surface: Surface) -> None:
    other = replace(surface, losses=surface.losses * 1e6)
    figure = interactive.figure([surface, other])
    low, high = np.log10(surface.losses.min()), np.log10(other.losses.max())
    for trace, scene in zip(figure.data, (figure.layout.scene, figure.layout.scene2), strict=True):
        assert (trace.cmin, trace.cmax) == pytest.approx((low, high))
        assert scene.zaxis.range == pytest.approx((low, high))
        assert scene.zaxis.type is None  # log axes draw wrong colors: heights are logarithms
    assert [trace.showscale for trace in figure.data] == [True, False]


def test_infinite_losses_are_no_spike(surface: Surface) -> None:
    surface.losses[0, 0], surface.losses[1, 1] = np.inf, np.nan
    trace = interactive.figure([surface]).data[0]
    assert np.isnan(trace.z[0, 0])
    assert np.isnan(trace.z[1, 1])
    assert trace.customdata[0, 0][0].startswith("inf")


def test_the_page_is_one_file_that_uploads_nothing(surface: Surface, tmp_path: Path) -> None:
    path = surface.view(tmp_path / "new" / "a.html")
    text = path.read_text()
    assert '"showSendToCloud": false' in text
    assert "<script src=" not in text
    assert "<title>mlp</title>" in text
    assert path.stat().st_size < 6_000_000
    assert [p.name for p in path.parent.iterdir()] == ["a.html"]


def test_names_are_text_not_html(surface: Surface, tmp_path: Path) -> None:
    evil = Surface.empty(surface.grid, {}, {"name": "<script>alert(1)</script>"})
    evil.losses[:], evil.evaluated[:] = 1.0, True
    text = evil.view(tmp_path / "a.html").read_text()
    assert "<script>alert" not in text


def test_it_opens_only_where_there_is_a_display(
    surface: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert surface.view().is_file()
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    path = surface.view()
    assert opened == [path.as_uri()]
    surface.view(tmp_path / "a.html")
    assert len(opened) == 1
    surface.view(tmp_path / "a.html", open_browser=True)
    assert len(opened) == 2


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of headless Chromium, drawing WebGL in software."""
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: `make test` installs it")
        pytest.skip("no Chromium")
    flags = [
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--no-sandbox",
        "--disable-background-networking",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=flags)
        yield chromium.new_page(viewport={"width": 1200, "height": 600})
        chromium.close()


@pytest.mark.browser
def test_chromium_draws_both_surfaces_offline(surface: Surface, page: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    interactive.view([surface, surface], path)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_function(
        "document.querySelectorAll('.gl-container canvas').length >= 2", timeout=120_000
    )
    for _ in range(30):
        page.wait_for_timeout(1000)
        page.screenshot(path=tmp_path / "a.png", timeout=120_000)
        shot = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
        saturation = shot.max(2) - shot.min(2)
        halves = saturation[60:, :500], saturation[60:, 560:1000]
        colored = [(half > 60).mean() for half in halves]
        if min(colored) > 0.02:
            break
    assert min(colored) > 0.02, colored
    titles = [b.get_attribute("data-title") or "" for b in page.query_selector_all(".modebar-btn")]
    assert titles
    assert not [title for title in titles if "cloud" in title.lower() or "share" in title.lower()]
    assert requests == [path.as_uri()]
    assert errors == []
