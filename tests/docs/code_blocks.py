"""Code blocks of pages in Markdown, with the comments before them that say how to run them.

``<!-- setup: PYTHON -->`` is code that is run and not shown. Before a block, ``<!-- file: NAME
-->`` writes it to a file, and ``<!-- not run: REASON -->`` has it parsed only.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

PYTHON, SHELL, CONSOLE = {"python"}, {"sh", "bash"}, {"console"}
_COMMENT = re.compile(r"<!--\s*(setup|file|not run):(.*?)-->", re.DOTALL)
_ASSIGNMENT = re.compile(r"^(\w+=\S*\s+)+(?=landscape\b)")
_PARSER = MarkdownIt("commonmark")


@dataclass(frozen=True)
class Block:
    """A code block, or the hidden code of a setup.

    Attributes:
        language: As the fence has it; "setup", "indented" or "directive" without one.
        text: What is in it.
        line: Of the page, where the text begins, from 1.
        file: Where it is written.
        not_run: Why it is not run.
    """

    language: str
    text: str
    line: int
    file: str | None = None
    not_run: str | None = None


def blocks(text: str, offset: int = 0) -> Iterator[Block]:
    """Yield the code blocks of a page in order, setups included.

    Args:
        text: In Markdown.
        offset: Of its first line in the page.
    """
    marks: dict[str, str] = {}
    for token in _PARSER.parse(text):
        first = offset + (token.map or [0])[0] + 1
        if token.type == "html_block":
            for kind, content in _COMMENT.findall(token.content):
                if kind == "setup":
                    yield Block("setup", textwrap.dedent(content.strip(" ")), first)
                else:
                    assert content.strip(), f"line {first}: {kind} without a text"
                    marks[kind] = content.strip()
            continue
        if token.type == "fence" and token.info.startswith("{"):
            yield from blocks(token.content, first)
            if token.info.startswith("{code"):
                yield Block("directive", token.content, first)
        elif token.type == "fence":
            language = token.info.split()[0] if token.info else ""
            yield Block(language, token.content, first + 1, marks.get("file"), marks.get("not run"))
        elif token.type == "code_block":
            yield Block("indented", token.content, first)
        marks = {}


def commands(block: Block) -> list[str]:
    """Return the command lines of a block of the shell, with continued lines joined."""
    text = block.text
    if block.language in CONSOLE:
        text = "\n".join(re.findall(r"^\$ (.*(?:\\\n.*)*)$", text, re.MULTILINE))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def without_assignments(command: str) -> str:
    """Return a command line without the variables that are set for it."""
    return _ASSIGNMENT.sub("", command)


def pages(root: Path) -> list[Path]:
    """Return the pages whose blocks are run."""
    notebooks = root / "docs" / "notebooks"
    found = [p for p in sorted((root / "docs").rglob("*.md")) if notebooks not in p.parents]
    return [root / "README.md", root / "CONTRIBUTING.md", *found]
