"""The surfaces in the files and folders that a command is given."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from landscape import hdf5
from landscape.commands.messages import with_options
from landscape.errors import LandscapeError, SurfaceFileError, first_line
from landscape.page.catalog import SUFFIXES
from landscape.surface import Surface


def read(paths: Sequence[Path]) -> tuple[list[tuple[Path, Surface]], list[str]]:
    """Return the surfaces in files, and in folders and those inside of them.

    Args:
        paths: Files and folders.

    Returns:
        Each surface with its file, and why other files in folders cannot be read.

    Raises:
        LandscapeError: A file that was named cannot be read, or a folder holds no surface.
    """
    found: list[tuple[Path, Surface]] = []
    unread = []
    for path in paths:
        if not path.is_dir():
            found.append((path, hdf5.load(path)))
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        if not inside:
            raise SurfaceFileError(f"{path} holds no surface: scan one into it first")
        for each in inside:
            try:
                found.append((each, hdf5.load(each)))
            except LandscapeError as error:
                unread.append(first_line(error))
    if not found:
        raise SurfaceFileError(unread[0])
    return found, unread


def report_left_out(reasons: Iterable[str]) -> None:
    """Print why files are left out, one line each.

    Args:
        reasons: The reasons.
    """
    for reason in reasons:
        click.echo(f"left out: {with_options(reason)}", err=True)
