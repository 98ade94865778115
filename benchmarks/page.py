"""What the page costs: its size, the CPU time until it is ready, and that of a frame.

The CPU time is that of the page's own process (the renderer of headless Chromium); WebGL is
drawn in software here, by another process, whose time depends on the machine and is not counted.

    python -m benchmarks.page
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from landscape import page
from landscape.grid import Grid
from landscape.surface import Surface
from tests.browser import Tab, chromium, plot

_TURNS = 12


def surface(points: int, seed: int) -> Surface:
    """Return a rugged surface over a bowl."""
    grid = Grid.regular(points)
    a, b = np.meshgrid(grid.alphas, grid.betas, indexing="ij")
    rough = np.random.default_rng(seed).normal(1, 0.1, grid.shape)
    losses = (0.01 + a**2 + b**2) * rough * 10**seed
    whole, name = np.ones(grid.shape, dtype=bool), {"name": f"net {seed}"}
    return Surface(grid, losses, 1 / (1 + losses), 0.01 * losses, whole, whole * 1000, {}, name)


def seconds(session: Any) -> float:
    """Return the CPU time of all renderers so far."""
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return float(sum(each["cpuTime"] for each in processes if each["type"] == "renderer"))


def measure(browser: Any, page: Path) -> tuple[float, float]:
    """Return CPU seconds until both reliefs are drawn, and CPU seconds of a frame."""
    session = browser.new_browser_cdp_session()
    before = seconds(session)
    tab = Tab(browser, page.as_uri())
    tab.page.wait_for_timeout(3000)
    ready = seconds(session) - before
    frames = "globalThis.frames_drawn"
    tab.get(
        f"(() => {{ {frames} = 0; for (const name of ['net 0', 'net 1']) {{"
        f'const glplot = document.querySelector(`[data-id="${{name}}"] .relief`)'
        "._fullLayout.scene._scene.glplot; const then = glplot.onrender;"
        f"glplot.onrender = (...a) => {{ {frames}++; return then?.apply(glplot, a); }}; }} }})()"
    )
    box = tab.page.query_selector('[data-id="net 0"] .relief').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    each = []
    for turn in range(_TURNS):
        counted, spent = tab.get(frames), seconds(session)
        tab.page.mouse.move(x + 15 * (turn + 1), y)
        for _ in range(400):
            tab.page.wait_for_timeout(25)
            if tab.get(frames) >= counted + 2:  # one in each picture
                break
        drawn = tab.get(frames) - counted
        each.append((seconds(session) - spent) / max(1, drawn))
    tab.page.mouse.up()
    assert tab.get(f"{plot('net 1', 'relief')}._fullLayout.scene._scene.getCamera().eye.x") != 1.21
    tab.close()
    return ready, statistics.median(each)


def main() -> None:
    """Print a row for each size of surface."""
    click.echo("| two surfaces | page | CPU until ready | CPU a frame |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for points in (51, 251):
            nets = [surface(points, seed) for seed in (0, 1)]
            page.view(*nets, html=Path(folder, "a.html"))
            with chromium() as browser:
                ready, frame = measure(browser, Path(folder, "a.html"))
            size = f"{Path(folder, 'a.html').stat().st_size / 1e6:.2f} MB"
            click.echo(f"| {points}×{points} | {size} | {ready:.1f} s | {1000 * frame:.0f} ms |")


if __name__ == "__main__":
    main()
