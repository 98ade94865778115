"""All checks of some devices, and the block for an issue."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from landscape.devices import why_unusable
from landscape.doctor.convolutions import check_convolutions
from landscape.doctor.finding import Finding, guarded
from landscape.doctor.machine import chip, rates, versions
from landscape.doctor.memory import check_memory
from landscape.doctor.plans import check_plans
from landscape.doctor.recording import check_recording
from landscape.doctor.subjects import Subject, subjects
from landscape.doctor.whole import check_scan, estimates
from landscape.doctor.workers import check_workers


def examine(devices: Sequence[torch.device], *, speed: bool = True) -> Iterator[Finding]:
    """Check evaluation on some devices, and yield each finding when it is made.

    A GPU without free memory, or one for which torch has no kernels, is skipped.

    Args:
        devices: The devices.
        speed: Whether to measure rates, and to estimate the time of a large scan.

    Yields:
        The findings.

    Example:
        >>> import torch
        >>> from landscape import doctor
        >>> findings = doctor.examine([torch.device("cpu")])
        >>> next(findings).name
        'versions'
    """
    yield versions()
    networks = subjects()
    usable = []
    for device in devices:
        reason = why_unusable(device)
        if reason:
            yield Finding(str(device), "not used", reason)
            continue
        usable.append(device)
        yield from _named(device, _checks(device, networks))
        if speed:
            yield from _named(device, _measurements(device))
    if len(usable) > 1:
        yield check_workers(usable)


def _named(device: torch.device, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield replace(finding, name=f"{device}: {finding.name}")


def _checks(device: torch.device, networks: Sequence[Subject]) -> Iterator[Finding]:
    yield chip(device)
    yield from guarded("plans", check_plans(device, networks), is_reference=True)
    yield from guarded("fused convolutions", check_convolutions(device))
    yield check_recording(device)
    yield check_memory(device)
    yield check_scan(device)


def _measurements(device: torch.device) -> Iterator[Finding]:
    yield from guarded("rates", rates(device))
    yield from guarded("estimates", estimates(device))


def reference_is_right(findings: Sequence[Finding]) -> bool:
    """Return whether the reference plan is right wherever it was checked.

    Args:
        findings: All findings.
    """
    return not any(each.is_reference and each.state == "wrong" for each in findings)


def block(findings: Sequence[Finding]) -> str:
    """Return a summary for an issue: measurements, and all that is not right.

    Args:
        findings: All findings.
    """
    right = sum(each.state == "right" for each in findings)
    checks = sum(each.state in ("right", "wrong") for each in findings)
    lines = [str(each) for each in findings if each.state == "measured"]
    lines += [f"{right} of {checks} checks right"]
    lines += [str(each) for each in findings if each.state in ("wrong", "not used")]
    return "\n".join(["```", *lines, "```"])
