"""The built site: links, the command line and the names that it describes."""

import html
import importlib
import inspect
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import landscape
from landscape.cli import VERBS
from tests.conftest import ROOT
from tests.docs.code_blocks import pages
from tests.docs.links import broken

pytestmark = pytest.mark.slow  # all of them build the site

_MODULES = tuple(
    f"landscape.{name}"
    for name in ("checkpoints", "datasets", "geometry", "interchange", "models", "planes")
)
_ALL_HELP = """
import sys
from landscape.cli import VERBS, main
for verb in [[], *([verb] for verb in VERBS)]:
    sys.argv = ["landscape", *verb, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0
    print(end="\\f")
"""


def test_all_links_of_the_site_lead_somewhere(site: Path) -> None:
    found = sorted(site.rglob("*.html"))
    assert len(found) > 40
    assert [problem for page in found for problem in broken(page, site)] == []


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]*)"', text)
        loaded += re.findall(r'<link rel="stylesheet"[^>]*href="([^"]*)"', text)
        assert [each for each in loaded if re.match("[a-z]+:|//", each)] == [], page


def test_the_command_line_is_described_as_the_help_does(site: Path) -> None:
    text = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    blocks = re.findall(r"<div class=\"highlight\"><pre>(.*?)</pre>", text, re.DOTALL)
    described = [html.unescape(re.sub("<[^>]*>", "", block)).rstrip("\n") for block in blocks]
    printed = subprocess.run(
        [sys.executable, "-c", _ALL_HELP],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(described) == 1 + len(VERBS)
    assert described == [text.rstrip("\n") for text in printed.split("\f")[:-1]]


def test_every_public_name_has_its_docstring_on_the_site(site: Path) -> None:
    inventory = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(inventory[inventory.index(b"zlib.\n") + 6 :]).decode().splitlines()
    described = {line.split()[0] for line in lines if " py:" in line}
    public = {f"landscape.{name}" for name in landscape.__all__}
    for module in map(importlib.import_module, _MODULES):
        names = set(module.__all__) - set(landscape.__all__)
        values = {name: getattr(module, name) for name in names}
        public |= {
            f"{module.__name__}.{name}"
            for name, value in values.items()
            if inspect.isclass(value) or inspect.isfunction(value)
        }
    assert public - described == {"landscape.__version__"}


def test_signatures_can_be_read(site: Path) -> None:
    found = 0
    for page in (site / "reference" / "api").glob("*.html"):
        for signature in re.findall(r'<dt class="sig .*?</dt>', page.read_text("utf-8"), re.DOTALL):
            text = html.unescape(re.sub("<[^>]*>", "", signature))
            assert not re.search("[~<>]", text), text
            found += 1
    assert found > 200


def test_all_files_of_results_are_on_the_site() -> None:
    included = [
        (page.parent / name).resolve()
        for page in pages(ROOT)
        for name in re.findall(r"\{include\} (\S+)", page.read_text(encoding="utf-8"))
    ]
    assert set((ROOT / "results").rglob("*.md")) - set(included) == set()


@pytest.mark.parametrize("page", [*pages(ROOT), *sorted((ROOT / "results").rglob("*.md"))], ids=str)
def test_links_in_the_checkout_lead_somewhere(page: Path) -> None:
    assert list(broken(page, ROOT)) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One & two\n\n## One\n\n## One\n", encoding="utf-8")
    page = tmp_path / "a.md"
    page.write_text(
        "[](b.md) [](b.md#one--two) [](b.md#one-1) [](https://x.y/#z) [](#three)\n"
        "[](c.md) ![](b.png) [](b.md#one-2) [](../outside)\n# Three\n",
        encoding="utf-8",
    )
    site = tmp_path / "a.html"
    site.write_text('<a id="x" href="#x"></a><a href="#y"></a><img src="z.png">', encoding="utf-8")
    assert [problem.split(": ")[1] for problem in broken(page, tmp_path)] == [
        "c.md",
        "b.png",
        "b.md#one-2",
        "../outside",
    ]
    assert [problem.split(": ")[1] for problem in broken(site, tmp_path)] == ["#y", "z.png"]
