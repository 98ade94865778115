"""Make the screenshots of docs/images/ from the surfaces in results/.

python -m docs.screenshots

A sheet ``window-SIZE.png`` has 1, 2 and 4 surfaces in one size of window: above as they were before
the page filled the window, which is kept, below unchanged now.
"""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from landscape import load, view
from tests.browser import SLOW, Tab, chromium

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PICTURES = ROOT / "results", ROOT / "docs" / "images"
LI = RESULTS / "li2018"
NAMES = ("resnet56", "plain56", "resnet56-curvature", "plain56-curvature")
WINDOWS: dict[str, dict[str, Any]] = {
    "1400x900": {"viewport": {"width": 1400, "height": 900}},
    "1920x1080": {"viewport": {"width": 1920, "height": 1080}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
WIDTHS = {"1400x900": 700, "1920x1080": 760, "phone": 390}  # pixels of a picture in a sheet
GAP = 10


def taken(tab: Tab) -> Image.Image:
    """Wait until 3-D pictures are drawn, and return a picture of the page."""
    tab.page.wait_for_timeout(4000)
    picture = Image.open(io.BytesIO(tab.page.screenshot(timeout=SLOW))).convert("RGB")
    tab.close()
    return picture


def write(picture: Image.Image, path: Path) -> None:
    """Write a picture with 256 colors, which is a third of the size."""
    picture.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(path, optimize=True)


def of_the_document(page: Any, browser: Any) -> Iterator[tuple[str, Image.Image]]:
    """Yield the pictures of how-to/page.md."""
    pair = page("pair", LI / "plain56.h5", LI / "resnet56.h5")
    size = {"width": 1400, "height": 900}
    yield "page", taken(Tab(browser, pair, viewport=size))
    tab = Tab(browser, pair + "#view=contour&at=0.25", viewport=size)
    box = tab.page.query_selector('[data-id="resnet56"] .flat').bounding_box()
    tab.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    yield "page-contours", taken(tab)
    walk = page("walk", RESULTS / "digits" / "sgd-adamw.h5")
    yield "page-paths", taken(Tab(browser, walk, viewport={"width": 1200, "height": 760}))
    gallery = page("all", *(LI / f"{name}.h5" for name in NAMES), gallery=True)
    yield (
        "page-gallery",
        taken(Tab(browser, gallery, viewport={"width": 1200, "height": 760}, color_scheme="dark")),
    )
    address = pair + "#view=contour&show=resnet56"
    phone = WINDOWS["phone"]
    yield (
        "page-phone",
        taken(Tab(browser, address, color_scheme="dark", has_touch=True, **phone)),
    )


def of_windows(page: Any, browser: Any) -> Iterator[tuple[str, Image.Image]]:
    """Yield a sheet for each size of window."""
    file = page("four", *(LI / f"{name}.h5" for name in NAMES))
    for name, options in WINDOWS.items():
        pictures = []
        for num in (1, 2, 4):
            address = file + "#" + "&".join(f"show={each}" for each in NAMES[:num])
            picture = taken(Tab(browser, address, **options))
            height = round(picture.height * WIDTHS[name] / picture.width)
            pictures.append(picture.resize((WIDTHS[name], height), Image.Resampling.LANCZOS))
        yield (
            f"window-{name}",
            below_the_old(PICTURES / f"window-{name}.png", side_by_side(pictures)),
        )


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Return pictures of one size in a row, with gray between them."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height), "#808080")
    for k, picture in enumerate(pictures):
        sheet.paste(picture, (k * (width + GAP), 0))
    return sheet


def below_the_old(path: Path, row: Image.Image) -> Image.Image:
    """Return the upper half of a sheet with another row below it."""
    width, height = row.size
    sheet = Image.new("RGB", (width, 2 * height + GAP), "#808080")
    sheet.paste(Image.open(path).convert("RGB").crop((0, 0, width, height)), (0, 0))
    sheet.paste(row, (0, height + GAP))
    return sheet


def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:

        def page(name: str, *paths: Path, **options: Any) -> str:
            surfaces, names = [load(path) for path in paths], [path.stem for path in paths]
            file = Path(folder, f"{name}.html")
            view(*surfaces, html=file, names=names, **options)
            return file.as_uri()

        for pictures in (of_the_document, of_windows):
            for name, picture in pictures(page, browser):
                write(picture, PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
