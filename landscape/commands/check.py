"""``landscape check``."""

from dataclasses import asdict
from pathlib import Path

import click

from landscape import diagnostics
from landscape.commands.info import as_one_line
from landscape.commands.options import PATH
from landscape.commands.surfaces import read, report_left_out

_FAULT = 3


@click.command()
@click.argument("paths", metavar="SURFACE...|FOLDER...", nargs=-1, required=True, type=PATH)
@click.option("--strict", is_flag=True, help="Exit with 3 if something is wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per surface.")
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Look for faults in surfaces: wrong data or weights, and pictures that mislead.

    Prints a line for every finding, with what to do. "wrong" is a fault of the scan or of what it
    was given, "doubtful" probably one. Nothing is computed again: only what the file holds is
    checked. A folder means all surfaces in it. docs/reference/checks.md explains each check.

    \b
    Example:
      landscape check surfaces/resnet56.h5
      landscape check surfaces --strict
    """
    is_wrong = False
    found, unread = read(paths)
    report_left_out(unread)
    for path, surface in found:
        findings = diagnostics.check(surface)
        is_wrong |= any(finding.severity == "wrong" for finding in findings)
        if as_json:
            every = [asdict(finding) for finding in findings]
            click.echo(as_one_line({"path": str(path), "findings": every}))
            continue
        for finding in findings:
            click.echo(f"{path}: {finding.in_full}")
        if not findings:
            click.echo(f"{path}: no finding")
    if strict and is_wrong:
        ctx.exit(_FAULT)
