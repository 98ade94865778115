"""Links of pages and of the files that they include: to where these files are on the site.

A page includes a file of the repository by MyST's ``{include}``. On the site, links to that file
from any page lead to the page that includes it, and the file's own links and pictures are found
from its own folder. In the repository all of them are ordinary relative links.
"""

import os
import re
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent.parent
_INCLUDE = re.compile(r"^```\{include\} (\S+)$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|[#/])([^)\s#]+)")


def resolved(text: str, folder: Path) -> str:
    """Return text with the links that lead to files, from the root of the site.

    Args:
        text: In Markdown.
        folder: Of the file that has it.
    """

    def link(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(folder / match[1]))
        path = _pages().get(path, path)
        return "/" + os.path.relpath(path, DOCS) if path.exists() else match[1]

    return _LINK.sub(link, text)


@cache
def _pages() -> dict[Path, Path]:
    """Return which page includes a file, by file."""
    return {
        Path(os.path.normpath(page.parent / name)): page
        for page in DOCS.rglob("*.md")
        for name in _INCLUDE.findall(page.read_text(encoding="utf-8"))
    }


def _page(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = resolved(source[0], Path(app.env.doc2path(name)).parent)


def _included(_app: Sphinx, path: Path, _parent: str, source: list[str]) -> None:
    source[0] = resolved(source[0], (DOCS / path).parent)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("source-read", _page)
    app.connect("include-read", _included)
    return {"parallel_read_safe": True}
