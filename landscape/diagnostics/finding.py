"""What a check finds."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["wrong", "doubtful"]
"""``wrong``: a fault of the scan, or of what it was given. ``doubtful``: probably one."""


@dataclass(frozen=True)
class Finding:
    """One sign that a picture misleads, as texts.

    Attributes:
        text: What was found; short enough to stand under a figure.
        remedy: What to do.
        severity: Whether it is a fault, or probably one.
        check: Name of the check.
    """

    text: str
    remedy: str
    severity: Severity = "wrong"
    check: str = ""

    @property
    def in_full(self) -> str:
        """How sure it is, what was found, what to do, and the name of the check."""
        return f"{self.severity}: {self} [{self.check}]"

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"
