"""Options of the parameters that are moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from landscape.commands.options import grouped

SELECTION_OPTIONS = ("only", "excepted")


@dataclass(frozen=True)
class Selection:
    """The parameters that are moved, as the options describe them.

    Attributes:
        only: Patterns of the names of those that are moved; none for all.
        excepted: Patterns of the names of those that are not.
    """

    only: Sequence[str]
    excepted: Sequence[str]

    @property
    def patterns(self) -> list[str]:
        """The patterns as :class:`landscape.Objective` takes them."""
        return [*self.only, *(f"!{pattern}" for pattern in self.excepted)]


_OPTIONS = (
    click.option(
        "--only",
        "only",
        multiple=True,
        metavar="PATTERN",
        help="Move only the parameters whose names fit, as 'layer3.*'; trainable: those that "
        "require gradients, with other patterns those of them that do (repeatable).  "
        "[default: all; an adapter of PEFT: always trainable]",
    ),
    click.option(
        "--except",
        "excepted",
        multiple=True,
        metavar="PATTERN",
        help="Do not move the parameters whose names fit (repeatable).",
    ),
)

selection_options = grouped("selection", Selection, SELECTION_OPTIONS, _OPTIONS)
"""Adds the options of :class:`Selection`, and passes it as ``selection``."""
