"""The notebooks of docs/notebooks, executed in kernels of their own."""

import os
import re
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.browser import Tab, chromium
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

NOTEBOOKS = ROOT / "docs" / "notebooks"
# Nothing with which a browser could be opened, as on a remote machine.
REMOTE = {
    **{name: value for name, value in os.environ.items() if "DISPLAY" not in name},
    "PATH": "",
    "BROWSER": "",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}

Outputs = Sequence[Mapping[str, Any]]


def executed(name: str, folder: Path, *more: str) -> dict[str, Outputs]:
    """Execute a notebook in a new kernel, and return the outputs by the cells' last lines.

    Args:
        name: In docs/notebooks.
        folder: Where it is executed.
        more: Further cells.
    """
    read: Any = nbformat.read
    new_cell: Any = nbformat.v4.new_code_cell
    notebook = read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells += [new_cell(source) for source in more]
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=REMOTE)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = {cell.source.rstrip().splitlines()[-1]: cell.outputs for cell in cells}
    assert len(found) == len(cells)
    # Warnings would be there.
    texts = [output for outputs in found.values() for output in outputs if "name" in output]
    assert [output for output in texts if output["name"] == "stderr"] == []
    return found


def kinds(outputs: Outputs) -> list[str]:
    """Return in which rich form each output is displayed."""
    found: list[str] = []
    for output in outputs:
        rich = set(output.get("data", ())) - {"text/plain"}
        found += rich or {"text/plain" if "data" in output else output["name"]}
    return found


def html(outputs: Outputs) -> str:
    """Return the one output, which is HTML."""
    assert kinds(outputs) == ["text/html"]
    return str(outputs[0]["data"]["text/html"])


def check_bar(outputs: Outputs, total: int, bars: int = 1) -> None:
    """Check that full bars are the only output of a cell."""
    text = html(outputs)
    assert text.count(f'<progress value="{total}" max="{total}">') == bars
    assert text.count("<progress") == bars
    assert f"{total}/{total}, took " in text
    assert ", took " in outputs[0]["data"]["text/plain"]


def test_every_notebook_is_tested_and_without_outputs() -> None:
    found = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert found == ["lines", "page", "surface"]
    for name in found:
        assert '"image/png"' not in (NOTEBOOKS / f"{name}.ipynb").read_text()


def test_figures_appear_once_and_the_users_own_as_well(tmp_path: Path) -> None:
    cells = executed(
        "surface",
        tmp_path,
        "shown = surface.plot(kind='contour')",
        "shown",
        "for _ in range(2): surface.plot(kind='heatmap')",
        "display(surface.plot(kind='heatmap')); print('after')",
        "plt.get_fignums(), plt.isinteractive()",
    )
    figure = ["image/png"]
    assert kinds(cells['plt.ylabel("mean cross-entropy");']) == figure
    check_bar(cells["surface = landscape.scan(objective, grid=25)"], 625)
    assert kinds(cells["surface.plot()"]) == figure
    assert kinds(cells['surface.plot(kind="contour", ax=right)']) == figure
    assert kinds(cells['plt.xlabel("α");']) == figure
    assert kinds(cells["shown = surface.plot(kind='contour')"]) == figure
    assert kinds(cells["shown"]) == figure
    assert kinds(cells["for _ in range(2): surface.plot(kind='heatmap')"]) == 2 * figure
    after = cells["display(surface.plot(kind='heatmap')); print('after')"]
    assert kinds(after) == [*figure, "stdout"]
    state = cells["plt.get_fignums(), plt.isinteractive()"]
    assert state[0]["data"]["text/plain"] == "([], True)"
    summary = html(cells["surface"])
    assert len(summary) < 150_000
    assert summary.count('src="data:image/png;base64,') == 1
    for fact in ("25x25 points", " at the center", "1438", "mean cross-entropy (nats)"):
        assert fact in summary
    line = cells["surface"][0]["data"]["text/plain"]
    assert re.fullmatch(
        r"Surface\('Sequential', 25x25 points, .*, loss 0\.\d+ at the center\)", line
    )


def test_lines_are_drawn_and_reported_in_one_line(tmp_path: Path) -> None:
    cells = executed("lines", tmp_path)
    scans = [outputs for source, outputs in cells.items() if source.startswith("line = ")]
    check_bar(scans[0], 101, bars=3)
    assert 'src="data:image/png;base64,' in html(cells["line"])
    printed = cells["print([line, line.grid])"][0]["text"]
    assert re.fullmatch(r"\[Surface\('line', .*\), Grid\(101x1 points, .*\)\]\n", printed)
    assert len(printed) < 200
    pair = cells["landscape.plot(line, other)"]  # the scan of the other has a bar
    assert kinds(pair) == ["text/html", "image/png"]
    assert "3 seeds" in html(cells['landscape.load("line.h5")'])


@pytest.mark.browser
def test_the_page_is_in_the_cell(tmp_path: Path) -> None:
    cells = executed("page", tmp_path)
    one, both = cells["late.view()"], cells["landscape.view(early, late)"]
    for outputs in (one, both):
        text = html(outputs)
        assert text.count("<iframe") == text.count("srcdoc=") == 1
        assert outputs[0]["output_type"] == "display_data"
        assert "Path" not in outputs[0]["data"]["text/plain"]
    assert "PosixPath('late.html')" in cells['late.view("late.html")'][0]["data"]["text/plain"]
    match = re.search(r'srcdoc="([^"]*)"', html(one))
    assert match is not None
    written = (tmp_path / "late.html").read_text(encoding="utf-8")
    assert unescape(match[1]) == written
    check_drawn(html(both), tmp_path / "notebook.html")


def check_drawn(cell: str, path: Path) -> None:
    """Check that a page draws in a cell, in a browser without WebGL, and can be used."""
    around = "<!doctype html><html data-drawn=1><meta charset=utf-8>"  # Tab waits for the page
    path.write_text(around + cell, encoding="utf-8")
    no_webgl = (
        "const original = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind.includes('webgl') ? null : original.call(this, kind, ...rest); };"
    )
    with chromium() as browser:
        tab = Tab(browser, path.as_uri(), no_webgl)
        frame = tab.page.frames[1]

        def until(condition: str) -> None:
            for _ in range(600):
                if frame.evaluate(condition):
                    return
                tab.page.wait_for_timeout(50)
            pytest.fail(f"waited in vain for {condition}")

        until("document.documentElement.dataset.drawn >= 1")
        assert frame.evaluate("document.querySelectorAll('[data-id] .flat svg').length") > 0
        assert frame.evaluate("document.querySelectorAll('[data-id] .flat').length") == 2
        before = frame.evaluate("document.documentElement.dataset.drawn")
        frame.evaluate("document.querySelector('input[value=heatmap]').click()")
        until(f"document.documentElement.dataset.drawn > {before}")
        tab.page.wait_for_timeout(300)  # the state goes into the address after 150 ms
        assert tab.complaints == []
        assert tab.outside() == [path.as_uri()]
        tab.close()
