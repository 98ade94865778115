"""``landscape compare``."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from landscape.atomic import check_writable
from landscape.commands.messages import usage_errors
from landscape.commands.options import PATH
from landscape.commands.surfaces import read, report_left_out
from landscape.comparison import Comparison, compare, conclusions
from landscape.naming import disambiguate
from landscape.surface import Surface


@click.command()
@click.argument("groups", metavar="SURFACE...|FOLDER...", nargs=-1, required=True)
@click.option(
    "--level",
    type=float,
    help="Loss below which the area is measured.  [default: ln(classes), the loss of guessing, of "
    "a cross-entropy; else the median loss]",
)
@click.option("--out", type=PATH, help="Draw the measures to FILE.png, .pdf or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(groups: tuple[str, ...], level: float | None, out: Path | None, as_json: bool) -> None:
    """Compare surfaces by height, sharpness and roughness.

    Prints measures of each surface with their standard deviation over its planes, the findings of
    landscape check, and in which measures the surfaces differ by more than their spread. Scan each
    with --repeats 3 or more, all with the same points and ranges. Several trainings of one network
    form one group: NAME=SURFACE,SURFACE,…. A folder means all surfaces in it.

    \b
    Example:
      landscape compare surfaces/plain56.h5 surfaces/resnet56.h5 --out measures.png
      landscape compare plain=a.h5,b.h5,c.h5 resnet=d.h5,e.h5,f.h5
    """
    if out is not None:
        from landscape import figures  # imports matplotlib

        if out.suffix.lstrip(".").lower() not in figures.FORMATS:
            raise click.UsageError(f"--out must end in .{', .'.join(figures.FORMATS)}, not {out}")
        check_writable(out)
    names, surfaces = _loaded(groups)
    with usage_errors():
        compared = compare(*surfaces, level=level, names=names)
    if out is not None:
        figures.save(figures.comparison(compared), out)
    if as_json:
        facts = {**_facts(compared), "figure": out and str(out)}
        click.echo(json.dumps(facts, ensure_ascii=False, allow_nan=False))
        return
    click.echo(compared)
    if out is not None:
        click.echo(f"\n{out}")


def _loaded(groups: tuple[str, ...]) -> tuple[list[str], list[list[Surface]]]:
    """Return the names of the groups, and the surfaces in their files."""
    given: list[tuple[str, list[tuple[Path, Surface]]]] = []
    for group in groups:
        name, paths = _parsed(group)
        found, unread = read(paths)
        report_left_out(unread)
        given += [(name, found)] if name else [("", [each]) for each in found]
    own = disambiguate([part[0][1].name for _, part in given], [part[0][0] for _, part in given])
    names = [name or title for (name, _), title in zip(given, own, strict=True)]
    return names, [[surface for _, surface in part] for _, part in given]


def _parsed(group: str) -> tuple[str, list[Path]]:
    """Return the name of a group, empty for a file or folder alone, and its files."""
    name, is_named, files = group.partition("=")
    if not is_named or Path(group).exists():
        return "", [Path(group)]
    return name, [Path(file) for file in files.split(",")]


def _facts(compared: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON knows it."""
    return {
        "measures": [
            {
                "name": measure.name,
                "scale": measure.scale,
                "smallest_effect": measure.smallest_effect,
                "is_roughness": measure.is_roughness,
                "values": {
                    name: [_plain(v) for v in values]
                    for name, values in compared.values(measure.name).items()
                },
            }
            for measure in compared.measures
        ],
        "samples": {group.name: group.samples for group in compared.groups},
        "differences": [
            {
                "between": [compared.groups[first].name, compared.groups[second].name],
                "measures": {
                    each.measure.name: {"p_value": each.p_value, "differs": each.differs}
                    for each in compared.differences(first, second)
                },
            }
            for first, second in compared.pairs
        ],
        "findings": [{"surface": name, **asdict(finding)} for name, finding in compared.findings],
        "notes": list(compared.notes),
        "conclusions": list(conclusions(compared)),
    }


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
