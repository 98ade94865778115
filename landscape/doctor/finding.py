"""What a check finds."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from landscape.errors import first_line

State = Literal["right", "wrong", "not used", "measured"]

_MARKS = {"right": "✓", "wrong": "✗", "not used": "-", "measured": "·"}


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: What is checked.
        state: ``right`` or ``wrong``, ``not used`` where it is unavailable, or ``measured``, which
            is neither.
        text: The measurement, or the reason.
        is_reference: Whether the values of scans depend on it: of the reference plan.
    """

    name: str
    state: State
    text: str
    is_reference: bool = False

    def __str__(self) -> str:
        reason = "not used: " if self.state == "not used" else ""
        return f"{_MARKS[self.state]} {self.name}: {reason}{self.text}"


def checked(name: str, check: Callable[[], Finding], *, is_reference: bool = False) -> Finding:
    """Return the finding of a check; one that raises is wrong.

    Args:
        name: What is checked.
        check: Returns the finding.
        is_reference: As of a finding.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a finding is the report
            return check()
    except Exception as error:  # whatever torch or a kernel raises
        return Finding(name, "wrong", reason(error), is_reference)


def guarded(
    name: str, findings: Iterable[Finding], *, is_reference: bool = False
) -> Iterator[Finding]:
    """Yield findings; what raises between them ends them, and is wrong.

    Args:
        name: What is checked.
        findings: The findings.
        is_reference: As of the finding about what raises.

    Yields:
        The findings.
    """
    try:
        yield from findings
    except Exception as error:  # whatever torch or a kernel raises
        yield Finding(name, "wrong", reason(error), is_reference)


def reason(error: BaseException) -> str:
    """Return the type and the first line of an exception.

    Args:
        error: The exception.
    """
    return f"{type(error).__name__}: {first_line(error)}"
