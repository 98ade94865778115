"""The gallery: every example runs and draws, and pages and pictures are those of the examples."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser import SLOW, chromium
from tests.conftest import ROOT
from tests.huggingface import library
from tools import gallery

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def shares(picture: Path) -> tuple[float, int]:
    """Return which share of a picture has not its most frequent color, and how many colors are."""
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    return 1 - counts.max() / len(pixels), len(colors)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_draws_its_picture(name: str, tmp_path: Path) -> None:
    example = gallery.Example(name)
    for needed in re.findall(r"^(?:from|import) (transformers|trimesh)", example.code, re.M):
        library(needed)
    example.run(tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    drawn, colors = shares(tmp_path / "picture.png")
    assert drawn > 0.02
    assert colors > 20
    with Image.open(gallery.GALLERY / f"{name}.png") as kept:
        width, height = kept.size
    with Image.open(tmp_path / "picture.png") as made:
        assert made.width / made.height == pytest.approx(width / height, rel=0.05)


def test_pages_are_those_of_the_examples() -> None:
    assert sorted(gallery.ORDER) == EXAMPLES
    for file, text in gallery.pages().items():
        assert (gallery.GALLERY / file).read_text(encoding="utf-8") == text, "run `make gallery`"
    kept = {path.stem for path in gallery.GALLERY.glob("*.md")}
    assert kept == {*EXAMPLES, "index", "experiments", "live"}


def test_pictures_are_those_of_the_examples() -> None:
    pictures = {path.stem: path for path in gallery.GALLERY.glob("*.png")}
    assert sorted(pictures) == EXAMPLES
    for picture in pictures.values():
        assert picture.stat().st_size < 150_000
        assert shares(picture)[0] > 0.02


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_public(name: str) -> None:
    example = gallery.Example(name)
    assert len(example.code.splitlines()) <= 75
    inner = re.findall(r"^(?:from|import) landscape\.(\w+)", example.code, re.M)
    assert set(inner) <= {"hf"}
    assert not re.search(r"\._[a-z]", example.code)


def test_a_docstring_without_a_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "EXAMPLES", tmp_path)
    (tmp_path / "a.py").write_text('"""A title."""\n\nx = 1\n', encoding="utf-8")
    with pytest.raises(ValueError, match="title and a text"):
        gallery.Example("a").page  # noqa: B018
    (tmp_path / "a.py").write_text('"""A title.\n\nA text.\n"""\n\nx = 1\n', encoding="utf-8")
    page = gallery.Example("a").page
    assert page.startswith("# A title\n")
    assert ":lines: 6-" in page


@pytest.mark.slow
@pytest.mark.browser
def test_a_live_page_loads_when_it_is_opened(site: Path) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(SLOW)
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / "gallery" / "live.html").as_uri())
        links = page.eval_on_selector_all("details.live + p a", "all => all.map(a => a.href)")
        assert len(links) == 3
        assert not set(links) & set(requests)
        page.click("details.live > summary")
        drawn = page.frame_locator("details.live iframe").first.locator("html[data-drawn]")
        drawn.wait_for(state="attached")
        assert set(links) & set(requests) == {links[0]}
        names = page.frames[1].eval_on_selector_all(
            "[data-id]", "all => all.map(e => e.dataset.id)"
        )
        assert set(names) >= {"plain56", "resnet56"}


def test_an_unknown_example_is_refused() -> None:
    with pytest.raises(SystemExit, match="expected names of .* got nothing"):
        gallery.main(["nothing"])
