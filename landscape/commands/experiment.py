"""``landscape experiment``."""

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape import progress
from landscape.commands.messages import usage_errors
from landscape.commands.options import PATH, device_option

if TYPE_CHECKING:
    from landscape.experiments import Verdict


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Show all claims, with the results so far.")
@click.option(
    "--scale",
    type=click.Choice(["small", "full"]),
    default="small",
    show_default=True,
    help="small: the embedded digits, minutes on two cores; full: CIFAR-10, for a GPU.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Number of trainings of each network.",
)
@device_option
@click.option("--out", type=PATH, default="experiments", show_default=True, help="Folder.")
@click.option("--overwrite", is_flag=True, help="Replace results instead of resuming.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
def command(
    name: str | None,
    listed: bool,
    scale: Any,
    seeds: int,
    device: Any,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Re-run a claim of the literature, and say whether it held.

    Figures, surfaces and numbers are written to a folder; an interrupted experiment resumes
    when the same command is given again.

    \b
    Example:
      landscape experiment --list
      landscape experiment identity
    """
    if name is None and not listed:
        raise click.UsageError("Missing argument 'NAME': see `landscape experiment --list`.")
    from landscape import experiments  # imports torch
    from landscape.threads import use_free_cores

    if listed:
        _list(experiments.committed())
        return
    use_free_cores()
    report = progress.Silent() if as_json else progress.for_terminal()
    with usage_errors():
        verdict = experiments.run(
            str(name),
            out,
            scale=scale,
            seeds=seeds,
            device=str(device),
            overwrite=overwrite,
            progress=report,
        )
    if as_json:
        click.echo(verdict.to_json())
        return
    _show(verdict)
    click.echo(out / str(name))


def _list(verdicts: "dict[str, Verdict]") -> None:
    width = max(40, shutil.get_terminal_size().columns)
    for name, verdict in verdicts.items():
        click.echo(f"{name}: {verdict.summary}")
        for text in (f"{verdict.claim} ({verdict.source})", *filter(None, [verdict.remark])):
            click.echo(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  "))


def _show(verdict: "Verdict") -> None:
    click.echo(f"{verdict.claim} ({verdict.source})")
    for each in verdict.statements:
        click.echo(f"  {'held' if each.held else 'DID NOT HOLD'}: {each.text}: {each.measured}")
    if verdict.remark:
        click.echo(verdict.remark)
    click.echo(f"{verdict.summary}, {verdict.seeds} seeds, {progress.duration(verdict.seconds)}")
