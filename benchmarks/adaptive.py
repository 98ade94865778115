"""How many points ``--points auto`` takes, and whether what it leaves out is as exact as stated.

    python benchmarks/adaptive.py full/*.h5 --out results/benchmarks/adaptive.md

The files hold surfaces with every point evaluated; a bowl and a surface with one spike are added.
The points are chosen as in a scan, from the values in the file, and what is left out is compared
with these. Each is repeated with other random draws: the coverage is the smallest share of the
points left out whose error is at most the stated one.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np
from numpy.typing import NDArray

import landscape
from landscape.grid import Grid
from landscape.refinement import deviations, refining
from landscape.surface import Surface

_HEADER = """\
| surface | points | tolerance | evaluated | stated error | coverage | largest error |
|---|---|---|---|---|---|---|"""


def synthetic() -> Iterator[Surface]:
    """Yield a bowl, and a plain with one spike."""
    grid = Grid.regular(101)
    a, b = np.meshgrid(grid.alphas, grid.betas, indexing="ij")
    spike = np.exp(-((a - 0.31) ** 2 + (b + 0.42) ** 2) / (2 * 0.05**2))
    for name, losses in (("bowl", a**2 + b**2 + 0.3), ("one spike", 1 + a**2 + b**2 + 3 * spike)):
        empty = Surface.empty(grid, {}, {"name": name})
        known = np.ones(grid.shape, dtype=bool)
        yield replace(empty, losses=losses, evaluated=known, examples=known.astype(np.int64))


def chosen(surface: Surface, tolerance: float, seed: int) -> tuple[NDArray[np.bool_], float]:
    """Return the points that a scan evaluates, and the error that it states."""
    draws = np.random.default_rng(seed)
    with patch("numpy.random.default_rng", lambda _: draws):
        steps = refining(surface.grid, tolerance)
        wanted = next(steps)
        while True:
            try:
                wanted = steps.send(replace(surface, evaluated=wanted))
            except StopIteration as stop:
                return wanted, float(stop.value)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--tolerance", "tolerances", multiple=True, default=(0.01, 0.02, 0.03), show_default=True
)
@click.option("--draws", default=10, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path))
def main(
    files: tuple[str, ...], tolerances: tuple[float, ...], draws: int, out: Path | None
) -> None:
    """Print a table, and write it."""
    surfaces = [landscape.load(file) for file in files]
    lines = [_HEADER]
    for surface in [*surfaces, *synthetic()]:
        for tolerance in tolerances:
            runs = []
            for seed in range(draws):
                known, error = chosen(surface, tolerance, seed)
                found = deviations(surface, known, known)[~known]
                covered = float(np.mean(found <= error + 1e-12)) if found.size else 1.0
                runs.append((known.mean(), error, covered, found.max(initial=0.0)))
            share, error, covered, largest = np.array(runs).T
            lines.append(
                f"| {surface.name} | {' × '.join(map(str, surface.grid.shape))} | {tolerance:.0%} "
                f"| {np.median(share):.1%} | {np.median(error):.2%} | {covered.min():.1%} "
                f"| {np.median(largest):.1%} |"
            )
            click.echo(lines[-1], err=True)
    text = "\n".join(lines) + "\n"
    click.echo(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
