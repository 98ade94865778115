"""Links of pages in HTML and Markdown, and whether they lead anywhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass
class Links(HTMLParser):
    """What a page in HTML refers to, and the anchors that it has.

    Attributes:
        targets: As they stand.
        anchors: Its ids.
    """

    targets: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value is not None:
                self.targets.append(value)
            elif name in {"id", "name"} and value:
                self.anchors.add(value)


def broken(page: Path, root: Path) -> Iterator[str]:
    """Yield the links of a page that lead to no file, or to no anchor of it.

    Args:
        page: In HTML or Markdown.
        root: No link may lead out of it.
    """
    for target in _read(page).targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        anchor = unquote(parts.fragment)
        if not path.exists() or not path.is_relative_to(root):
            yield f"{page.relative_to(root)}: {target}: no such file"
        elif anchor and path.is_file() and anchor not in _read(path).anchors:
            yield f"{page.relative_to(root)}: {target}: no such anchor"


@cache
def _read(page: Path) -> Links:
    text, links = page.read_text(encoding="utf-8"), Links()
    links.feed(_PARSER.render(text) if page.suffix == ".md" else text)
    if page.suffix == ".md":
        links.anchors |= _anchors_of_github(text)
    return links


def _anchors_of_github(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    tokens = _PARSER.parse(text)
    anchors: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            content = "".join(child.content for child in inline.children or [])
            anchor = re.sub(r"[^\w\- ]", "", content.lower()).replace(" ", "-")
            copies = (f"{anchor}-{k}" for k in range(1, 100))
            anchors.add(next(copies) if anchor in anchors else anchor)
    return anchors
