"""Write results/experiments/README.md from the verdicts that come with the package.

Run as ``python tools/experiments.py``.
"""

from pathlib import Path

from landscape.experiments import NAMES, Verdict, committed
from landscape.progress import duration

_RESULTS = Path(__file__).resolve().parent.parent / "results" / "experiments"

_HEAD = """# Experiments

Claims of the literature on why deep networks train, each re-run by one command. A verdict rests on
statements with a criterion that was fixed before; what does not hold is reported as such. Surfaces
(`.h5`, without the directions that the commands store) and figures are in the folder of each
experiment. The scale `small` uses the embedded digits (8×8 pixels) and minutes on two cores; `full`
uses CIFAR-10 and is meant for a GPU: it has not been run.

How to read the surfaces: [what a cross section can show](../../docs/concepts/cross-sections.md).
"""


def row(verdict: Verdict) -> str:
    """Return the row of an experiment in the table."""
    return f"| [`{verdict.name}`](#{verdict.name}) | {verdict.claim} | {verdict.summary} |"


def section(verdict: Verdict) -> str:
    """Return the section of an experiment."""
    pictures = sorted((_RESULTS / verdict.name).glob("*.png"))
    lines = [
        f"## {verdict.name}",
        "",
        f"**Claim** ({verdict.source}): {verdict.claim}",
        "",
        f"**Verdict: {verdict.summary}.** {verdict.remark}".rstrip(),
        "",
        *(f"![{verdict.name}]({verdict.name}/{each.name})" for each in pictures),
        "",
        "| what must be seen | measured | |",
        "|---|---|---|",
        *(
            f"| {_cell(each.text)} | {_cell(each.measured)} | "
            f"{'held' if each.held else '**did not hold**'} |"
            for each in verdict.statements
        ),
        "",
        f"    {verdict.command} --out results/experiments",
        "",
        f"{verdict.seeds} seeds, {duration(verdict.seconds)} with other work on the machine; "
        f"{verdict.hardware}, torch {verdict.versions['torch']}, {verdict.date}.",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the file."""
    verdicts = committed()
    found = [verdicts[name] for name in NAMES if name in verdicts]
    table = ["| name | claim | verdict |", "|---|---|---|", *map(row, found)]
    parts = [_HEAD, "\n".join(table), *map(section, found)]
    (_RESULTS / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
