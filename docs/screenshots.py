"""Make the screenshots of docs/ from the surfaces in results/.

python docs/screenshots.py
"""

import tempfile
from pathlib import Path
from typing import Any

from landscape import interactive, load
from tests.browser import SLOW, Tab, chromium

ROOT = Path(__file__).resolve().parent.parent
RESULTS, DOCS = ROOT / "results", ROOT / "docs"
LI = RESULTS / "li2018"


def shoot(tab: Tab, name: str) -> None:
    """Wait until 3-D pictures are drawn, and take a picture of the page."""
    tab.page.wait_for_timeout(4000)
    tab.page.screenshot(path=DOCS / f"{name}.png", timeout=SLOW)
    tab.close()


def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:

        def page(name: str, *paths: Path, **options: Any) -> str:
            surfaces, names = [load(path) for path in paths], [path.stem for path in paths]
            file = Path(folder, f"{name}.html")
            return interactive.view(surfaces, file, names=names, **options).as_uri()

        pair = page("pair", LI / "plain56.h5", LI / "resnet56.h5")
        size = {"width": 1200, "height": 860}
        shoot(Tab(browser, pair, viewport=size), "page")
        tab = Tab(browser, pair + "#view=contour&at=0.25", viewport={"width": 1200, "height": 1240})
        box = tab.page.query_selector('[data-id="resnet56"] .flat').bounding_box()
        tab.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
        shoot(tab, "page-contours")
        walk = page("walk", RESULTS / "digits" / "sgd-adamw.h5")
        shoot(Tab(browser, walk, viewport={"width": 900, "height": 1160}), "page-paths")
        names = ("plain56", "resnet56", "plain56-curvature", "resnet56-curvature")
        gallery = page("all", *(LI / f"{name}.h5" for name in names), gallery=True)
        shoot(Tab(browser, gallery, viewport={"width": 900, "height": 560}), "page-gallery")
        phone: Any = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
        address = pair + "#view=heatmap&show=resnet56"
        shoot(Tab(browser, address, color_scheme="dark", has_touch=True, **phone), "page-phone")


if __name__ == "__main__":
    main()
