"""The outcome of an experiment, and its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from landscape.atomic import replacing
from landscape.errors import LandscapeError


@dataclass(frozen=True)
class Statement:
    """Something that must be seen if a claim is true.

    Attributes:
        text: What must be seen.
        measured: What was measured, with the spread over seeds.
        held: Whether it was seen.
    """

    text: str
    measured: str
    held: bool


@dataclass(frozen=True)
class Verdict:
    """The outcome of an experiment.

    Attributes:
        name: Name of the experiment.
        claim: The claim.
        source: Where it is made.
        statements: What must be seen if it is true, in order.
        remark: A sentence on why a statement does not hold, or on what limits the result.
        scale: ``small`` or ``full``.
        seeds: Number of seeds.
        seconds: Time that the experiment took.
        command: Command that repeats it.
        hardware: What it ran on.
        versions: Versions of this package and of torch.
        date: Day, as 2026-01-31.
    """

    name: str
    claim: str
    source: str
    statements: tuple[Statement, ...]
    remark: str
    scale: str
    seeds: int
    seconds: float
    command: str
    hardware: str
    versions: Mapping[str, str]
    date: str

    @property
    def summary(self) -> str:
        """``held``, ``held in part (2 of 3)`` or ``did not hold``."""
        held = sum(each.held for each in self.statements)
        if held == len(self.statements):
            return "held"
        return f"held in part ({held} of {len(self.statements)})" if held else "did not hold"

    def save(self, path: Path) -> None:
        """Write the verdict as JSON.

        Args:
            path: The file.

        Raises:
            OSError: It cannot be written.
        """
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(indent=2) + "\n", encoding="utf-8")

    def to_json(self, indent: int | None = None) -> str:
        """Return the verdict as a JSON text.

        Args:
            indent: Spaces of each level; None for one line.
        """
        return json.dumps({**asdict(self), "summary": self.summary}, indent=indent)

    @classmethod
    def load(cls, text: str, path: Path) -> "Verdict":
        """Return the verdict of a JSON text.

        Args:
            text: The text.
            path: The file that it comes from, for errors.

        Raises:
            LandscapeError: It is not a verdict.
        """
        try:
            facts: dict[str, Any] = json.loads(text)
            del facts["summary"]  # follows from the statements
            statements = tuple(Statement(**each) for each in facts.pop("statements"))
            return cls(**facts, statements=statements)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LandscapeError(
                f"{path} is not the verdict of an experiment", path=path
            ) from error


def committed() -> dict[str, Verdict]:
    """Return the verdicts that come with the package, by the experiment's name, sorted."""
    folder = resources.files("landscape.experiments") / "verdicts"
    found = {}
    for file in folder.iterdir():
        if file.name.endswith(".json"):
            verdict = Verdict.load(file.read_text(encoding="utf-8"), Path(file.name))
            found[verdict.name] = verdict
    return dict(sorted(found.items()))
