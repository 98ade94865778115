"""Options of ``landscape scan`` that determine its output."""

from dataclasses import dataclass
from pathlib import Path

import click

from landscape.commands.options import PATH, grouped

OUTPUT_OPTIONS = ("out", "overwrite", "store_directions", "view", "as_json")


@dataclass(frozen=True)
class OutputOptions:
    """Where surfaces are written and shown, as the options describe it.

    Attributes:
        out: Folder, or file.
        overwrite: Whether to replace existing files.
        store_directions: Whether to store δ and η.
        view: Whether to serve a live page.
        as_json: Whether to print JSON.
    """

    out: Path
    overwrite: bool
    store_directions: bool
    view: bool
    as_json: bool

    @property
    def is_file(self) -> bool:
        """Whether it is one file, not a folder."""
        return self.out.suffix in (".h5", ".hdf5")

    def target(self, title: str, suffix: str) -> Path:
        """Return the file of a surface.

        Args:
            title: Name of the surface.
            suffix: What the file's name ends in.
        """
        return self.out if self.is_file else self.out / f"{title}{suffix}.h5"

    def name(self, title: str) -> str:
        """Return the name of a surface in figures.

        Args:
            title: Name of its checkpoint.
        """
        return self.out.stem if self.is_file else title


_OPTIONS = (
    click.option(
        "--out",
        type=PATH,
        default="surfaces",
        show_default=True,
        help="Folder of the surfaces, or FILE.h5 for one surface.",
    ),
    click.option(
        "--overwrite",
        is_flag=True,
        help="Replace existing surface files instead of resuming them.",
    ),
    click.option(
        "--store-directions",
        is_flag=True,
        help="Store δ and η in the file; always on for through, towards, pca and eigenvectors.",
    ),
    click.option(
        "--view",
        is_flag=True,
        help="Serve a live page that updates as points are evaluated; stop it with Ctrl-C.",
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON object per surface; suppress progress output.",
    ),
)

output_options = grouped("output", OutputOptions, OUTPUT_OPTIONS, _OPTIONS)
"""Adds the options of :class:`OutputOptions`, and passes it as ``output``."""
