"""``landscape doctor``."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

import click
import torch

from landscape import doctor
from landscape.commands.options import DEVICES
from landscape.errors import LandscapeError
from landscape.progress import Progress, duration
from landscape.threads import use_free_cores


@click.command()
@click.option(
    "--device",
    "devices",
    type=DEVICES,
    default="auto",
    show_default=True,
    help="Devices to check. auto: all GPUs, or the CPU without GPUs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(devices: list[torch.device], as_json: bool) -> None:
    """Check what this machine computes, and how fast.

    Losses of small networks by every plan that a scan may choose are compared with a naive loop
    in float64 on the CPU, with the device busy and NaN in all free memory; then CUDA graphs, short
    memory and a whole scan are checked. ✓ is right, ✗ is wrong; a scan does not choose a plan
    that it finds wrong. Exits with 1 if the reference plan is wrong.

    \b
    Example:
      landscape doctor
      landscape doctor --device cuda:0,cuda:1 --json
    """
    use_free_cores()
    began = time.monotonic()
    findings = []
    for finding in doctor.examine(devices):
        findings.append(finding)
        if not as_json:
            click.echo(finding)
    is_right, seconds = doctor.reference_is_right(findings), time.monotonic() - began
    if as_json:
        facts = {"reference_is_right": is_right, "seconds": round(seconds, 1)}
        every = [asdict(finding) for finding in findings]
        click.echo(json.dumps({**facts, "findings": every}, indent=2, ensure_ascii=False))
    else:
        click.echo(f"\ntook {duration(seconds)}; for an issue:\n\n{doctor.block(findings)}")
    if not is_right:
        sys.exit(1)


def self_check(devices: Sequence[torch.device], report: Progress) -> None:
    """Check devices before a scan, and report what is wrong.

    Args:
        devices: The devices.
        report: Receives a message for everything that is wrong.

    Raises:
        LandscapeError: The reference plan is wrong.
    """
    findings = []
    for finding in doctor.examine(devices, speed=False):
        findings.append(finding)
        if finding.state == "wrong":
            report.note(str(finding))
    if not doctor.reference_is_right(findings):
        raise LandscapeError(
            "the reference plan is wrong on this machine: run landscape doctor and report it"
        )
    report.note("self-check: the reference plan is right")
