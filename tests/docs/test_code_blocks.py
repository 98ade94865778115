"""Every code block of README.md and of docs/ runs, or is marked with the reason why not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from landscape.page.server import Server
from tests.conftest import ROOT, Run
from tests.docs.code_blocks import Block, blocks, commands, pages
from tests.docs.running import Page, parse

PAGES = [page for page in pages(ROOT) if list(blocks(page.read_text(encoding="utf-8")))]

RESULTS = sorted((ROOT / "results").rglob("*.md"))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[Page]:
    """A page without blocks in an empty folder, with a user who ends every viewer at once."""

    def interrupted(_server: Server, **_options: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # files of the page can be imported, as by a script
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    monkeypatch.setattr(Server, "serve_forever", interrupted)
    yield Page(Path("page.md"), run)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page(path: Path, page: Page) -> None:
    page.path = path.relative_to(ROOT)
    for block in blocks(path.read_text(encoding="utf-8")):
        page.take(block)
        plt.close("all")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_results_can_be_given(path: Path) -> None:
    """They take minutes to hours, and need published networks: they are parsed alone."""
    for block in blocks(path.read_text(encoding="utf-8")):
        for line in commands(block):
            parse(line, f"{path.relative_to(ROOT)}:{block.line}")


def test_what_a_page_has() -> None:
    text = """
<!-- setup:
x = 1
-->
<!-- not run: no network -->
<!-- file: a.py -->

```python
y = 2
```

- an item

  ```sh
  landscape info a \\
      --json   # facts
  ```

````{tab-item} B
```console
$ landscape demo
landscape: output
```
````

    z = 3
"""
    setup, code, shell, console, indented = blocks(text)
    assert setup == Block("setup", "\nx = 1\n", 2)
    assert code == Block("python", "y = 2\n", 9, "a.py", "no network")
    assert commands(shell) == ["landscape info a --json   # facts"]
    assert (shell.line, shell.not_run) == (15, None)
    assert commands(console) == ["landscape demo"]
    assert indented.language == "indented"


def test_the_lines_of_a_block_in_a_directive() -> None:
    (block,) = blocks("text\n\n````{tab}\n```python\nx\n```\n````\n")
    assert block.line == 5


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Block("python", "1 / 0\n", 3), "division"),
        (Block("python", "def f(:\n", 3, not_run="a reason"), "invalid syntax"),
        (Block("python", ">>> 1 + 1\n3\n", 3), "Expected"),
        (Block("sh", "git clone x\n", 3), "mark the block"),
        (Block("sh", "landscape info a > b\n", 3), "mark the block"),
        (Block("sh", "landscape info missing.h5\n", 3), "missing.h5"),
        (Block("sh", "landscape scan a.pt --no-such 3\n", 3, not_run="a reason"), "no-such"),
        (Block("sh", "landscape scan a.pt --points 3,3\n", 3, not_run="a reason"), "3,3"),
        (Block("sh", "landscape plot a.h5 --kind pie\n", 3, not_run="a reason"), "pie"),
        (Block("sh", "landscape plott a.h5\n", 3, not_run="a reason"), "plott"),
        (Block("sh", "landscape info\n", 3, not_run="a reason"), "missing"),
        (Block("indented", "landscape demo\n", 3), "fence"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_block_fails(page: Page, block: Block, message: str) -> None:
    with pytest.raises((AssertionError, SyntaxError, ZeroDivisionError), match=message):
        page.take(block)


def test_blocks_share_names_and_files(page: Page) -> None:
    page.take(Block("setup", "x = 1\n", 1))
    page.take(Block("python", "y = x + 1\n", 1))
    page.take(Block("python", ">>> y\n2\n>>> z = 3\n", 1))
    page.take(Block("python", "assert z == 3\nraise SystemExit\n", 1, file="mine.py"))
    assert Path("mine.py").read_text(encoding="utf-8").startswith("assert")


@pytest.mark.parametrize(
    "line",
    [
        "landscape scan net.pt --part $TASK/16 --out parts",
        "CUDA_VISIBLE_DEVICES=0 landscape scan net.pt --line",
        "landscape info a.h5 --json | jq .name",
        "landscape --help",
        "git clone anything",
    ],
)
def test_commands_that_can_be_parsed(line: str) -> None:
    parse(line, "page.md:1")


def test_a_reason_is_needed() -> None:
    with pytest.raises(AssertionError, match="without a text"):
        list(blocks("<!-- not run: -->\n```python\n```\n"))
