"""Put this package and its peers to the same checks, and write what was measured as a table.

    python benchmarks/conformance.py --out results/conformance.md

Each peer is installed by pip into a virtual environment of its own, of about 1 GB, which is kept in
the cache folder. The checks are in ``conformance_checks``, one file each; how each tool is called
is in ``conformance_tools``. A single check of a single tool, in the environment that has it:

    PYTHONPATH=.:benchmarks python -m conformance_checks.run ours --check center
"""

import json
import os
import platform
import subprocess
import sys
import venv
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click
import pooch
import torch

from conformance_checks import table
from landscape.atomic import replacing
from landscape.devices import hardware

ROOT = Path(__file__).resolve().parent.parent

TORCH = "torch==2.13.0"
"""Installed first, so that no requirement of a peer brings another one."""

PEERS = {
    "loss_landscapes": "loss-landscapes==3.0.6",
    "losscape": "losscape==1.5.10",
    "landscaper": "landscaper==1.3.1",
    "loss_landscape_3d": "loss-landscape-3d==0.1.3",
    "pyhessian": "pyhessian==0.1",
}
"""What is installed for each module of ``conformance_tools``."""

NOT_RUN = {
    "loss-landscape-anim 0.1.10": "requires torchvision < 0.17, and with it torch 2.1.2: pip "
    "finds no versions that fit together with the torch of the others, and a torch of that time "
    "brings several GB of CUDA libraries",
    "pylandscape 0.1.3": "requires torch 2.10 exactly, likewise",
    "loss-landscape 0.0.5": "requires numpy 1.18.4, which Python 3.11 cannot build; its wheel "
    "holds the packages `datasets.cifar10` and `datasets.cinic10` alone, and no module that "
    "computes a surface",
    "loss-landscapes 4": "not in the package index that was used, which ends at 3.0.6",
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment of one peer.

    Attributes:
        folder: Where it is.
        requirement: The peer, as pip reads it.
    """

    folder: Path
    requirement: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def make(self) -> None:
        """Install the peer, unless it has been."""
        finished = self.folder / "finished"
        if finished.exists():
            return
        venv.create(self.folder, clear=True, with_pip=True)
        for requirements in ([TORCH], [TORCH, self.requirement]):
            pip = [str(self.python), "-m", "pip", "install", "--quiet", *requirements]
            _run(pip, f"pip cannot install {self.requirement}")
        finished.touch()


def report(python: Path, module: str, folders: list[Path]) -> dict[str, Any]:
    """Return what the checks measure of a tool, with the interpreter that has it."""
    paths = os.pathsep.join(map(str, folders))
    own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    command = [str(python), "-m", "conformance_checks.run", module]
    found: dict[str, Any] = json.loads(_run(command, f"the checks of {module} failed", own))
    return found


def _run(command: list[str], failure: str, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603  # our own command
        command,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{failure}: {(done.stderr.splitlines() or [''])[-1]}")
    return done.stdout


_PAGE = """\
# Conformance

What tools that draw loss landscapes do in situations whose right answer is known. Each is called as
its own documentation says, with its options for filter normalization, in an environment of its own.
What is stated is what was measured.

{today}, {machine}. Made with

    python benchmarks/conformance.py --out results/conformance.md

✓ the measured numbers are the expected ones, ≠ they are others, — the check does not apply. The
sections below have further numbers, what the documentation of a tool says of them, and what was
called. A tool that states another purpose, as another normalization, is not at fault where it
differs.

{table}

Not measured:

{not_run}

The network is a convolutional one with BatchNorm and dropout, of 10,160 weights in 58 filters, on
50 random images; that of the Hessian has 75 parameters, and 40 examples.

## Numbers

{numbers}
## Calls

{calls}"""


def page(reports: list[dict[str, Any]], not_run: dict[str, str]) -> str:
    """Return the page of all reports, and of why other tools have none."""
    return _PAGE.format(
        today=date.today().isoformat(),
        machine=f"{platform.system()}, {hardware(torch.device('cpu'))}",
        table="\n".join(table.table(reports)),
        not_run="\n".join(f"- {name}: {reason}." for name, reason in not_run.items()),
        numbers="\n".join(table.numbers(reports)),
        calls="\n".join(table.calls(reports)),
    )


@click.command()
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(pooch.os_cache("landscape")) / "conformance",
    show_default=True,
    help="Folder of the environments, about 6 GB.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The page.")
def main(cache: Path, out: Path | None) -> None:
    """Install the peers, measure all tools, and write the page."""
    here = ROOT / "benchmarks"
    not_run = dict(NOT_RUN)
    click.echo("this package", err=True)
    reports = [report(Path(sys.executable), "ours", [ROOT, here])]
    for module, requirement in PEERS.items():
        click.echo(requirement, err=True)
        environment = Environment(cache.resolve() / requirement, requirement)
        try:
            environment.make()
            reports.append(report(environment.python, module, [here]))
        except click.ClickException as error:
            not_run[requirement] = error.message
            click.echo(error.message, err=True)
    text = page(reports, not_run)
    if out is None:
        click.echo(text)
        return
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
